/* redis_conn.c: a session with Redis and the transport that moves its bytes. */
#include "discovery/redis_conn.h"

#include "base/clock.h"

static void connected(void *user)
{
    dr_redis_conn *conn = user;
    dr_redis_connected(conn->redis, dr_clock_ns());
    dr_redis_conn_settle(conn);
}

static dora_slice output(void *user)
{
    const dr_redis_conn *conn = user;
    return dr_redis_output(conn->redis);
}

static void sent(void *user, size_t len)
{
    const dr_redis_conn *conn = user;
    dr_redis_sent(conn->redis, len);
}

static dora_err room(void *user, char **room, size_t *room_len)
{
    dr_redis_conn *conn = user;
    *room = conn->room;
    *room_len = sizeof conn->room;
    return DORA_OK;
}

static void received(void *user, size_t len)
{
    dr_redis_conn *conn = user;
    dr_redis_received(conn->redis, (dora_slice){conn->room, len}, dr_clock_ns());
    dr_redis_conn_settle(conn);
}

static void lost(void *user, const dr_loss *loss)
{
    dr_redis_conn *conn = user;
    char text[DR_LOSS_TEXT_MAX];
    dr_redis_lost(conn->redis, dr_loss_text(loss, text), dr_clock_ns());
    dr_redis_conn_settle(conn);
}

const dr_transport_user dr_redis_conn_uses = {connected, output, sent, room, received, lost};

void dr_redis_conn_settle(dr_redis_conn *conn)
{
    dr_redis_wish wish = DR_REDIS_NOTHING;
    if (conn->redis == NULL || conn->is_settling) {
        return;
    }
    conn->is_settling = true;
    do {
        dr_transport_write(conn->transport);
        wish = conn->redis != NULL ? dr_redis_next(conn->redis) : DR_REDIS_NOTHING;
        if (wish == DR_REDIS_CLOSE) {
            dr_transport_close(conn->transport);
        } else if (wish == DR_REDIS_CONNECT) {
            const dr_tls_peer peer = dr_redis_tls_of(conn->redis);
            dr_transport_open(conn->transport, &dr_redis_url_of(conn->redis)->address, &peer);
        }
    } while (wish != DR_REDIS_NOTHING);
    conn->is_settling = false;
    if (conn->redis != NULL && conn->on_settled != NULL) {
        conn->on_settled(conn->user);
    }
}
