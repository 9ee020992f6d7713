/* redis_uv.c: a session with Redis on a libuv loop. The addresses of a name are tried in turn, all
 * within the time that the session gives for connecting. */
#include "discovery/redis_uv.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define NS_PER_MS 1000000u
#define READ_BYTES 16384u

/* One connection. Its handle and its look-up end later than its use: `is_over` is between. */
typedef struct conn {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } u;
    dr_redis_uv *driver;
    uv_connect_t connecting;
    uv_getaddrinfo_t looking;
    struct addrinfo *found; /* of the name */
    struct addrinfo *next;  /* to be tried */
    uv_write_t writing;
    char *chunk; /* what libuv writes; NULL: nothing */
    bool is_looking;
    bool has_handle;
    bool is_open;
    bool is_over;
    char room[READ_BYTES];
} conn;

struct dr_redis_uv {
    uv_loop_t *loop;
    dr_redis *redis; /* NULL: closing */
    conn *conn;      /* in use; NULL: none */
    uv_timer_t timer;
    uint64_t timer_ns; /* when it is to come; 0: it is stopped */
    bool is_looking;
    size_t parts; /* the timer, and connections that have not ended */
    void (*on_closed)(void *user);
    void *user;
};

/* ---- the end of a connection ---- */

static void part_gone(dr_redis_uv *driver)
{
    if (--driver->parts > 0) {
        return;
    }
    void (*on_closed)(void *user) = driver->on_closed;
    void *user = driver->user;
    dr_free(driver);
    if (on_closed != NULL) {
        on_closed(user);
    }
}

static void conn_free(conn *one)
{
    dr_redis_uv *driver = one->driver;
    if (one->has_handle || one->is_looking) {
        return; /* whoever ends last comes here again */
    }
    if (one->found != NULL) {
        uv_freeaddrinfo(one->found);
    }
    dr_free(one->chunk);
    dr_free(one);
    part_gone(driver);
}

static void on_handle_closed(uv_handle_t *handle)
{
    conn *one = handle->data;
    one->has_handle = false;
    conn_free(one);
}

/* Ends the use of a connection, whoever ended it. */
static void conn_end(conn *one)
{
    if (one == NULL || one->is_over) {
        return;
    }
    one->is_over = true;
    one->driver->conn = NULL;
    if (one->is_looking) {
        uv_cancel((uv_req_t *)&one->looking);
    }
    if (one->has_handle) {
        if (!uv_is_closing(&one->u.handle)) {
            uv_close(&one->u.handle, on_handle_closed);
        }
    } else {
        conn_free(one);
    }
}

static void lose(conn *one, const char *doing, int status)
{
    char why[128];
    dr_redis_uv *driver = one->driver;
    if (status == UV_EOF) {
        snprintf(why, sizeof why, "closed the connection");
    } else {
        snprintf(why, sizeof why, "%s: %s", doing, uv_strerror(status));
    }
    conn_end(one);
    dr_redis_lost(driver->redis, why, dr_clock_ns());
    dr_redis_uv_look(driver);
}

/* ---- bytes ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    conn *one = handle->data;
    (void)suggested;
    *buf = uv_buf_init(one->room, READ_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    conn *one = stream->data;
    if (one->is_over || got == 0) {
        return;
    }
    if (got < 0) {
        lose(one, "connection lost", (int)got);
        return;
    }
    const dora_slice bytes = {buf->base, (size_t)got};
    dr_redis_received(one->driver->redis, bytes, dr_clock_ns());
    dr_redis_uv_look(one->driver);
}

static void on_written(uv_write_t *request, int status)
{
    conn *one = request->data;
    dr_free(one->chunk);
    one->chunk = NULL;
    if (one->is_over) {
        return;
    }
    if (status < 0) {
        lose(one, "connection lost", status);
        return;
    }
    dr_redis_uv_look(one->driver);
}

/* Gives libuv what the socket does not take at once. Returns: 0, or libuv's error. */
static int write_later(conn *one, dora_slice out)
{
    one->chunk = dr_alloc(out.len);
    if (one->chunk == NULL) {
        return UV_ENOMEM;
    }
    memcpy(one->chunk, out.data, out.len);
    uv_buf_t buf = uv_buf_init(one->chunk, (unsigned)out.len);
    one->writing.data = one;
    int status = uv_write(&one->writing, &one->u.stream, &buf, 1, on_written);
    if (status == 0) {
        dr_redis_sent(one->driver->redis, out.len);
    } else {
        dr_free(one->chunk);
        one->chunk = NULL;
    }
    return status;
}

