/* nodes.c: the servers a client knows, and which of them to ask next. Pure: time and chance are
 * given. */
#include "client/nodes.h"

#include <string.h>

#include "base/mem.h"

void dr_tried_add(dr_tried *tried, size_t node)
{
    tried->bits[node / 64] |= (uint64_t)1 << (node % 64);
}

bool dr_tried_has(const dr_tried *tried, size_t node)
{
    return (tried->bits[node / 64] >> (node % 64) & 1) != 0;
}

static dora_slice trimmed(dora_slice text)
{
    while (text.len > 0 && text.data[0] == ' ') {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && text.data[text.len - 1] == ' ') {
        text.len--;
    }
    return text;
}

dora_err dr_nodes_parse(dr_nodes *nodes, const char *text, dora_error *error)
{
    size_t count = 1;
    *nodes = (dr_nodes){0};
    for (const char *at = text; *at != '\0'; at++) {
        count += *at == ',' ? 1 : 0;
    }
    if (count > DR_NODES_MAX) {
        return dora_error_set(error, DORA_EINVAL, "%zu nodes; at most %d are possible", count,
                              DR_NODES_MAX);
    }
    nodes->items = dr_calloc(count, sizeof *nodes->items);
    if (nodes->items == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
    }
    for (size_t i = 0; i < count; i++) {
        dora_slice part = {text, strcspn(text, ",")};
        dora_slice address = trimmed(part);
        dr_node *node = &nodes->items[i];
        dora_err err = dr_address_parse(address, node->host, &node->port);
        if (err != DORA_OK || node->port == 0) {
            dr_nodes_fini(nodes);
            return dora_error_set(error, DORA_EINVAL, "node \"%.*s\" is not host:port",
                                  (int)(address.len < 300 ? address.len : 300), address.data);
        }
        text += part.len + 1;
    }
    nodes->count = count;
    return DORA_OK;
}

void dr_nodes_fini(dr_nodes *nodes)
{
    dr_free(nodes->items);
    *nodes = (dr_nodes){0};
}

static bool is_candidate(const dr_nodes *nodes, size_t node, const dr_tried *tried, uint64_t now_ms)
{
    return !dr_tried_has(tried, node) && nodes->items[node].aside_until_ms <= now_ms;
}

/* The candidate number `wanted`, counted from 0. */
static size_t candidate(const dr_nodes *nodes, const dr_tried *tried, uint64_t now_ms,
                        size_t wanted)
{
    for (size_t i = 0; i < nodes->count; i++) {
        if (is_candidate(nodes, i, tried, now_ms)) {
            if (wanted == 0) {
                return i;
            }
            wanted--;
        }
    }
    return nodes->count;
}

size_t dr_nodes_pick(const dr_nodes *nodes, const dr_tried *tried, uint64_t now_ms, uint64_t random)
{
    size_t count = 0;
    for (size_t i = 0; i < nodes->count; i++) {
        count += is_candidate(nodes, i, tried, now_ms) ? 1 : 0;
    }
    if (count == 0 && now_ms != UINT64_MAX) { /* a node set aside is better than none */
        return dr_nodes_pick(nodes, tried, UINT64_MAX, random);
    }
    if (count < 2) {
        return candidate(nodes, tried, now_ms, 0);
    }
    size_t first = (size_t)((random & UINT32_MAX) % count);
    size_t second = (first + 1 + (size_t)((random >> 32) % (count - 1))) % count;
    size_t one = candidate(nodes, tried, now_ms, first);
    size_t other = candidate(nodes, tried, now_ms, second);
    return nodes->items[other].in_flight < nodes->items[one].in_flight ? other : one;
}

void dr_nodes_failed(dr_nodes *nodes, size_t node, uint64_t now_ms)
{
    dr_node *failed = &nodes->items[node];
    size_t aside = 1;
    for (size_t i = 0; i < nodes->count; i++) {
        aside += i != node && nodes->items[i].aside_until_ms > now_ms ? 1 : 0;
    }
    uint32_t doublings = failed->failures < 7 ? failed->failures : 7;
    uint64_t pause_ms = (uint64_t)DR_NODE_PAUSE_MS << doublings;
    failed->failures++;
    if (aside * 2 <= nodes->count) {
        failed->aside_until_ms =
            now_ms + (pause_ms < DR_NODE_PAUSE_MS_MAX ? pause_ms : DR_NODE_PAUSE_MS_MAX);
    }
}

void dr_nodes_succeeded(dr_nodes *nodes, size_t node)
{
    nodes->items[node].failures = 0;
    nodes->items[node].aside_until_ms = 0;
}
