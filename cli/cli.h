/* The command line: a table of commands, each with a table of options, from which parsing, --help
 * and suggestions are made. Private to cli/. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "config/config.h"
#include "control/control.h"

#include <limits.h>

/* --- exit status, the same for every command --- */

enum {
    CLI_OK = 0,
    CLI_FAILED = 1, /* it was refused, or could not be done */
    CLI_WRONG = 2,  /* the command line or the configuration is wrong */
    CLI_NOBODY = 3, /* no weir answers */
    CLI_PARTLY = 4, /* done here, but not everywhere yet */
};

/* --- options --- */

enum cli_kind {
    CLI_FLAG,  /* --name           bool */
    CLI_TEXT,  /* --name VALUE     const char *; also --name=VALUE */
    CLI_LIST,  /* --name VALUE     struct cli_list; may be given several times */
    CLI_MAYBE, /* --name[=VALUE]   const char *; "" without a value */
};

enum { CLI_LIST_MAX = 32 };

struct cli_list {
    const char *list[CLI_LIST_MAX];
    size_t n;
};

struct cli_option {
    const char *name; /* without dashes */
    enum cli_kind kind;
    size_t at;         /* offsetof(the command's struct, member) */
    const char *value; /* what the value is called in --help; NULL: a flag */
    const char *help;
};

/* --- commands --- */

struct cli_call;

struct cli_command {
    const char *name;
    const char *summary; /* one line, no full stop */
    const char *usage;   /* what follows the name: "ROUTE PERCENT" */
    const char *about;   /* for --help: paragraphs; may be NULL */
    const struct cli_option *options;
    size_t noptions;
    size_t size; /* of the struct the options are written into; it begins as zeroes */
    size_t args_min;
    size_t args_max;
    int (*run)(const struct cli_call *call);
};

struct cli_terminal {
    bool is_terminal;
    bool colour;  /* a terminal, and NO_COLOR is not set */
    bool unicode; /* the locale says UTF-8 */
    unsigned width;
};

struct cli_call {
    const struct cli_command *command;
    void *options;
    const char *const *args; /* what is not an option */
    size_t nargs;
    struct cli_terminal terminal; /* standard output */
};

struct cli_group {
    const char *title; /* in the list of `weir help` */
    const struct cli_command *const *commands;
    size_t n;
};

int cli_main(int argc, char **argv, const struct cli_group *groups, size_t n);
/* `weir NAME ...`, `weir help [NAME]`, `weir NAME --help`, `weir --version`. Returns the exit
 * status. */

/* --- options.c --- */

int cli_parse(const struct cli_command *c, int argc, char **argv, struct cli_call *call,
              bool *wants_help);
/* CLI_OK, or CLI_WRONG after saying why. argv[0] is the first word after the command's name.
 * call->options is allocated (c->size zeroes first), call->args too; cli_call_free() frees both. */

void cli_call_free(struct cli_call *call);
void cli_help(const struct cli_command *c, const struct cli_terminal *t);

/* --- help for commands (tools.c) --- */

void cli_say(const char *fmt, ...) PRINTF(1, 2);
/* "weir: ..." on standard error. */

void cli_complain(const struct complaints *wrong);
/* Each complaint on a line of standard error. */

bool cli_duration(const char *text, uint64_t *ms) MUST_USE;
/* 500ms, 5s, 10m, 24h, 7d. */

const char *cli_state_dir(void);
/* Where state lies when no configuration says otherwise: the default of the option `state_dir`.
 * NULL after saying why there is none. */

enum { CLI_DEMO_DIR_MAX = 90 }; /* its socket's path must fit into 107 bytes */

int cli_dial(unsigned port, unsigned timeout_s);
/* A connection to this port of 127.0.0.1 on which no read, write or connect waits longer; -1: none.
 */

bool cli_demo_dir(char out[CLI_DEMO_DIR_MAX]);
/* Where `weir demo` keeps its things: weir-demo-<uid> in $TMPDIR, else in /tmp. Whether it is there
 * and ours: it lies where anybody may have put something of that name. */

enum err cli_load(const char *file, const char *env, struct snapshot **out,
                  struct complaints *wrong) MUST_USE;
/* A configuration as it would decide, without pins and weights from elsewhere; for
 * snapshot_free(). */

void cli_remove_dir(const char *dir);
/* A directory of ours with the files in it, as far as it can be; directories in it stay. */

struct cli_terminal cli_terminal(int fd);
enum err cli_read(const char *path, struct buf *out) MUST_USE;
/* A whole file; "-": standard input. ERR_SYSTEM with errno. */

enum err cli_write(const char *path, struct span text) MUST_USE;
/* To a file, or to standard output when path is NULL. ERR_SYSTEM with errno. */

/* --- talking to a running weir (talk.c) --- */

/* The first member of the options of every command that does. */
struct cli_talk {
    const char *admin;
    const char *state_dir;
};

#define CLI_TALK_OPTIONS(type)                                        \
    {"admin", CLI_TEXT, offsetof(type, talk.admin), "PATH",           \
     "Admin socket of the weir to talk to"},                          \
    {                                                                 \
        "state-dir", CLI_TEXT, offsetof(type, talk.state_dir), "DIR", \
            "Its state_dir; the socket is admin.sock in there"        \
    }