static void write_some(conn *one)
{
    dr_redis *redis = one->driver->redis;
    dora_slice out = dr_redis_output(redis);
    int status = 0;
    if (out.len > 0 && one->chunk == NULL) {
        uv_buf_t buf = uv_buf_init((char *)(uintptr_t)out.data, (unsigned)out.len);
        status = uv_try_write(&one->u.stream, &buf, 1);
        if (status > 0) {
            dr_redis_sent(redis, (size_t)status);
            out = dr_redis_output(redis);
        }
        if (out.len > 0 && (status > 0 || status == UV_EAGAIN)) {
            status = write_later(one, out);
        }
    }
    /* Where Redis has closed, what it said before is read first: the reading notices the end. */
    if (status < 0 && status != UV_EPIPE && status != UV_ECONNRESET) {
        lose(one, "connection lost", status);
    }
}

/* ---- connecting ---- */

static void connect_next(conn *one, int problem);

static void on_connect(uv_connect_t *request, int status)
{
    conn *one = request->data;
    if (one->is_over) {
        return;
    }
    if (status == 0) {
        status = uv_read_start(&one->u.stream, on_alloc, on_read);
    }
    if (status != 0) {
        connect_next(one, status);
        return;
    }
    one->is_open = true;
    dr_redis_connected(one->driver->redis, dr_clock_ns());
    dr_redis_uv_look(one->driver);
}

/* Begins to connect to one address. Returns: 0, or libuv's error. */
static int connect_to(conn *one, const struct sockaddr *address)
{
    int status = uv_tcp_init(one->driver->loop, &one->u.tcp);
    one->has_handle = status == 0;
    if (status != 0) {
        return status;
    }
    one->u.handle.data = one;
    uv_tcp_nodelay(&one->u.tcp, 1);
    one->connecting.data = one;
    return uv_tcp_connect(&one->connecting, &one->u.tcp, address, on_connect);
}

/* The handle of the address before is closed: now the next one. */
static void on_address_closed(uv_handle_t *handle)
{
    conn *one = handle->data;
    one->has_handle = false;
    if (one->is_over) {
        conn_free(one);
    } else {
        connect_next(one, UV_ECONNREFUSED);
    }
}

/* Tries the next address, in a handle of its own; `problem` is that of the one before. */
static void connect_next(conn *one, int problem)
{
    while (one->next != NULL && problem != 0) {
        if (one->has_handle) {
            uv_close(&one->u.handle, on_address_closed);
            return;
        }
        const struct addrinfo *address = one->next;
        one->next = address->ai_next;
        problem = connect_to(one, address->ai_addr);
    }
    if (problem != 0) {
        lose(one, "cannot connect", problem);
    }
}

static void on_found(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    conn *one = request->data;
    one->is_looking = false;
    one->found = found;
    one->next = found;
    if (one->is_over) {
        conn_free(one);
    } else if (status != 0) {
        lose(one, "cannot look up the host", status);
    } else {
        connect_next(one, UV_EAI_NODATA);
    }
}

static int look_up(conn *one, const dr_address *address)
{
    char service[8];
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    snprintf(service, sizeof service, "%u", address->port);
    one->looking.data = one;
    int status =
        uv_getaddrinfo(one->driver->loop, &one->looking, on_found, address->host, service, &hints);
    one->is_looking = status == 0;
    return status;
}

static int connect_local(conn *one, const char *path)
{
    int status = uv_pipe_init(one->driver->loop, &one->u.pipe, 0);
    one->has_handle = status == 0;
    if (status == 0) {
        one->u.handle.data = one;
        one->connecting.data = one;
        uv_pipe_connect(&one->connecting, &one->u.pipe, path, on_connect);
    }
    return status;
}

