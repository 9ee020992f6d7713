/* conn_pool.c: the connections of a client: idle ones by node, and those in use. */
#include "client/blocking/conn_pool.h"

#include "base/mem.h"

dora_err dr_keep_grow(dr_keep *keep, size_t node_count)
{
    if (node_count <= keep->node_count) {
        return DORA_OK;
    }
    dr_idle *idle = dr_realloc(keep->idle, node_count * sizeof *idle);
    if (idle == NULL) {
        return DORA_ENOMEM;
    }
    for (size_t i = keep->node_count; i < node_count; i++) {
        idle[i] = (dr_idle){0};
    }
    keep->idle = idle;
    keep->node_count = node_count;
    return DORA_OK;
}

void dr_keep_fini(dr_keep *keep)
{
    while (keep->all != NULL) {
        keep->all->is_idle = false; /* the lists of idle ones go with it */
        dr_keep_drop(keep, keep->all);
    }
    dr_free(keep->idle);
    *keep = (dr_keep){0};
}

/* Takes the idle connection that `link` points to out of its list. */
static dr_peer *take_at(dr_keep *keep, dr_peer **link)
{
    dr_peer *peer = *link;
    *link = peer->idle_next;
    keep->idle[peer->node].count--;
    peer->idle_next = NULL;
    peer->is_idle = false;
    return peer;
}

dr_peer *dr_keep_take(dr_keep *keep, size_t node)
{
    for (dr_peer **link = &keep->idle[node].top; *link != NULL; link = &(*link)->idle_next) {
        if (!(*link)->is_ending) {
            return take_at(keep, link);
        }
    }
    return NULL;
}

dr_peer *dr_keep_take_this(dr_keep *keep, dr_peer *peer)
{
    if (!peer->is_idle) {
        return NULL;
    }
    dr_peer **link = &keep->idle[peer->node].top;
    while (*link != peer) {
        link = &(*link)->idle_next;
    }
    return take_at(keep, link);
}

dr_peer *dr_keep_take_pending(dr_keep *keep)
{
    for (size_t i = 0; i < keep->node_count; i++) {
        for (dr_peer **link = &keep->idle[i].top; *link != NULL; link = &(*link)->idle_next) {
            if ((*link)->pending > 0) {
                return take_at(keep, link);
            }
        }
    }
    return NULL;
}

dr_peer *dr_keep_open(dr_keep *keep, size_t node, const dora_frame_options *frame)
{
    dr_peer *peer = dr_calloc(1, sizeof *peer);
    if (peer == NULL) {
        return NULL;
    }
    dr_link_init(&peer->link, frame);
    peer->socket.fd = -1;
    peer->node = node;
    peer->next = keep->all;
    if (keep->all != NULL) {
        keep->all->before = peer;
    }
    keep->all = peer;
    return peer;
}

void dr_keep_give(dr_keep *keep, dr_peer *peer, uint64_t now_ns)
{
    dr_idle *idle = &keep->idle[peer->node];
    if (peer->pending == 0 && (peer->is_ending || idle->count >= DR_IDLE_MAX)) {
        dr_keep_drop(keep, peer);
        return;
    }
    peer->used_ns = now_ns;
    peer->is_idle = true;
    peer->idle_next = idle->top;
    idle->top = peer;
    idle->count++;
}

void dr_keep_drop(dr_keep *keep, dr_peer *peer)
{
    if (peer->before != NULL) {
        peer->before->next = peer->next;
    } else {
        keep->all = peer->next;
    }
    if (peer->next != NULL) {
        peer->next->before = peer->before;
    }
    dr_socket_close(&peer->socket);
    dr_link_fini(&peer->link);
    dr_free(peer);
}

void dr_keep_doubt(dr_keep *keep, size_t node)
{
    for (dr_peer *peer = keep->idle[node].top; peer != NULL; peer = peer->idle_next) {
        peer->used_ns = 0;
    }
}

void dr_keep_clear(dr_keep *keep, size_t node)
{
    dr_peer **link = &keep->idle[node].top;
    while (*link != NULL) {
        if ((*link)->pending > 0) {
            (*link)->is_ending = true;
            link = &(*link)->idle_next;
        } else {
            dr_keep_drop(keep, take_at(keep, link));
        }
    }
}

void dr_keep_sweep(dr_keep *keep)
{
    for (size_t i = 0; i < keep->node_count; i++) {
        dr_peer **link = &keep->idle[i].top;
        while (*link != NULL) {
            if ((*link)->is_ending && (*link)->pending == 0) {
                dr_keep_drop(keep, take_at(keep, link));
            } else {
                link = &(*link)->idle_next;
            }
        }
    }
}

bool dr_keep_is_used(const dr_keep *keep, size_t node)
{
    for (const dr_peer *peer = keep->all; peer != NULL; peer = peer->next) {
        if (peer->node == node && (!peer->is_idle || peer->pending > 0)) {
            return true;
        }
    }
    return false;
}

static dora_err grow(void *user, size_t count)
{
    return dr_keep_grow(user, count);
}

static bool is_used(void *user, size_t node)
{
    return dr_keep_is_used(user, node);
}

static void close_idle(void *user, size_t node)
{
    dr_keep_clear(user, node);
}

dr_nodes_owner dr_keep_owner(dr_keep *keep)
{
    return (dr_nodes_owner){
        .grow = grow, .is_used = is_used, .close_idle = close_idle, .user = keep};
}

void dr_keep_forget(dr_keep *keep)
{
    for (size_t i = 0; i < keep->node_count; i++) {
        while (keep->idle[i].top != NULL) {
            dr_keep_drop(keep, take_at(keep, &keep->idle[i].top));
        }
    }
    for (dr_peer *peer = keep->all; peer != NULL; peer = peer->next) {
        peer->pending = 0;
        peer->is_ending = true;
        dr_socket_close(&peer->socket);
    }
}

bool dr_peer_is_usable(const dr_peer *peer, uint64_t now_ns)
{
    if (peer->used_ns != 0 && now_ns - peer->used_ns <= DR_IDLE_TRUST_NS) {
        return true;
    }
    return dr_socket_is_quiet(&peer->socket);
}
