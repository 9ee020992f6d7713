/* nodes.c: which server to ask next, and which to leave alone. Pure: time and chance are given. */
#include "client/balance/nodes.h"

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
    return !dr_tried_has(tried, node) && nodes->items[node].ejected_until_ms <= now_ms;
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

/* ---- whose turn it is ---- */

/* What can be chosen from, with what the choice needs to know of each. */
typedef struct choice {
    size_t count;
    uint16_t nodes[DR_NODES_MAX];
    uint32_t weights[DR_NODES_MAX];
    uint64_t works[DR_NODES_MAX];
} choice;

static void collect(const dr_nodes *nodes, const dr_group *group, const dr_tried *tried,
                    uint64_t now_ms, choice *from)
{
    from->count = 0;
    for (size_t i = 0; i < group->count; i++) {
        if (is_candidate(nodes, group->nodes[i], tried, now_ms)) {
            from->nodes[from->count++] = group->nodes[i];
        }
    }
}

static bool is_measured(const dr_node *node, uint64_t now_ms)
{
    return node->before_ns != 0 && node->used_ms + DR_LATENCY_FORGOTTEN_MS > now_ms;
}

/* A node's latency is that of its quickest replies of late, of 8 to 16: those that are held up, and
 * those of dearer apis, say nothing of the node. */
static uint64_t latency(const dr_node *node)
{
    return node->samples > 0 && node->recent_ns < node->before_ns ? node->recent_ns
                                                                  : node->before_ns;
}

/* The weight of a node whose replies take so long, where the quickest takes `best_ns`. Clearly
 * slower is what is so by three quarters: the quickest of a few replies is no better known. */
static uint32_t weight(uint64_t latency_ns, uint64_t best_ns)
{
    if (latency_ns < best_ns + best_ns / 4 * 3 || latency_ns - best_ns < DR_LATENCY_NOISE_NS) {
        return DR_WEIGHT_ONE;
    }
    uint64_t times = latency_ns / (best_ns / DR_WEIGHT_ONE + 1);
    return times < DR_WEIGHT_MAX ? (uint32_t)times : DR_WEIGHT_MAX;
}

static void weigh(const dr_nodes *nodes, choice *from, uint64_t now_ms)
{
    uint64_t best_ns = UINT64_MAX;
    for (size_t i = 0; i < from->count; i++) {
        const dr_node *node = &nodes->items[from->nodes[i]];
        if (is_measured(node, now_ms) && latency(node) < best_ns) {
            best_ns = latency(node);
        }
    }
    for (size_t i = 0; i < from->count; i++) {
        const dr_node *node = &nodes->items[from->nodes[i]];
        from->weights[i] =
            is_measured(node, now_ms) ? weight(latency(node), best_ns) : DR_WEIGHT_ONE;
    }
}

/* The work under way at each. A node that has just come has none, and all callers would go there at
 * once: until it has had some calls it counts as no more idle than the others. */
static void count_work(const dr_nodes *nodes, choice *from)
{
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < from->count; i++) {
        const dr_node *node = &nodes->items[from->nodes[i]];
        from->works[i] = (uint64_t)node->in_flight * from->weights[i];
        if (node->calls == DR_NODE_YOUNG_CALLS && from->works[i] < least) {
            least = from->works[i];
        }
    }
    for (size_t i = 0; least != UINT64_MAX && i < from->count; i++) {
        if (nodes->items[from->nodes[i]].calls < DR_NODE_YOUNG_CALLS && from->works[i] < least) {
            from->works[i] = least;
        }
    }
}

/* The place in `from` of the node to ask; `first` is where looking begins, so that it decides where
 * all is equal. */
static size_t choose(const dr_nodes *nodes, const choice *from, size_t first)
{
    size_t best = first;
    for (size_t i = 1; i < from->count; i++) {
        size_t at = (first + i) % from->count;
        uint64_t turn = nodes->items[from->nodes[at]].turn;
        uint64_t best_turn = nodes->items[from->nodes[best]].turn;
        if (from->works[at] < from->works[best] ||
            (from->works[at] == from->works[best] && turn < best_turn)) {
            best = at;
        }
    }
    return best;
}

/* Gives the turn at `at` away. Nobody saves up turns that passed him by while he was busy or away,
 * nor is ahead by more than one of his own, as after calls in another group. */
static void pass_turn(dr_nodes *nodes, const choice *from, size_t at)
{
    const uint64_t turn = nodes->items[from->nodes[at]].turn;
    for (size_t i = 0; i < from->count; i++) {
        dr_node *node = &nodes->items[from->nodes[i]];
        const uint64_t latest = turn + from->weights[i];
        node->turn = node->turn < turn ? turn : node->turn;
        node->turn = node->turn > latest || i == at ? latest : node->turn;
    }
}

size_t dr_nodes_pick(dr_nodes *nodes, size_t group, const dr_tried *tried, uint64_t now_ms,
                     uint64_t random)
{
    choice from;
    collect(nodes, &nodes->groups[group], tried, now_ms, &from);
    if (from.count == 0) { /* a node set aside is better than none */
        collect(nodes, &nodes->groups[group], tried, UINT64_MAX, &from);
    }
    if (from.count < 2) {
        return from.count == 1 ? from.nodes[0] : nodes->count;
    }
    weigh(nodes, &from, now_ms);
    count_work(nodes, &from);
    size_t at = choose(nodes, &from, (size_t)(random % from.count));
    dr_node *node = &nodes->items[from.nodes[at]];
    pass_turn(nodes, &from, at);
    node->calls += node->calls < DR_NODE_YOUNG_CALLS ? 1 : 0;
    return from.nodes[at];
}

/* ---- what is known of a node ---- */

/* Whether setting `node` aside leaves at least half of each group that it is in. */
static bool may_be_ejected(const dr_nodes *nodes, size_t node, uint64_t now_ms)
{
    for (size_t i = 0; i < nodes->group_count; i++) {
        const dr_group *group = &nodes->groups[i];
        bool is_member = false;
        size_t aside = 1;
        for (size_t j = 0; j < group->count; j++) {
            size_t other = group->nodes[j];
            is_member = is_member || other == node;
            aside += other != node && nodes->items[other].ejected_until_ms > now_ms ? 1 : 0;
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
    failed->calls = 0;
    if (may_be_ejected(nodes, node, now_ms)) {
        failed->ejected_until_ms =
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
    nodes->items[node].ejected_until_ms = 0;
}

void dr_nodes_measured(dr_nodes *nodes, size_t node, uint64_t took_ns, uint64_t now_ms)
{
    dr_node *measured = &nodes->items[node];
    const uint64_t now_ns = took_ns > 0 ? took_ns : 1;
    if (measured->used_ms + DR_LATENCY_FORGOTTEN_MS <= now_ms) {
        measured->before_ns = 0;
        measured->samples = 0;
    }
    if (measured->samples == 0 || now_ns < measured->recent_ns) {
        measured->recent_ns = now_ns;
    }
    if (++measured->samples == DR_LATENCY_SAMPLES) {
        measured->before_ns = measured->recent_ns;
        measured->samples = 0;
    }
    measured->used_ms = now_ms;
}
