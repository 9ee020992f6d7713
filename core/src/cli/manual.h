/* manual.h: dora(1) and dora.json(5), as manual pages and in the terminal. */
#ifndef DR_CLI_MANUAL_H
#define DR_CLI_MANUAL_H

#include "cli/help.h"

/* dr_cli_manual prints a page, "dora" or "dora.json", as roff.
 * Returns: DR_EXIT_OK, DR_EXIT_USAGE for another page, DR_EXIT_FAILED without memory. */
int dr_cli_manual(const char *page);

/* dr_cli_keys prints the keys of a configuration for who reads them here.
 * Returns: DR_EXIT_OK, or DR_EXIT_FAILED without memory. */
int dr_cli_keys(void);

#endif
