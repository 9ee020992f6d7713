/* node_sync.c: which servers a client knows: those of a registry, as it changes, and those that
 * calls name themselves. Pure. */
#include "client/balance/node_sync.h"

#include "client/balance/nodes.h"

#include <string.h>

#include "base/mem.h"

#define ROOM_MAX ((size_t)DR_NODES_MAX + DR_NODES_OTHER_MAX)

size_t dr_nodes_find(const dr_nodes *nodes, const dr_address *address)
{
    size_t node = 0;
    while (node < nodes->count && !dr_address_is_same(&nodes->items[node].address, address)) {
        node++;
    }
    return node;
}

static dora_err make_room(dr_nodes *nodes, size_t count)
{
    dr_node *items = dr_realloc(nodes->items, count * sizeof *items);
    if (items == NULL) {
        return DORA_ENOMEM;
    }
    nodes->items = items;
    return DORA_OK;
}

dora_err dr_nodes_add(dr_nodes *nodes, const dr_address *address)
{
    if (make_room(nodes, nodes->count + 1) != DORA_OK) {
        return DORA_ENOMEM;
    }
    nodes->items[nodes->count++] = (dr_node){.address = *address};
    return DORA_OK;
}

/* Turns the node in no group that was asked least recently, and where nothing is under way, into
 * another one. Returns: its index, nodes->count where there is none. */
static size_t recycle(dr_nodes *nodes, const dr_address *address, const dr_nodes_owner *owner)
{
    size_t oldest = nodes->count;
    for (size_t i = 0; i < nodes->count; i++) {
        const dr_node *node = &nodes->items[i];
        bool is_older = oldest == nodes->count || node->asked_ms < nodes->items[oldest].asked_ms;
        if (is_older && !node->is_listed && node->in_flight == 0 &&
            !owner->is_used(owner->user, i)) {
            oldest = i;
        }
    }
    if (oldest < nodes->count) {
        owner->close_idle(owner->user, oldest);
        nodes->items[oldest] =
            (dr_node){.address = *address, .life = nodes->items[oldest].life + 1};
    }
    return oldest;
}

dora_err dr_nodes_name(dr_nodes *nodes, const dr_address *address, const dr_nodes_owner *owner,
                       size_t *node, dora_error *error)
{
    *node = dr_nodes_find(nodes, address);
    if (*node < nodes->count) {
        return DORA_OK;
    }
    if (nodes->count < nodes->listed + DR_NODES_OTHER_MAX) {
        dora_err err = owner->grow(owner->user, nodes->count + 1);
        err = err == DORA_OK ? dr_nodes_add(nodes, address) : err;
        return err == DORA_OK ? DORA_OK : dora_error_set(error, err, "%s", dora_err_text(err));
    }
    *node = recycle(nodes, address, owner);
    if (*node == nodes->count) {
        return dora_error_set(error, DORA_EFULL,
                              "calls to %d servers that are in no group are under way",
                              DR_NODES_OTHER_MAX);
    }
    return DORA_OK;
}

/* ---- what a registry says ---- */

static size_t group_find(const dr_group *groups, size_t count, const char *name)
{
    size_t group = 0;
    while (group < count && strcmp(groups[group].name, name) != 0) {
        group++;
    }
    return group;
}

dora_err dr_nodes_expect(dr_nodes *nodes, const char *group)
{
    *nodes = (dr_nodes){.is_watched = true, .is_default_explicit = group != NULL};
    if (group == NULL) {
        return DORA_OK;
    }
    nodes->groups = dr_calloc(1, sizeof *nodes->groups);
    if (nodes->groups == NULL) {
        return DORA_ENOMEM;
    }
    nodes->group_count = 1;
    nodes->groups[0].name = dr_text_copy(group);
    return nodes->groups[0].name != NULL ? DORA_OK : DORA_ENOMEM;
}

/* Frees a table of groups whose first `shared` names belong to another one. */
static void groups_free(dr_group *groups, size_t count, size_t shared)
{
    for (size_t i = 0; i < count; i++) {
        dr_free(groups[i].nodes);
        if (i >= shared) {
            dr_free(groups[i].name);
        }
    }
    dr_free(groups);
}

/* Makes the table of groups to be: those that there were, at their places and with the same names,
 * and those of the roster; all without nodes, but with room for them. */
static dora_err groups_make(const dr_nodes *nodes, const dr_roster *roster, dr_group **groups,
                            size_t *count)
{
    size_t shared = nodes->group_count;
    dr_group *made = dr_calloc(shared + roster->count + 1, sizeof *made);
    if (made == NULL) {
        return DORA_ENOMEM;
    }
    *count = shared;
    for (size_t i = 0; i < shared; i++) {
        made[i].name = nodes->groups[i].name;
    }
    for (size_t i = 0; i < roster->count; i++) {
        const dr_roster_group *from = &roster->groups[i];
        size_t at = group_find(made, *count, from->name);
        if (at == DR_NODES_GROUPS_MAX) {
            continue;
        }
        if (at == *count) {
            made[at].name = dr_text_copy(from->name);
            *count += 1;
        }
        made[at].nodes = dr_calloc(from->count, sizeof *made[at].nodes);
        if (made[at].name == NULL || made[at].nodes == NULL) {
            groups_free(made, *count, shared);
            return DORA_ENOMEM;
        }
    }
    *groups = made;
    return DORA_OK;
}

