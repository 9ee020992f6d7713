/* redis_wait.c: sessions with any number of Redis, by poll(2). */
#include "discovery/redis_wait.h"

#include "base/clock.h"
#include "base/mem.h"
#include "discovery/redis_conn.h"
#include "transport/transport_poll.h"

typedef struct session {
    dr_redis_conn conn;
    dr_transport transport;
} session;

struct dr_redis_wait {
    session *sessions;
    dr_transport **transports; /* theirs */
    struct pollfd *items;
    size_t count;
};

static void settle(dr_redis_wait *wait)
{
    for (size_t i = 0; i < wait->count; i++) {
        dr_redis_conn_settle(&wait->sessions[i].conn);
    }
}

/* One turn: waits for bytes, but not past `until_ns`, reads them, then looks at the time: a session
 * that was not driven for long does not take bytes that wait for silence. */
static void turn(dr_redis_wait *wait, uint64_t until_ns)
{
    for (size_t i = 0; i < wait->count; i++) {
        uint64_t deadline_ns = dr_redis_deadline_ns(wait->sessions[i].conn.redis);
        if (deadline_ns != 0 && deadline_ns < until_ns) {
            until_ns = deadline_ns;
        }
    }
    dr_transport_poll(wait->transports, wait->items, wait->count, until_ns);
    for (size_t i = 0; i < wait->count; i++) {
        dr_redis_tick(wait->sessions[i].conn.redis, dr_clock_ns());
    }
    settle(wait);
}

void dr_redis_wait_run(dr_redis_wait *wait, bool (*is_done)(void *user), void *user,
                       uint64_t until_ns)
{
    settle(wait);
    while (!is_done(user)) {
        bool is_last = dr_clock_ns() >= until_ns;
        turn(wait, until_ns);
        if (is_last) {
            return;
        }
    }
}

dora_err dr_redis_wait_new(dr_redis_wait **wait, dr_redis *const *redis, size_t count)
{
    dr_redis_wait *made = dr_calloc(1, sizeof *made);
    *wait = NULL;
    if (made == NULL) {
        return DORA_ENOMEM;
    }
    made->sessions = dr_calloc(count, sizeof *made->sessions);
    made->transports = dr_calloc(count, sizeof(dr_transport *));
    made->items = dr_calloc(count, sizeof *made->items);
    if (made->sessions == NULL || made->transports == NULL || made->items == NULL) {
        dr_redis_wait_free(made);
        return DORA_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        session *one = &made->sessions[i];
        one->conn.redis = redis[i];
        one->conn.transport = made->transports[i] = &one->transport;
        dr_transport_init(&one->transport, &dr_transport_poll_driver, &dr_redis_conn_uses,
                          &one->conn);
    }
    made->count = count;
    *wait = made;
    return DORA_OK;
}

void dr_redis_wait_free(dr_redis_wait *wait)
{
    if (wait == NULL) {
        return;
    }
    for (size_t i = 0; i < wait->count; i++) {
        dr_transport_close(wait->transports[i]);
    }
    dr_free(wait->sessions);
    dr_free(wait->transports);
    dr_free(wait->items);
    dr_free(wait);
}
