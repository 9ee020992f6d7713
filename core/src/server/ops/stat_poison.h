/* stat_poison.h: calls that have ended workers, as values. Thread: any. */
#ifndef DR_SERVER_STAT_POISON_H
#define DR_SERVER_STAT_POISON_H

#include "server/call/backend.h"

/* dr_stat_put_poison writes what a dr_pool refuses. */
void dr_stat_put_poison(dora_writer *writer, void *of);

/* dr_stat_forgive forgets the calls of an api, of all where `name` is empty, and writes which they
 * were: pool by pool a list. Errors: the writer keeps them. */
void dr_stat_forgive(dr_backend *backend, dora_slice name, dora_writer *writer);

#endif
