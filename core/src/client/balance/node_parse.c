/* node_parse.c: the servers and groups that a client is given, read from text. Pure. */
#include "client/balance/node_parse.h"

#include "client/balance/nodes.h"

#include <string.h>

#include "base/mem.h"
#include "client/balance/node_sync.h"
#include "discovery/registry.h"

static dora_err no_memory(dora_error *error)
{
    return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
}

static bool has_node(const dr_group *group, size_t node)
{
    for (size_t i = 0; i < group->count; i++) {
        if (group->nodes[i] == node) {
            return true;
        }
    }
    return false;
}

/* Puts one address into a group that has room for it. */
static dora_err group_add(dr_nodes *nodes, dr_group *group, dora_slice text, dora_error *error)
{
    dr_address address;
    dora_err err = dr_address_read(text, &address, error);
    if (err != DORA_OK) {
        return err;
    }
    size_t node = dr_nodes_find(nodes, &address);
    if (node == DR_NODES_MAX) {
        return dora_error_set(error, DORA_EINVAL, "more than %d nodes", DR_NODES_MAX);
    }
    if (node == nodes->count && dr_nodes_add(nodes, &address) != DORA_OK) {
        return no_memory(error);
    }
    if (!has_node(group, node)) {
        group->nodes[group->count++] = (uint16_t)node;
    }
    return DORA_OK;
}

static dora_err group_read(dr_nodes *nodes, dr_group *group, const char *list, dora_error *error)
{
    size_t room = 1;
    for (const char *at = list; *at != '\0'; at++) {
        room += *at == ',' ? 1 : 0;
    }
    group->nodes = dr_calloc(room, sizeof *group->nodes);
    if (group->nodes == NULL) {
        return no_memory(error);
    }
    dora_err err = DORA_OK;
    for (size_t i = 0; err == DORA_OK && i < room; i++) {
        dora_slice part = {list, strcspn(list, ",")};
        err = group_add(nodes, group, dr_address_trimmed(part), error);
        list += part.len + 1;
    }
    return err;
}

static bool is_repeated(const dr_nodes *nodes, const char *name)
{
    size_t others = nodes->group_count - 1;
    for (size_t i = 0; i < others; i++) {
        if (strcmp(nodes->groups[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static dora_err named_group_read(dr_nodes *nodes, const dora_group *given, dora_error *error)
{
    const char *name = given->name != NULL ? given->name : "";
    dr_group *group = &nodes->groups[nodes->group_count++];
    size_t len = strlen(name);
    group->name = dr_alloc(len + 1);
    if (group->name == NULL) {
        return no_memory(error);
    }
    memcpy(group->name, name, len + 1);
    if (is_repeated(nodes, name)) {
        return dora_error_set(error, DORA_EINVAL, "group \"%.200s\" stands there twice", name);
    }
    if (given->nodes == NULL || given->nodes[0] == '\0') {
        return dora_error_set(error, DORA_EINVAL, "group \"%.200s\" has no nodes", name);
    }
    if (dr_registry_is_meant(given->nodes)) {
        return dora_error_set(error, DORA_EINVAL,
                              "group \"%.200s\" is a registry: that has groups itself, and stands "
                              "as the client's nodes",
                              name);
    }
    return group_read(nodes, group, given->nodes, error);
}

dora_err dr_nodes_read(dr_nodes *nodes, const char *list, const dora_group *groups, size_t count,
                       dora_error *error)
{
    const dora_group only = {.name = "", .nodes = list};
    dora_err err = DORA_OK;
    *nodes = (dr_nodes){0};
    if (list != NULL && count > 0) {
        return dora_error_set(error, DORA_EINVAL, "both nodes and groups are given");
    }
    if (count == 0) {
        groups = &only;
        count = 1;
        if (list == NULL || list[0] == '\0') {
            return dora_error_set(error, DORA_EINVAL, "no nodes: \"host:port\" is expected");
        }
    }
    nodes->groups = dr_calloc(count, sizeof *nodes->groups);
    if (nodes->groups == NULL) {
        return no_memory(error);
    }
    for (size_t i = 0; err == DORA_OK && i < count; i++) {
        err = named_group_read(nodes, &groups[i], error);
    }
    for (size_t i = 0; i < nodes->count; i++) {
        nodes->items[i].is_listed = true;
    }
    nodes->listed = nodes->count;
    if (err != DORA_OK) {
        dr_nodes_fini(nodes);
    }
    return err;
}

void dr_nodes_fini(dr_nodes *nodes)
{
    for (size_t i = 0; i < nodes->group_count; i++) {
        dr_free(nodes->groups[i].name);
        dr_free(nodes->groups[i].nodes);
    }
    dr_free(nodes->groups);
    dr_free(nodes->items);
    *nodes = (dr_nodes){0};
}

dora_err dr_nodes_group(const dr_nodes *nodes, const char *name, size_t *group, dora_error *error)
{
    char known[512] = "";
    size_t len = 0;
    for (size_t i = 0; i < nodes->group_count; i++) {
        const char *text = nodes->groups[i].name;
        size_t text_len = strlen(text);
        if (nodes->groups[i].count == 0) {
            continue; /* of a registry that has no such group at the moment */
        }
        if (strcmp(text, name) == 0) {
            *group = i;
            return DORA_OK;
        }
        if (text_len > 0 && len + text_len + 3 < sizeof known) {
            memcpy(known + len, len > 0 ? ", " : "", len > 0 ? 2 : 0);
            len += len > 0 ? 2 : 0;
            memcpy(known + len, text, text_len + 1);
            len += text_len;
        }
    }
    dora_err err = dora_error_set(error, nodes->is_watched ? DORA_ECONNECT : DORA_EINVAL,
                                  "there is no group \"%.200s\"; %s%s", name,
                                  len > 0 ? "there are: " : "the client has no groups", known);
    if (error != NULL && err == DORA_ECONNECT) {
        error->code = DORA_CODE_CONNECT;
    }
    return err;
}
