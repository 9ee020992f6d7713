/* registry.h: the nodes a client or a monitor knows, from a node file or from any number of Redis
 * together. Keeps the last good ones. Pure but for reading the file. */
#ifndef DR_DISCOVERY_REGISTRY_H
#define DR_DISCOVERY_REGISTRY_H

#include "discovery/redis_session.h"
#include "discovery/roster.h"

#define DR_REGISTRY_REDIS_MAX 16u /* Redis of one registry */
#define DR_REGISTRY_FILE_MS 200u  /* the node file is looked at so often, at most */
#define DR_REGISTRY_RETURN_MS                                                                      \
    10000u /* servers come back to Redis within this; redis_session.h: pauses */
#define DR_REGISTRY_FILE_BYTES_MAX (4u * 1024 * 1024)

typedef struct dr_registry dr_registry;

/* on_warning: something is wrong, and goes on with the last good nodes: once until it changes. One
 * line, NUL-ended, borrowed. It must not call the registry. */
typedef struct dr_registry_events {
    void (*on_warning)(void *user, const char *text);
    void *user;
} dr_registry_events;

/* dr_registry_is_meant says whether `nodes` of a client's options names a registry: "file:PATH", or
 * one or several "redis://..." or "rediss://..." parted by commas. */
bool dr_registry_is_meant(const char *nodes);

/* dr_registry_new reads such a text (for the monitor "host:port" is a Redis, too). `subscribes` as
 * in membership.h. It does not connect, nor read the file. Ownership: copies; gives;
 * dr_registry_free frees (NULL is fine). Errors: DORA_EINVAL, naming the wrong part; DORA_ENOMEM.
 */
dora_err dr_registry_new(dr_registry **registry, const char *sources, bool subscribes,
                         const dr_registry_events *events, dora_error *error);
void dr_registry_free(dr_registry *registry);

/* dr_registry_sessions is how many sessions are to be driven (a file: 0); dr_registry_session gives
 * one. Where it subscribes, an event of one makes another one speak: look at the drivers of all. */
size_t dr_registry_sessions(const dr_registry *registry);
dr_redis *dr_registry_session(dr_registry *registry, size_t index);

/* dr_registry_has_tls says whether a session is to speak TLS; dr_registry_use_tls is
 * dr_redis_use_tls for all. */
bool dr_registry_has_tls(const dr_registry *registry);
void dr_registry_use_tls(dr_registry *registry, dr_tls_context *tls, const char *name);

/* dr_registry_start begins, dr_registry_stop closes all connections. */
void dr_registry_start(dr_registry *registry, uint64_t now_ns);
void dr_registry_stop(dr_registry *registry, uint64_t now_ns);

/* dr_registry_read asks every Redis for a reading that has none under way, or looks at the file
 * where DR_REGISTRY_FILE_MS have passed. dr_registry_is_reading: answers may come soon. */
void dr_registry_read(dr_registry *registry, uint64_t now_ns);
bool dr_registry_is_reading(const dr_registry *registry);

/* dr_registry_changed says whether the roster is another than when it was asked last.
 * dr_registry_roster is the union of what the Redis that are up say, sorted by name (a file's stays
 * in the file's order); of one that is down its last roster counts until another one has said
 * something since. When all are down, or when all say "nobody" after there were nodes, the last
 * good roster stays, with a warning: "nobody" is hardly ever true. Of several nodes it counts
 * beside what is said next, too, until all are named again, or for DR_REGISTRY_RETURN_MS. NULL
 * before any was found. dr_registry_why says, where there is none, why: for the message of a call
 * that fails. Borrowed until the next function. */
bool dr_registry_changed(dr_registry *registry);
const dr_roster *dr_registry_roster(const dr_registry *registry);
const char *dr_registry_why(const dr_registry *registry);

#endif
