/* roster.c: groups of nodes: made, ordered, compared. Pure. */
#include "discovery/roster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/slice.h"

static void group_fini(dr_roster_group *group)
{
    dr_free(group->name);
    dr_free(group->nodes);
}

void dr_roster_fini(dr_roster *roster)
{
    for (size_t i = 0; i < roster->count; i++) {
        group_fini(&roster->groups[i]);
    }
    dr_free(roster->groups);
    *roster = (dr_roster){0};
}

/* grown gives a list with room for one more. Its room is always a power of two. */
static void *grown(void *list, size_t count, size_t size)
{
    if ((count & (count - 1)) != 0) {
        return list;
    }
    return dr_realloc(list, (count > 0 ? count * 2 : 1) * size);
}

static dr_roster_group *find(const dr_roster *roster, dora_slice name)
{
    for (size_t i = 0; i < roster->count; i++) {
        dr_roster_group *group = &roster->groups[i];
        if (strlen(group->name) == name.len && memcmp(group->name, name.data, name.len) == 0) {
            return group;
        }
    }
    return NULL;
}

/* open_group puts a group without nodes at the end. */
static dora_err open_group(dr_roster *roster, dora_slice name, dr_roster_group **group)
{
    if (roster->count == DR_ROSTER_GROUPS_MAX) {
        return DORA_EFULL;
    }
    dr_roster_group *groups = grown(roster->groups, roster->count, sizeof *groups);
    if (groups == NULL) {
        return DORA_ENOMEM;
    }
    roster->groups = groups;
    char *copy = dr_alloc(name.len + 1);
    if (copy == NULL) {
        return DORA_ENOMEM;
    }
    memcpy(copy, name.data, name.len);
    copy[name.len] = '\0';
    *group = &groups[roster->count++];
    **group = (dr_roster_group){.name = copy};
    return DORA_OK;
}

static size_t count_places(const dr_roster *roster)
{
    size_t count = 0;
    for (size_t i = 0; i < roster->count; i++) {
        count += roster->groups[i].count;
    }
    return count;
}

static dora_err add_node(dr_roster_group *group, const dr_address *address, int64_t updatetime)
{
    dr_roster_node *nodes = grown(group->nodes, group->count, sizeof *nodes);
    if (nodes == NULL) {
        return DORA_ENOMEM;
    }
    group->nodes = nodes;
    nodes[group->count++] = (dr_roster_node){.address = *address, .updatetime = updatetime};
    return DORA_OK;
}

dora_err dr_roster_add(dr_roster *roster, dora_slice name, const dr_address *address,
                       int64_t updatetime)
{
    dr_roster_group *group = find(roster, name);
    for (size_t i = 0; group != NULL && i < group->count; i++) {
        dr_roster_node *node = &group->nodes[i];
        if (dr_address_is_same(&node->address, address)) {
            node->updatetime = updatetime > node->updatetime ? updatetime : node->updatetime;
            return DORA_OK;
        }
    }
    if (count_places(roster) == DR_ROSTER_NODES_MAX) {
        return DORA_EFULL;
    }
    dora_err err = group == NULL ? open_group(roster, name, &group) : DORA_OK;
    err = err == DORA_OK ? add_node(group, address, updatetime) : err;
    if (err != DORA_OK && group != NULL && group->count == 0) {
        group_fini(group);
        roster->count--;
    }
    return err;
}

dora_err dr_roster_join(dr_roster *roster, const dr_roster *other)
{
    for (size_t i = 0; i < other->count; i++) {
        const dr_roster_group *group = &other->groups[i];
        const dora_slice name = dr_slice(group->name);
        for (size_t j = 0; j < group->count; j++) {
            dora_err err =
                dr_roster_add(roster, name, &group->nodes[j].address, group->nodes[j].updatetime);
            if (err != DORA_OK) {
                return err;
            }
        }
    }
    return DORA_OK;
}

static bool has_address(const dr_roster_group *group, const dr_address *address)
{
    for (size_t i = 0; i < group->count; i++) {
        if (dr_address_is_same(&group->nodes[i].address, address)) {
            return true;
        }
    }
    return false;
}

static bool has_node(const dr_roster *roster, const dr_address *address)
{
    for (size_t i = 0; i < roster->count; i++) {
        if (has_address(&roster->groups[i], address)) {
            return true;
        }
    }
    return false;
}

