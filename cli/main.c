/* weir: the table of commands. */
#include "cli/cli.h"

#include <locale.h>

static const struct cli_command *const commands[] = {
    &cmd_run,    &cmd_demo,    &cmd_check,  &cmd_explain, &cmd_routes, &cmd_plan,    &cmd_status,
    &cmd_flip,   &cmd_weight,  &cmd_pause,  &cmd_undo,    &cmd_audit,  &cmd_restore, &cmd_sign,
    &cmd_reload, &cmd_upgrade, &cmd_report, &cmd_gate,    &cmd_rules,  &cmd_diff,    &cmd_replay,
};

int main(int argc, char **argv)
{
    (void)setlocale(LC_CTYPE, ""); /* only to learn whether the terminal takes UTF-8 */
    return cli_main(argc, argv, commands, ARRAY_LEN(commands));
}
