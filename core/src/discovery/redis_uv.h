/* redis_uv.h: a session with Redis on a libuv loop. Names are looked up in libuv's thread pool. */
#ifndef DR_DISCOVERY_REDIS_UV_H
#define DR_DISCOVERY_REDIS_UV_H

#include <uv.h>

#include "discovery/redis_session.h"

typedef struct dr_redis_uv dr_redis_uv;

/* dr_redis_uv_new drives `redis` on `loop`. Ownership: gives; dr_redis_uv_close frees it once its
 * handles are closed, and calls `on_closed` (may be NULL). Borrows `redis` until then: it is not
 * touched after dr_redis_uv_close has returned. Errors: DORA_ENOMEM, DORA_EIO.
 * Thread: the loop's. The handles do not keep the loop running while `redis` is STOPPED. */
dora_err dr_redis_uv_new(dr_redis_uv **driver, uv_loop_t *loop, dr_redis *redis);
void dr_redis_uv_close(dr_redis_uv *driver, void (*on_closed)(void *user), void *user);

/* dr_redis_uv_look does what `redis` wants now. To be called after the owner has used it outside of
 * its events: started or stopped it, given a command, set the alarm. */
void dr_redis_uv_look(dr_redis_uv *driver);

#endif
