/* moved.c: a new master goes on with what comes from the one before it. */
#include "server/upgrade/moved.h"

#include <stdlib.h>
#include <unistd.h>

#include "net/conn_move.h"
#include "server/call/caller.h"
#include "server/upgrade/connection.h"

/* dr_moved_conn is a connection that has come. */
typedef struct dr_moved_conn {
    struct dr_moved_conn *next;
    int fd;
    dr_buf in;
    dr_moved_head head;
} dr_moved_conn;

static void conn_free(dr_moved_conn *one)
{
    if (one != NULL && one->fd >= 0) {
        close(one->fd);
    }
    if (one != NULL) {
        dr_buf_fini(&one->in);
    }
    free(one);
}

void dr_moved_init(dr_moved *moved, dr_backend *backend)
{
    moved->backend = backend;
    pthread_mutex_init(&moved->lock, NULL);
}

/* take_all gives all connections that wait for a lane, the last first. */
static dr_moved_conn *take_all(dr_moved *moved, uint32_t lane)
{
    pthread_mutex_lock(&moved->lock);
    dr_moved_conn *all = moved->waiting[lane];
    moved->waiting[lane] = NULL;
    pthread_mutex_unlock(&moved->lock);
    return all;
}

void dr_moved_fini(dr_moved *moved)
{
    if (moved->backend == NULL) {
        return;
    }
    for (uint32_t i = 0; i < DR_REACTORS_MAX; i++) {
        for (dr_moved_conn *one = take_all(moved, i), *next; one != NULL; one = next) {
            next = one->next;
            conn_free(one);
        }
    }
    conn_free(moved->coming);
    dr_reply_import_fini(&moved->import);
    pthread_mutex_destroy(&moved->lock);
}

static void ask_lanes(const dr_moved *moved, uint64_t lanes)
{
    for (uint32_t i = 0; i < moved->backend->lane_count; i++) {
        if ((lanes >> i & 1) != 0) {
            dr_reactor_ask(&moved->backend->lanes[i].reactor);
        }
    }
}

/* hand_on gives a connection that has come whole to a lane; they take turns. */
static void hand_on(dr_moved *moved)
{
    const uint32_t lane = moved->next_lane++ % moved->backend->lane_count;
    dr_moved_conn *one = moved->coming;
    moved->coming = NULL;
    pthread_mutex_lock(&moved->lock);
    atomic_fetch_add(&moved->waiting_count, 1);
    one->next = moved->waiting[lane];
    moved->waiting[lane] = one;
    pthread_mutex_unlock(&moved->lock);
    ask_lanes(moved, UINT64_C(1) << lane);
}

static dora_err take_conn(dr_moved *moved, dora_slice body, int fd, dora_error *error)
{
    dr_moved_conn *one = calloc(1, sizeof(*one));
    if (one == NULL) {
        close(fd);
        return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
    }
    one->fd = fd;
    const dora_err err = dr_moved_head_get(body, &one->head, error);
    if (err != DORA_OK) {
        conn_free(one);
        return err;
    }
    moved->coming = one;
    if (one->head.in_len == 0) {
        hand_on(moved);
    }
    return DORA_OK;
}

/* take_bytes adds to the connection that came last. The announced length is not believed: room
 * grows with what comes. */
static dora_err take_bytes(dr_moved *moved, dora_slice body, dora_error *error)
{
    dr_moved_conn *one = moved->coming;
    if (one == NULL || body.len > one->head.in_len - one->in.len) {
        return dora_error_set(error, DORA_EPROTO, "%zu bytes come that belong to no connection",
                              body.len);
    }
    if (dr_buf_append_slice(&one->in, body) != DORA_OK) {
        return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
    }
    if (one->in.len == one->head.in_len) {
        hand_on(moved);
    }
    return DORA_OK;
}

static dora_err take_digests(dr_moved *moved, dora_slice body, dora_error *error)
{
    uint64_t lanes = 0;
    const dora_err err = dr_reply_import_take(&moved->import, moved->backend->reply_cache, body,
                                              uv_hrtime() / 1000000, &lanes, error);
    ask_lanes(moved, lanes);
    return err;
}

dora_err dr_moved_take(dr_moved *moved, dr_link_type type, dora_slice body, int fd,
                       dora_error *error)
{
    if (type == DR_LINK_CONNECTION && fd >= 0 && moved->coming == NULL) {
        return take_conn(moved, body, fd, error);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (type == DR_LINK_CONNECTION) {
        return dora_error_set(error, DORA_EPROTO, "a connection comes %s",
                              fd < 0 ? "without its descriptor" : "amid another one");
    }
    return type == DR_LINK_BYTES ? take_bytes(moved, body, error)
                                 : take_digests(moved, body, error);
}

void dr_moved_over(dr_moved *moved)
{
    conn_free(moved->coming);
    moved->coming = NULL;
    dr_reply_import_fini(&moved->import);
    if (moved->backend->reply_cache != NULL) {
        ask_lanes(moved, dr_reply_import_over(moved->backend->reply_cache, uv_hrtime() / 1000000));
    }
}

/* start makes a connection of what has come, and goes on with it. */
static void start(dr_lane *lane, dr_moved_conn *one)
{
    dr_conn *conn = dr_conn_adopt(&lane->reactor, one->fd, one->head.is_tcp, &one->in);
    one->fd = -1; /* the reactor's now */
    if (conn == NULL) {
        return;
    }
    conn->client = (dr_conn_client)one->head.client;
    dr_claim *claim = one->head.has_claim ? dr_caller_claim(conn) : NULL;
    if (one->head.has_claim && claim == NULL) {
        dr_conn_close(conn); /* it would have another identity */
        return;
    }
    if (one->head.has_token) {
        claim->has_token = true;
        claim->token = one->head.token;
    }
    dr_conn_start(conn);
}

void dr_moved_start(dr_moved *moved, dr_lane *lane)
{
    if (atomic_load(&moved->waiting_count) == 0) {
        return;
    }
    for (dr_moved_conn *one = take_all(moved, lane->reactor.index), *next; one != NULL;
         one = next) {
        next = one->next;
        atomic_fetch_sub(&moved->waiting_count, 1);
        start(lane, one);
        conn_free(one);
    }
}
