/* weir: the table of commands, in the groups in which `weir help` lists them. */
#include "cli/cli.h"

#include <locale.h>

static const struct cli_command *const begin[] = {&cmd_demo, &cmd_check, &cmd_routes, &cmd_explain,
                                                  &cmd_plan};
static const struct cli_command *const process[] = {&cmd_run, &cmd_status, &cmd_reload,
                                                    &cmd_upgrade};
static const struct cli_command *const traffic[] = {&cmd_flip,  &cmd_weight,  &cmd_pause, &cmd_undo,
                                                    &cmd_audit, &cmd_restore, &cmd_sign};
static const struct cli_command *const answers[] = {&cmd_report, &cmd_gate,   &cmd_rules,
                                                    &cmd_diff,   &cmd_replay, &cmd_purge};

static const struct cli_group groups[] = {
    {"Before it runs", begin, ARRAY_LEN(begin)},
    {"The proxy", process, ARRAY_LEN(process)},
    {"Who goes where", traffic, ARRAY_LEN(traffic)},
    {"Whether the two sides agree", answers, ARRAY_LEN(answers)},
};

int main(int argc, char **argv)
{
    (void)setlocale(LC_CTYPE, ""); /* only to learn whether the terminal takes UTF-8 */
    return cli_main(argc, argv, groups, ARRAY_LEN(groups));
}