void dr_roster_remove(dr_roster *roster, const dr_roster *other)
{
    size_t groups = 0;
    for (size_t i = 0; i < roster->count; i++) {
        dr_roster_group group = roster->groups[i];
        size_t count = 0;
        for (size_t j = 0; j < group.count; j++) {
            if (!has_node(other, &group.nodes[j].address)) {
                group.nodes[count++] = group.nodes[j];
            }
        }
        group.count = count;
        if (count > 0) {
            roster->groups[groups++] = group;
        } else {
            group_fini(&group);
        }
    }
    roster->count = groups;
}

size_t dr_roster_count_nodes(const dr_roster *roster)
{
    size_t count = 0;
    for (size_t i = 0; i < roster->count; i++) {
        for (size_t j = 0; j < roster->groups[i].count; j++) {
            bool is_new = true;
            for (size_t k = 0; k < i && is_new; k++) {
                is_new = !has_address(&roster->groups[k], &roster->groups[i].nodes[j].address);
            }
            count += is_new ? 1 : 0;
        }
    }
    return count;
}

const char *dr_roster_counts(const dr_roster *roster, char text[DR_ROSTER_COUNTS_MAX])
{
    const size_t nodes = dr_roster_count_nodes(roster);
    snprintf(text, DR_ROSTER_COUNTS_MAX, "%zu %s in %zu %s", nodes, nodes == 1 ? "node" : "nodes",
             roster->count, roster->count == 1 ? "group" : "groups");
    return text;
}

static int order_addresses(const dr_address *one, const dr_address *other)
{
    int order = strcmp(one->host, other->host);
    return order != 0 ? order : (one->port > other->port) - (one->port < other->port);
}

static int order_nodes(const void *one, const void *other)
{
    return order_addresses(&((const dr_roster_node *)one)->address,
                           &((const dr_roster_node *)other)->address);
}

static int order_groups(const void *one, const void *other)
{
    return strcmp(((const dr_roster_group *)one)->name, ((const dr_roster_group *)other)->name);
}

void dr_roster_sort(dr_roster *roster)
{
    for (size_t i = 0; i < roster->count; i++) {
        dr_roster_group *group = &roster->groups[i];
        qsort(group->nodes, group->count, sizeof *group->nodes, order_nodes);
    }
    if (roster->count > 0) {
        qsort(roster->groups, roster->count, sizeof *roster->groups, order_groups);
    }
}

bool dr_roster_is_same(const dr_roster *one, const dr_roster *other)
{
    if (one->count != other->count) {
        return false;
    }
    for (size_t i = 0; i < one->count; i++) {
        const dr_roster_group *left = &one->groups[i];
        const dr_roster_group *right = &other->groups[i];
        if (left->count != right->count || strcmp(left->name, right->name) != 0) {
            return false;
        }
        for (size_t j = 0; j < left->count; j++) {
            if (!dr_address_is_same(&left->nodes[j].address, &right->nodes[j].address)) {
                return false;
            }
        }
    }
    return true;
}

/* compare_nodes walks through two groups of one name; `after` or `before` may have no nodes. */
static void compare_nodes(const dr_roster_group *before, const dr_roster_group *after,
                          dr_roster_change_fn on_change, void *user)
{
    const char *name = before->name != NULL ? before->name : after->name;
    size_t i = 0;
    size_t j = 0;
    while (i < before->count || j < after->count) {
        int order = 0;
        if (i == before->count) {
            order = 1;
        } else if (j == after->count) {
            order = -1;
        } else {
            order = order_nodes(&before->nodes[i], &after->nodes[j]);
        }
        if (order < 0) {
            on_change(user, false, name, &before->nodes[i].address);
        } else if (order > 0) {
            on_change(user, true, name, &after->nodes[j].address);
        }
        i += order <= 0 ? 1 : 0;
        j += order >= 0 ? 1 : 0;
    }
}

void dr_roster_compare(const dr_roster *before, const dr_roster *after,
                       dr_roster_change_fn on_change, void *user)
{
    static const dr_roster_group nobody = {0};
    size_t i = 0;
    size_t j = 0;
    while (i < before->count || j < after->count) {
        int order = 0;
        if (i == before->count) {
            order = 1;
        } else if (j == after->count) {
            order = -1;
        } else {
            order = order_groups(&before->groups[i], &after->groups[j]);
        }
        compare_nodes(order <= 0 ? &before->groups[i] : &nobody,
                      order >= 0 ? &after->groups[j] : &nobody, on_change, user);
        i += order <= 0 ? 1 : 0;
        j += order >= 0 ? 1 : 0;
    }
}
