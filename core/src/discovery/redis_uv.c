/* redis_uv.c: a session with Redis on a libuv loop. */
#include "discovery/redis_uv.h"

#include "base/clock.h"
#include "base/mem.h"
#include "discovery/redis_conn.h"
#include "transport/transport_uv.h"

struct dr_redis_uv {
    dr_redis_conn conn; /* its session is NULL while closing */
    uv_timer_t timer;
    uint64_t timer_ns; /* when it is to come; 0: it is stopped */
    size_t parts;      /* the timer and the transport, until they have ended */
    void (*on_closed)(void *user);
    void *user;
};

/* `user` is the connection, which comes first. */
static void part_gone(void *user)
{
    dr_redis_uv *driver = user;
    if (--driver->parts > 0) {
        return;
    }
    void (*on_closed)(void *user) = driver->on_closed;
    void *owner = driver->user;
    dr_free(driver);
    if (on_closed != NULL) {
        on_closed(owner);
    }
}

static void on_due(uv_timer_t *timer)
{
    dr_redis_uv *driver = timer->data;
    driver->timer_ns = 0;
    dr_redis_tick(driver->conn.redis, dr_clock_ns());
    dr_redis_uv_look(driver);
}

/* The loop may have been held up for long: what came in meanwhile is read before the time is
 * looked at. Timers run before the reading, so one more turn is waited. */
static void on_timer(uv_timer_t *timer)
{
    uv_timer_start(timer, on_due, 1, 0);
}

/* The timer is only ever moved forward; the session does nothing when it comes early. */
static void arm(void *user)
{
    dr_redis_uv *driver = user;
    uv_handle_t *timer = (uv_handle_t *)&driver->timer;
    uint64_t deadline_ns = dr_redis_deadline_ns(driver->conn.redis);
    if (dr_redis_state_of(driver->conn.redis) == DR_REDIS_STOPPED) {
        uv_unref(timer);
    } else {
        uv_ref(timer);
    }
    if (deadline_ns == 0) {
        driver->timer_ns = 0;
        uv_timer_stop(&driver->timer);
    }
    if (deadline_ns == 0 || (driver->timer_ns != 0 && driver->timer_ns <= deadline_ns)) {
        return;
    }
    driver->timer_ns = deadline_ns;
    uv_timer_start(&driver->timer, on_timer, dr_clock_left_ms(deadline_ns), 0);
}

void dr_redis_uv_look(dr_redis_uv *driver)
{
    dr_redis_conn_settle(&driver->conn);
}

dora_err dr_redis_uv_new(dr_redis_uv **driver, uv_loop_t *loop, dr_redis *redis)
{
    dr_redis_uv *made = dr_calloc(1, sizeof *made);
    *driver = NULL;
    if (made == NULL) {
        return DORA_ENOMEM;
    }
    made->conn = (dr_redis_conn){.redis = redis, .on_settled = arm, .user = made};
    made->conn.transport = dr_transport_uv_new(loop, &dr_redis_conn_uses, &made->conn);
    if (made->conn.transport == NULL) {
        dr_free(made);
        return DORA_ENOMEM;
    }
    made->parts = 2;
    uv_timer_init(loop, &made->timer); /* cannot fail */
    made->timer.data = made;
    *driver = made;
    return DORA_OK;
}

static void on_timer_closed(uv_handle_t *handle)
{
    part_gone(handle->data);
}

void dr_redis_uv_close(dr_redis_uv *driver, void (*on_closed)(void *user), void *user)
{
    driver->conn.redis = NULL;
    driver->on_closed = on_closed;
    driver->user = user;
    dr_transport_uv_free(driver->conn.transport, part_gone);
    uv_close((uv_handle_t *)&driver->timer, on_timer_closed);
}
