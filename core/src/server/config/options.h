/* options.h: the command line of `dora serve`, to a dr_config. */
#ifndef DR_SERVER_OPTIONS_H
#define DR_SERVER_OPTIONS_H

#include <dora/server.h>

#include "server/config/config.h"

/* dr_options_parse reads argv (without program and subcommand) into `config`, which
 * dr_config_init filled: first host->config, then the file of --config, then a pool for each FILE,
 * then host->options, then the other flags; --workers counts for every pool. The pool of
 * host->again_app, a FILE or an `app` of host->config, gets from_again; a FILE the host's runtime,
 * too. `host` may be NULL. `*config_path` (may be NULL) is the file of --config, NULL without;
 * borrowed from argv. Errors: DORA_EINVAL for a wrong command line; DORA_ECONFIG, DORA_EIO and
 * DORA_ENOMEM as dr_config_load and dr_config_check. */
dora_err dr_options_parse(dr_config *config, int argc, char *const *argv, const dora_host *host,
                          const char **config_path, dora_error *error);

/* dr_options_flags lists the flags of `dora serve`, "--config" and so on, ending with NULL. */
const char *const *dr_options_flags(void);

#endif
