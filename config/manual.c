/* docs/options.md: every option, from the table that the loader uses. */
#include "config/room.h"

static const char intro[] =
    "# Options\n"
    "\n"
    "<!-- Made from config/options.def by config_manual(); a test compares the two. Do not edit. "
    "-->\n"
    "\n"
    "The configuration is one JSON file. `weir check FILE` says what is wrong with it and where;\n"
    "`weir check --print FILE` shows it as weir understands it, defaults included. An option that\n"
    "does not exist is an error, and so is a key that is there twice. For editors there is a JSON\n"
    "Schema, `config/weir.schema.json`: name it in a top-level `\"$schema\"`.\n"
    "\n"
    "**Values.** Sizes are a number of bytes or text with a unit: `B`, `KiB`, `MiB`, `GiB`, "
    "`TiB`,\n"
    "or `kB`, `MB`, `GB`, `TB` by thousands. Durations always have a unit: `ms`, `s`, `m`, `h`, "
    "`d`.\n"
    "Percentages are numbers with at most two decimals. Relative paths are taken from the folder "
    "of\n"
    "the file. No text may be empty: leave the option out instead.\n"
    "\n"
    "**Variables.** In any text value `${NAME}` is replaced by an environment variable,\n"
    "`${NAME:-default}` by the default when the variable is unset or empty, and `${file:/path}` "
    "by\n"
    "what the file holds, without its last line break. That works for numbers and `true`/`false` "
    "too:\n"
    "`\"workers\": \"${WORKERS:-4}\"`. Only `${` begins a variable; to have it literally, write "
    "`$${`\n"
    "(`$$` is a plain `$`). What comes in is not looked at again.\n"
    "\n"
    "**Environments.** With `--env NAME` the file `environments/NAME.json` beside the "
    "configuration\n"
    "is merged over it: objects merge, lists and other values replace, `null` removes.\n"
    "\n"
    "**Secrets** are shown as `***`, and `***` is refused when it is loaded.\n";

static enum err put_default(const struct option *o, struct buf *out)
{
    if (option_required(o))
        return buf_append(out, SPAN("required"));
    return o->fallback[0] == '\0' ? ERR_OK : buf_printf(out, "`%s`", o->fallback);
}

static enum err put_link(const struct option *o, struct buf *out)
{
    return buf_printf(out, "[%s](#%s)", scope_info(o->to)->path, scope_info(o->to)->name);
}

static enum err put_value(const struct option *o, struct buf *out)
{
    switch (o->type) {
    case OPTION_SECTION:
    case OPTION_OPTIONAL:
        return put_link(o, out);
    case OPTION_LIST:
    case OPTION_MAP:
        TRY(o->min == o->max ? buf_printf(out, "exactly %llu of ", (unsigned long long)o->max)
                             : buf_printf(out, "%llu to %llu of ", (unsigned long long)o->min,
                                          (unsigned long long)o->max));
        return put_link(o, out);
    case OPTION_SIZE:
        TRY(buf_append(out, SPAN("size, ")));
        TRY(unit_put_size(out, o->min));
        TRY(buf_append(out, SPAN(" to ")));
        return unit_put_size(out, o->max);
    case OPTION_DURATION:
        TRY(buf_append(out, SPAN("duration, ")));
        TRY(unit_put_duration(out, o->min));
        TRY(buf_append(out, SPAN(" to ")));
        return unit_put_duration(out, o->max);
    case OPTION_UINT:
        return buf_printf(out, "%llu to %llu %s", (unsigned long long)o->min,
                          (unsigned long long)o->max, o->unit);
    case OPTION_PERCENT:
        return buf_append(out, SPAN("0 to 100"));
    case OPTION_NAMES:
        TRY(option_expects(o, out));
        return o->syntax->right == NULL ? ERR_OK : buf_printf(out, ": %s", o->syntax->right);
    default:
        return option_expects(o, out);
    }
}

/* A '|' would end the cell. */
static enum err put_cell(struct buf *out, enum err (*put)(const struct option *, struct buf *),
                         const struct option *o)
{
    struct buf cell = BUF_INIT(0);
    enum err e = put(o, &cell);
    for (size_t i = 0; i < cell.n && e == ERR_OK; i++) {
        e = cell.p[i] == '|' ? buf_append(out, SPAN("\\")) : ERR_OK;
        if (e == ERR_OK)
            e = buf_append(out, span_of(cell.p + i, 1));
    }
    buf_free(&cell);
    return e;
}

static enum err put_help(const struct option *o, struct buf *out)
{
    return buf_append(out, span_str(o->help));
}

static enum err put_scope(enum scope s, struct buf *out)
{
    const struct scope_info *info = scope_info(s);
    size_t n;
    const struct option *o = scope_options(s, &n);
    TRY(buf_printf(out, "\n## <a id=\"%s\"></a>%s\n\n%s\n", info->name,
                   info->path[0] == '\0' ? "The top level" : info->path, info->help));
    if (info->exactly_one[0] != '\0') {
        struct span first = span_str(info->exactly_one);
        size_t space = span_find(first, ' ');
        TRY(buf_printf(out, "\nExactly one of `" SPAN_FMT "` and `%s` must be given.\n",
                       SPAN_ARG(span_until(first, space)), info->exactly_one + space + 1));
    }
    TRY(buf_append(out, SPAN("\n| option | value | default | |\n|---|---|---|---|\n")));
    for (size_t i = 0; i < n; i++) {
        TRY(buf_printf(out, "| `%s` | ", o[i].key));
        TRY(put_cell(out, put_value, &o[i]));
        TRY(buf_append(out, SPAN(" | ")));
        TRY(put_cell(out, put_default, &o[i]));
        TRY(buf_append(out, SPAN(" | ")));
        TRY(put_cell(out, put_help, &o[i]));
        TRY(buf_append(out, SPAN(" |\n")));
    }
    return ERR_OK;
}

enum err config_manual(struct buf *out)
{
    TRY(buf_append(out, span_str(intro)));
    for (enum scope s = SCOPE_root; s < SCOPE_COUNT; s++)
        TRY(put_scope(s, out));
    return ERR_OK;
}
