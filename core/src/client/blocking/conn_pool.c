/* conn_pool.c: the connections of a client: idle ones by node, and those in use. */
#include "client/blocking/conn_pool.h"

#include "base/mem.h"

dora_err dr_conn_pool_grow(dr_conn_pool *pool, size_t node_count)
{
    if (node_count <= pool->node_count) {
        return DORA_OK;
    }
    dr_idle *idle = dr_realloc(pool->idle, node_count * sizeof *idle);
    if (idle == NULL) {
        return DORA_ENOMEM;
    }
    for (size_t i = pool->node_count; i < node_count; i++) {
        idle[i] = (dr_idle){0};
    }
    pool->idle = idle;
    pool->node_count = node_count;
    return DORA_OK;
}

void dr_conn_pool_fini(dr_conn_pool *pool)
{
    while (pool->all != NULL) {
        pool->all->is_idle = false; /* the lists of idle ones go with it */
        dr_conn_pool_drop(pool, pool->all);
    }
    dr_free(pool->idle);
    *pool = (dr_conn_pool){0};
}

/* Takes the idle connection that `link` points to out of its list. */
static dr_pooled_conn *take_at(dr_conn_pool *pool, dr_pooled_conn **link)
{
    dr_pooled_conn *peer = *link;
    *link = peer->idle_next;
    pool->idle[peer->node].count--;
    peer->idle_next = NULL;
    peer->is_idle = false;
    return peer;
}

dr_pooled_conn *dr_conn_pool_take(dr_conn_pool *pool, size_t node)
{
    for (dr_pooled_conn **link = &pool->idle[node].top; *link != NULL; link = &(*link)->idle_next) {
        if (!(*link)->is_ending) {
            return take_at(pool, link);
        }
    }
    return NULL;
}

dr_pooled_conn *dr_conn_pool_take_this(dr_conn_pool *pool, dr_pooled_conn *peer)
{
    if (!peer->is_idle) {
        return NULL;
    }
    dr_pooled_conn **link = &pool->idle[peer->node].top;
    while (*link != peer) {
        link = &(*link)->idle_next;
    }
    return take_at(pool, link);
}

dr_pooled_conn *dr_conn_pool_take_pending(dr_conn_pool *pool)
{
    for (size_t i = 0; i < pool->node_count; i++) {
        for (dr_pooled_conn **link = &pool->idle[i].top; *link != NULL;
             link = &(*link)->idle_next) {
            if ((*link)->pending > 0) {
                return take_at(pool, link);
            }
        }
    }
    return NULL;
}

dr_pooled_conn *dr_conn_pool_open(dr_conn_pool *pool, size_t node, const dora_frame_options *frame)
{
    dr_pooled_conn *peer = dr_calloc(1, sizeof *peer);
    if (peer == NULL) {
        return NULL;
    }
    dr_link_init(&peer->link, frame);
    peer->stream.fd = -1;
    peer->node = node;
    peer->next = pool->all;
    if (pool->all != NULL) {
        pool->all->before = peer;
    }
    pool->all = peer;
    return peer;
}

void dr_conn_pool_give(dr_conn_pool *pool, dr_pooled_conn *peer, uint64_t now_ns)
{
    dr_idle *idle = &pool->idle[peer->node];
    if (peer->pending == 0 && (peer->is_ending || idle->count >= DR_IDLE_MAX)) {
        dr_conn_pool_drop(pool, peer);
        return;
    }
    peer->used_ns = now_ns;
    peer->is_idle = true;
    peer->idle_next = idle->top;
    idle->top = peer;
    idle->count++;
}

void dr_conn_pool_drop(dr_conn_pool *pool, dr_pooled_conn *peer)
{
    if (peer->before != NULL) {
        peer->before->next = peer->next;
    } else {
        pool->all = peer->next;
    }
    if (peer->next != NULL) {
        peer->next->before = peer->before;
    }
    dr_stream_close(&peer->stream);
    dr_link_fini(&peer->link);
    dr_free(peer);
}

void dr_conn_pool_distrust(dr_conn_pool *pool, size_t node)
{
    for (dr_pooled_conn *peer = pool->idle[node].top; peer != NULL; peer = peer->idle_next) {
        peer->used_ns = 0;
    }
}

void dr_conn_pool_clear(dr_conn_pool *pool, size_t node)
{
    dr_pooled_conn **link = &pool->idle[node].top;
    while (*link != NULL) {
        if ((*link)->pending > 0) {
            (*link)->is_ending = true;
            link = &(*link)->idle_next;
        } else {
            dr_conn_pool_drop(pool, take_at(pool, link));
        }
    }
}

void dr_conn_pool_sweep(dr_conn_pool *pool)
{
    for (size_t i = 0; i < pool->node_count; i++) {
        dr_pooled_conn **link = &pool->idle[i].top;
        while (*link != NULL) {
            if ((*link)->is_ending && (*link)->pending == 0) {
                dr_conn_pool_drop(pool, take_at(pool, link));
            } else {
                link = &(*link)->idle_next;
            }
        }
    }
}

bool dr_conn_pool_is_used(const dr_conn_pool *pool, size_t node)
{
    for (const dr_pooled_conn *peer = pool->all; peer != NULL; peer = peer->next) {
        if (peer->node == node && (!peer->is_idle || peer->pending > 0)) {
            return true;
        }
    }
    return false;
}

static dora_err grow(void *user, size_t count)
{
    return dr_conn_pool_grow(user, count);
}

static bool is_used(void *user, size_t node)
{
    return dr_conn_pool_is_used(user, node);
}

static void close_idle(void *user, size_t node)
{
    dr_conn_pool_clear(user, node);
}

dr_nodes_owner dr_conn_pool_owner(dr_conn_pool *pool)
{
    return (dr_nodes_owner){
        .grow = grow, .is_used = is_used, .close_idle = close_idle, .user = pool};
}

void dr_conn_pool_forget(dr_conn_pool *pool)
{
    for (size_t i = 0; i < pool->node_count; i++) {
        while (pool->idle[i].top != NULL) {
            dr_stream_leave(&pool->idle[i].top->stream, true);
            dr_conn_pool_drop(pool, take_at(pool, &pool->idle[i].top));
        }
    }
    for (dr_pooled_conn *peer = pool->all; peer != NULL; peer = peer->next) {
        peer->pending = 0;
        peer->is_ending = true;
        dr_stream_leave(&peer->stream, false);
    }
}

bool dr_peer_is_usable(const dr_pooled_conn *peer, uint64_t now_ns)
{
    if (peer->used_ns != 0 && now_ns - peer->used_ns <= DR_IDLE_TRUST_NS) {
        return !dr_stream_has_more(&peer->stream); /* known without asking: a goodbye over TLS */
    }
    return dr_stream_is_quiet(&peer->stream);
}
