/* server.h: the whole server: pools, reactors and supervisor, from start to stop. */
#ifndef DR_SERVER_H
#define DR_SERVER_H

#include <dora/server.h>

#include "server/config/config.h"
#include "server/master/rehearsal.h"

/* dr_config_source reads the configuration again, for a reload, into one that it makes: as
 * dr_config_init and what follows it. The caller gives it to dr_config_fini, also after an error.
 * Thread: the supervisor's. */
typedef struct dr_config_source {
    dora_err (*read)(dr_config *config, void *user, dora_error *error);
    void *user;
} dr_config_source;

/* dr_server_run is the master's life: it starts the pools, listens, prints the ready line, and
 * comes back when the server was stopped. Errors: what kept it from starting, or ended it. */
dora_err dr_server_run(const dr_config *config, const dr_config_source *source,
                       const dora_host *host, dora_error *error);

/* dr_server_rehearse loads every application as a start does, in processes of their own, and comes
 * back. Errors: as dr_rehearsal_look, and what keeps it from that; after a signal DORA_OK, too, and
 * pools were not told. */
dora_err dr_server_rehearse(const dr_config *config, const dora_host *host,
                            const dr_rehearsal *rehearsal, dora_error *error);

#endif
