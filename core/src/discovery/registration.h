/* registration.h: one server's place in one Redis: joins, says every few seconds that it lives,
 * leaves. Pure: its session is driven by others (redis_session.h). Source: PROTOCOL.md,
 * "Discovery". */
#ifndef DR_DISCOVERY_REGISTRATION_H
#define DR_DISCOVERY_REGISTRATION_H

#include "discovery/entry.h"
#include "discovery/redis_session.h"

typedef struct dr_registration dr_registration;

typedef enum dr_registration_state {
    DR_REGISTRATION_LEFT,    /* it is not wanted there, and not there */
    DR_REGISTRATION_LEAVING, /* withdrawing */
    DR_REGISTRATION_JOINING, /* wanted there, not there yet, or not any more: see `why` */
    DR_REGISTRATION_JOINED
} dr_registration_state;

typedef struct dr_registration_status {
    dr_registration_state state;
    const char *why;   /* what went wrong last, "" while JOINED; borrowed until the next function */
    uint64_t beats;    /* that were answered without an error, since the beginning */
    uint64_t failures; /* connections lost or refused, error replies, since the beginning */
} dr_registration_status;

/* dr_registration_new makes one that has LEFT. `on_change` (may be NULL) is called when the status
 * has changed in more than its counts. Ownership: copies the entry; gives; dr_registration_free
 * frees. Errors: DORA_ENOMEM. */
dora_err dr_registration_new(dr_registration **registration, const dr_redis_url *url,
                             const dr_entry *entry, void (*on_change)(void *user), void *user);
void dr_registration_free(dr_registration *registration);

/* dr_registration_redis is the session that a driver is to move. */
dr_redis *dr_registration_redis(dr_registration *registration);

/* dr_registration_join wants the server listed; dr_registration_leave wants it gone, and then
 * closes the connection: after `grace_ms` at the latest it has LEFT, whatever Redis says. Look at
 * the driver afterwards. */
void dr_registration_join(dr_registration *registration, uint64_t now_ns);
void dr_registration_leave(dr_registration *registration, uint32_t grace_ms, uint64_t now_ns);

/* dr_registration_let_go closes the connection and leaves the server listed: another process says
 * from now on that it lives. */
void dr_registration_let_go(dr_registration *registration, uint64_t now_ns);

dr_registration_status dr_registration_status_of(const dr_registration *registration);

#endif
