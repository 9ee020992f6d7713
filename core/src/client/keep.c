/* keep.c: the connections of a client: idle ones by node, and those in use. */
#include "client/keep.h"

#include "base/mem.h"

dora_err dr_keep_init(dr_keep *keep, size_t node_count)
{
    *keep = (dr_keep){.idle = dr_calloc(node_count, sizeof(dr_idle))};
    keep->node_count = keep->idle != NULL ? node_count : 0;
    return keep->idle != NULL ? DORA_OK : DORA_ENOMEM;
}

void dr_keep_fini(dr_keep *keep)
{
    dr_keep_forget(keep);
    dr_free(keep->idle);
    *keep = (dr_keep){0};
}

dr_peer *dr_keep_take(dr_keep *keep, size_t node)
{
    dr_idle *idle = &keep->idle[node];
    dr_peer *peer = idle->top;
    if (peer != NULL) {
        idle->top = peer->idle_next;
        idle->count--;
        peer->idle_next = NULL;
    }
    return peer;
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
    if (idle->count >= DR_IDLE_MAX) {
        dr_keep_drop(keep, peer);
        return;
    }
    peer->used_ns = now_ns;
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
    for (dr_peer *peer = dr_keep_take(keep, node); peer != NULL; peer = dr_keep_take(keep, node)) {
        dr_keep_drop(keep, peer);
    }
}

void dr_keep_forget(dr_keep *keep)
{
    while (keep->all != NULL) {
        dr_keep_drop(keep, keep->all);
    }
    for (size_t i = 0; i < keep->node_count; i++) {
        keep->idle[i] = (dr_idle){0};
    }
}

bool dr_peer_is_usable(const dr_peer *peer, uint64_t now_ns)
{
    if (peer->used_ns != 0 && now_ns - peer->used_ns <= DR_IDLE_TRUST_NS) {
        return true;
    }
    return dr_socket_is_quiet(&peer->socket);
}
