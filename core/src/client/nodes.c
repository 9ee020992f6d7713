/* nodes.c: which server to ask next, and which to leave alone. Pure: time and chance are given. */
#include "client/nodes.h"

void dr_tried_add(dr_tried *tried, size_t node)
{
    tried->bits[node / 64] |= (uint64_t)1 << (node % 64);
}

bool dr_tried_has(const dr_tried *tried, size_t node)
{
    return (tried->bits[node / 64] >> (node % 64) & 1) != 0;
}

static bool is_candidate(const dr_nodes *nodes, size_t node, const dr_tried *tried, uint64_t now_ms)
{
    return !dr_tried_has(tried, node) && nodes->items[node].aside_until_ms <= now_ms;
}

size_t dr_nodes_untried(const dr_nodes *nodes, size_t group, const dr_tried *tried, uint64_t now_ms,
                        bool is_usable)
{
    const dr_group *of = &nodes->groups[group];
    size_t count = 0;
    for (size_t i = 0; i < of->count; i++) {
        count += is_candidate(nodes, of->nodes[i], tried, is_usable ? now_ms : UINT64_MAX) ? 1 : 0;
    }
    return count;
}

/* The candidate number `wanted` of a group, counted from 0. */
static size_t candidate(const dr_nodes *nodes, const dr_group *group, const dr_tried *tried,
                        uint64_t now_ms, size_t wanted)
{
    for (size_t i = 0; i < group->count; i++) {
        if (is_candidate(nodes, group->nodes[i], tried, now_ms)) {
            if (wanted == 0) {
                return group->nodes[i];
            }
            wanted--;
        }
    }
    return nodes->count;
}

/* What the time since the last call leaves of a node's latency: a node that was slow once is tried
 * again some time, though the other of two is always better. */
static uint64_t latency(const dr_node *node, uint64_t now_ms)
{
    uint64_t unused_ms = now_ms > node->used_ms ? now_ms - node->used_ms : 0;
    uint64_t halves = unused_ms / DR_LATENCY_HALVES_MS;
    return halves < 64 ? node->latency_ns >> halves : 0;
}

static bool is_better(const dr_node *one, const dr_node *other, uint64_t now_ms)
{
    uint64_t one_ns = latency(one, now_ms);
    uint64_t other_ns = latency(other, now_ms);
    if (one_ns == 0 || other_ns == 0) { /* nothing to compare */
        return one->in_flight < other->in_flight;
    }
    return (one->in_flight + 1) * one_ns < (other->in_flight + 1) * other_ns;
}

size_t dr_nodes_pick(const dr_nodes *nodes, size_t group, const dr_tried *tried, uint64_t now_ms,
                     uint64_t random)
{
    const dr_group *of = &nodes->groups[group];
    uint64_t usable_ms = now_ms;
    size_t count = dr_nodes_untried(nodes, group, tried, now_ms, true);
    if (count == 0) { /* a node set aside is better than none */
        usable_ms = UINT64_MAX;
        count = dr_nodes_untried(nodes, group, tried, now_ms, false);
    }
    if (count < 2) {
        return candidate(nodes, of, tried, usable_ms, 0);
    }
    size_t first = (size_t)((random & UINT32_MAX) % count);
    size_t second = (first + 1 + (size_t)((random >> 32) % (count - 1))) % count;
    size_t one = candidate(nodes, of, tried, usable_ms, first);
    size_t other = candidate(nodes, of, tried, usable_ms, second);
    return is_better(&nodes->items[other], &nodes->items[one], now_ms) ? other : one;
}

/* Whether setting `node` aside leaves at least half of each group that it is in. */
static bool may_be_aside(const dr_nodes *nodes, size_t node, uint64_t now_ms)
{
    for (size_t i = 0; i < nodes->group_count; i++) {
        const dr_group *group = &nodes->groups[i];
        bool is_member = false;
        size_t aside = 1;
        for (size_t j = 0; j < group->count; j++) {
            size_t other = group->nodes[j];
            is_member = is_member || other == node;
            aside += other != node && nodes->items[other].aside_until_ms > now_ms ? 1 : 0;
        }
        if (is_member && aside * 2 > group->count) {
            return false;
        }
    }
    return true;
}

void dr_nodes_failed(dr_nodes *nodes, size_t node, uint64_t now_ms)
{
    dr_node *failed = &nodes->items[node];
    uint32_t doublings = failed->failures < 7 ? failed->failures : 7;
    uint64_t pause_ms = (uint64_t)DR_NODE_PAUSE_MS << doublings;
    failed->failures++;
    if (may_be_aside(nodes, node, now_ms)) {
        failed->aside_until_ms =
            now_ms + (pause_ms < DR_NODE_PAUSE_MS_MAX ? pause_ms : DR_NODE_PAUSE_MS_MAX);
    }
}

void dr_nodes_silent(dr_nodes *nodes, size_t node, uint64_t took_ns, uint64_t now_ms)
{
    dr_nodes_measured(nodes, node, took_ns, now_ms);
    if (++nodes->items[node].silences >= DR_NODE_SILENCES_MAX) {
        dr_nodes_failed(nodes, node, now_ms);
    }
}

void dr_nodes_succeeded(dr_nodes *nodes, size_t node)
{
    nodes->items[node].failures = 0;
    nodes->items[node].silences = 0;
    nodes->items[node].aside_until_ms = 0;
}

void dr_nodes_measured(dr_nodes *nodes, size_t node, uint64_t took_ns, uint64_t now_ms)
{
    dr_node *measured = &nodes->items[node];
    uint64_t before_ns = latency(measured, now_ms);
    uint64_t now_ns = took_ns > 0 ? took_ns : 1;
    measured->latency_ns = before_ns == 0 ? now_ns : before_ns - before_ns / 8 + now_ns / 8 + 1;
    measured->used_ms = now_ms;
}