static int conn_begin(conn *one, const dr_address *address)
{
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    if (dr_address_is_unix(address)) {
        return connect_local(one, address->host);
    }
    if (uv_ip4_addr(address->host, address->port, &four) == 0) {
        return connect_to(one, (const struct sockaddr *)&four);
    }
    if (uv_ip6_addr(address->host, address->port, &six) == 0) {
        return connect_to(one, (const struct sockaddr *)&six);
    }
    return look_up(one, address);
}

static void conn_open(dr_redis_uv *driver)
{
    conn *one = dr_calloc(1, sizeof *one);
    if (one == NULL) {
        dr_redis_lost(driver->redis, dora_err_text(DORA_ENOMEM), dr_clock_ns());
        return;
    }
    one->driver = driver;
    driver->conn = one;
    driver->parts++;
    int status = conn_begin(one, &dr_redis_url_of(driver->redis)->address);
    if (status != 0) {
        lose(one, "cannot connect", status);
    }
}

/* ---- the session ---- */

static void on_due(uv_timer_t *timer)
{
    dr_redis_uv *driver = timer->data;
    driver->timer_ns = 0;
    dr_redis_tick(driver->redis, dr_clock_ns());
    dr_redis_uv_look(driver);
}

/* The loop may have been held up for long: what came in meanwhile is read before the time is
 * looked at. Timers run before the reading, so one more turn is waited. */
static void on_timer(uv_timer_t *timer)
{
    uv_timer_start(timer, on_due, 1, 0);
}

/* The timer is only ever moved forward; the session does nothing when it comes early. */
static void arm(dr_redis_uv *driver)
{
    uv_handle_t *timer = (uv_handle_t *)&driver->timer;
    uint64_t deadline_ns = dr_redis_deadline_ns(driver->redis);
    if (dr_redis_state_of(driver->redis) == DR_REDIS_STOPPED) {
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
    uint64_t now_ns = dr_clock_ns();
    uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    driver->timer_ns = deadline_ns;
    uv_timer_start(&driver->timer, on_timer, (left_ns + NS_PER_MS - 1) / NS_PER_MS, 0);
}

/* Each step may end in an event of the owner, and that in dr_redis_uv_close. */
void dr_redis_uv_look(dr_redis_uv *driver)
{
    dr_redis_wish wish = DR_REDIS_NOTHING;
    if (driver->redis == NULL || driver->is_looking) {
        return;
    }
    driver->is_looking = true;
    do {
        if (driver->conn != NULL && driver->conn->is_open) {
            write_some(driver->conn);
        }
        wish = driver->redis != NULL ? dr_redis_next(driver->redis) : DR_REDIS_NOTHING;
        if (wish == DR_REDIS_CLOSE) {
            conn_end(driver->conn);
        } else if (wish == DR_REDIS_CONNECT) {
            conn_open(driver);
        }
    } while (wish != DR_REDIS_NOTHING);
    driver->is_looking = false;
    if (driver->redis != NULL) {
        arm(driver);
    }
}

/* ---- life ---- */

dora_err dr_redis_uv_new(dr_redis_uv **driver, uv_loop_t *loop, dr_redis *redis)
{
    *driver = dr_calloc(1, sizeof **driver);
    if (*driver == NULL) {
        return DORA_ENOMEM;
    }
    (*driver)->loop = loop;
    (*driver)->redis = redis;
    (*driver)->parts = 1;
    uv_timer_init(loop, &(*driver)->timer); /* cannot fail */
    (*driver)->timer.data = *driver;
    return DORA_OK;
}

static void on_timer_closed(uv_handle_t *handle)
{
    part_gone(handle->data);
}

void dr_redis_uv_close(dr_redis_uv *driver, void (*on_closed)(void *user), void *user)
{
    driver->redis = NULL;
    driver->on_closed = on_closed;
    driver->user = user;
    conn_end(driver->conn);
    uv_close((uv_handle_t *)&driver->timer, on_timer_closed);
}