#define CLI_TALK_ABOUT                                                                        \
    "The weir it talks to is found by --admin, else $WEIR_ADMIN, else --state-dir, else the " \
    "default\n"                                                                               \
    "state directory, else a demo of yours (`weir demo`).\n\n"                                \
    "Exit status: 0 done, 1 refused or failed, 2 wrong usage, 3 no weir answers, 4 in force " \
    "there\n"                                                                                 \
    "but not everywhere yet."

int cli_ask(const struct cli_call *call, const struct cli_talk *talk, const char *method,
            const char *path, struct span body, uint64_t timeout_ms);
/* Sends one request, prints the answer (path asks for text or JSON), returns the exit status that
 * fits it. */

enum err cli_json_escaped(struct buf *out, const char *text) MUST_USE;
/* Appends text as it stands between the quotes of JSON. */

enum err cli_json_string(struct buf *out, const char *key, const char *value) MUST_USE;
/* Appends "key": "value", with a comma when out does not end in '{'. NULL: nothing. */

const char *cli_user(void);
/* Who sits in front: $SUDO_USER, else the user's name. */

int cli_fetch(const struct cli_talk *talk, const char *path, uint64_t timeout_ms, struct buf *out);
/* Appends the answer instead of printing it; a refusal is printed. */

/* --- what reports are made from (records.c) --- */

/* A member of the options of every command that reports. */
struct cli_source {
    struct cli_talk talk;
    bool live;
    bool fleet;
};

#define CLI_SOURCE_OPTIONS(type)                                                        \
    {"live", CLI_FLAG, offsetof(type, source.live), NULL,                               \
     "From the table of findings of the weir that runs, not from records"},             \
        {"fleet", CLI_FLAG, offsetof(type, source.fleet), NULL,                         \
         "From the tables of all instances, by way of the Redis of the one that runs"}, \
        {"admin", CLI_TEXT, offsetof(type, source.talk.admin), "PATH",                  \
         "Admin socket of the weir to ask; records lie beside it"},                     \
    {                                                                                   \
        "state-dir", CLI_TEXT, offsetof(type, source.talk.state_dir), "DIR",            \
            "Its state_dir, where records and socket are"                               \
    }

struct cli_records {
    char before[PATH_MAX]; /* the record file before */
    char now[PATH_MAX];    /* the record file, or the table where there is none */
    const char *files[2];
    struct buf text; /* of --live and --fleet */
};

struct report_options;

int cli_find_records(const struct cli_call *call, const struct cli_source *s, struct cli_records *d,
                     struct report_options *r);
/* Fills in what is to be read: the files that were named; or tables; or the records of the state
 * directory (the default, else that of a demo). CLI_OK, or another status after saying why. Ends
 * with buf_free(&d->text). */

/* What `weir flip`, `weir weight`, `weir undo` and others have in common. */
struct cli_order {
    const char *why;
    const char *by;
    const char *wait;
};

#define CLI_WHO_OPTIONS(type)                                                                    \
    {"why", CLI_TEXT, offsetof(type, order.why), "TEXT", "Why; for those who look at it later"}, \
    {                                                                                            \
        "by", CLI_TEXT, offsetof(type, order.by), "NAME", "Who; default: $SUDO_USER, else you"   \
    }

#define CLI_ORDER_OPTIONS(type)                                                              \
    CLI_WHO_OPTIONS(type),                                                                   \
    {                                                                                        \
        "wait", CLI_MAYBE, offsetof(type, order.wait), "TIME",                               \
            "Wait until every live instance has it (default 5s), and name those that do not" \
    }

enum { CLI_ORDER_MS = 15000 };

int cli_send_order(const struct cli_call *call, const struct cli_talk *talk,
                   const struct cli_order *order, const char *path, struct buf *body,
                   uint64_t patience_ms);
/* body: the beginning of a JSON object, "{...", or nothing. Completes it by who, why and how long
 * to wait, and sends it; the answer may take patience_ms (mostly CLI_ORDER_MS) longer than that.
 * Frees body. */

int cli_leave_order(const struct cli_talk *talk, const struct cli_order *order, struct buf *body);
/* The same without the admin socket: through the state directory and a signal. */

int cli_history(const struct cli_talk *talk, const struct history_query *q);
/* Prints the audit trail. */

bool cli_is_named(const struct cli_talk *talk);
/* Whether a weir was named: --admin, --state-dir or $WEIR_ADMIN. */

int cli_find_state(const struct cli_talk *talk, char dir[PATH_MAX]);
/* The state directory of the weir that would be talked to; whether it runs or not. */

/* --- the commands --- */

extern const struct cli_command cmd_run;
extern const struct cli_command cmd_demo;
extern const struct cli_command cmd_explain;
extern const struct cli_command cmd_routes;
extern const struct cli_command cmd_plan;
extern const struct cli_command cmd_flip;
extern const struct cli_command cmd_weight;
extern const struct cli_command cmd_pause;
extern const struct cli_command cmd_undo;
extern const struct cli_command cmd_audit;
extern const struct cli_command cmd_restore;
extern const struct cli_command cmd_sign;
extern const struct cli_command cmd_status;
extern const struct cli_command cmd_reload;
extern const struct cli_command cmd_upgrade;
extern const struct cli_command cmd_check;
extern const struct cli_command cmd_report;
extern const struct cli_command cmd_diff;
extern const struct cli_command cmd_rules;
extern const struct cli_command cmd_gate;
extern const struct cli_command cmd_purge;
extern const struct cli_command cmd_replay;

#endif