/* Makes room for all nodes of the roster that are not known, so that nothing can fail later. */
static dora_err reserve(dr_nodes *nodes, const dr_roster *roster, const dr_nodes_owner *owner)
{
    size_t room = nodes->count;
    for (size_t i = 0; i < roster->count; i++) {
        for (size_t j = 0; room < ROOM_MAX && j < roster->groups[i].count; j++) {
            const dr_address *address = &roster->groups[i].nodes[j].address;
            room += dr_nodes_find(nodes, address) == nodes->count ? 1 : 0;
        }
    }
    if (room == nodes->count) {
        return DORA_OK;
    }
    dora_err err = owner->grow(owner->user, room);
    return err == DORA_OK ? make_room(nodes, room) : err;
}

static void list(dr_nodes *nodes, size_t node)
{
    if (node < nodes->count && !nodes->items[node].is_listed && nodes->listed < DR_NODES_MAX) {
        nodes->items[node].is_listed = true;
        nodes->listed++;
    }
}

/* Takes in a node of the roster. Returns: its index, nodes->count where there is no place. */
static size_t take_in(dr_nodes *nodes, const dr_address *address, const dr_nodes_owner *owner)
{
    size_t node = dr_nodes_find(nodes, address);
    if (node == nodes->count && nodes->listed < DR_NODES_MAX) {
        if (nodes->count < ROOM_MAX) {
            nodes->items[nodes->count++] = (dr_node){.address = *address};
        } else {
            node = recycle(nodes, address, owner);
        }
    }
    list(nodes, node);
    return node < nodes->count && nodes->items[node].is_listed ? node : nodes->count;
}

/* Fills one group. Returns: how many nodes there was no place for. */
static size_t fill(dr_nodes *nodes, const dr_roster_group *from, const dr_nodes_owner *owner)
{
    size_t at = group_find(nodes->groups, nodes->group_count, from->name);
    size_t left_out = 0;
    if (at == nodes->group_count) {
        return from->count;
    }
    dr_group *group = &nodes->groups[at];
    for (size_t i = 0; i < from->count; i++) {
        size_t node = take_in(nodes, &from->nodes[i].address, owner);
        if (node < nodes->count) {
            group->nodes[group->count++] = (uint16_t)node;
        } else {
            left_out++;
        }
    }
    return left_out;
}

/* Chooses the group of calls that name none. One whose servers have gone stays it: its calls fail
 * then, since those of another group are other servers. */
static void choose_default(dr_nodes *nodes, const dr_roster *roster, bool had_one)
{
    bool is_gone = had_one && nodes->groups[nodes->default_group].count == 0;
    if (!nodes->is_default_explicit && !is_gone && roster->count > 0) {
        nodes->default_group =
            group_find(nodes->groups, nodes->group_count, roster->groups[0].name);
    }
}

dora_err dr_nodes_apply(dr_nodes *nodes, const dr_roster *roster, const dr_nodes_owner *owner,
                        size_t *left_out)
{
    bool was_listed[ROOM_MAX] = {false};
    bool had_groups = nodes->group_count > 0;
    dr_group *groups = NULL;
    size_t group_count = 0;
    *left_out = 0;
    dora_err err = groups_make(nodes, roster, &groups, &group_count);
    if (err != DORA_OK) {
        return err;
    }
    err = reserve(nodes, roster, owner);
    if (err != DORA_OK) {
        groups_free(groups, group_count, nodes->group_count);
        return err;
    }
    groups_free(nodes->groups, nodes->group_count, nodes->group_count);
    nodes->groups = groups;
    nodes->group_count = group_count;
    for (size_t i = 0; i < nodes->count; i++) {
        was_listed[i] = nodes->items[i].is_listed;
        nodes->items[i].is_listed = false;
    }
    nodes->listed = 0;
    /* Those that stay come first: none of them may be taken for a node that is new. */
    for (size_t i = 0; i < roster->count; i++) {
        for (size_t j = 0; j < roster->groups[i].count; j++) {
            list(nodes, dr_nodes_find(nodes, &roster->groups[i].nodes[j].address));
        }
    }
    for (size_t i = 0; i < roster->count; i++) {
        *left_out += fill(nodes, &roster->groups[i], owner);
    }
    choose_default(nodes, roster, had_groups);
    for (size_t i = 0; i < nodes->count; i++) {
        if (was_listed[i] && !nodes->items[i].is_listed) {
            owner->close_idle(owner->user, i);
        }
    }
    return DORA_OK;
}
