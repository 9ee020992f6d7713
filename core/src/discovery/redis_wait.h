/* redis_wait.h: sessions with any number of Redis, all at once, by a thread that waits for them. */
#ifndef DR_DISCOVERY_REDIS_WAIT_H
#define DR_DISCOVERY_REDIS_WAIT_H

#include "discovery/redis_session.h"

/* dr_redis_wait is the descriptors of a set of sessions, kept from one wait to the next. */
typedef struct dr_redis_wait dr_redis_wait;

/* dr_redis_wait_new: `redis` are `count` sessions. Ownership: copies the list, borrows the
 * sessions; gives; dr_redis_wait_free closes the descriptors (NULL is fine). Errors: DORA_ENOMEM.
 */
dora_err dr_redis_wait_new(dr_redis_wait **wait, dr_redis *const *redis, size_t count);
void dr_redis_wait_free(dr_redis_wait *wait);

/* dr_redis_wait_run moves bytes until `is_done(user)` says so, or until `until_ns` (dr_clock_ns).
 * With `until_ns` in the past it does what is possible without waiting. Looking up a host by name
 * may take longer: that is the system's resolver's time. Thread: one at a time. */
void dr_redis_wait_run(dr_redis_wait *wait, bool (*is_done)(void *user), void *user,
                       uint64_t until_ns);

#endif
