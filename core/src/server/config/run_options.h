/* run_options.h: what a program's run() is given. */
#ifndef DR_SERVER_RUN_OPTIONS_H
#define DR_SERVER_RUN_OPTIONS_H

#include "server/config/options.h"

/* dr_run_options_take (run_options.c) reads dora_host.options into `config`; keys of a pool go to
 * the one that is started by dora_host.again. Errors: those of dora_options_check. */
dora_err dr_run_options_take(dr_config *config, const char *options, const char *name,
                             dora_error *error);

#endif
