/* node_list.c: the nodes of a program's containers, one by one, to the texts of the options. Pure.
 */
#include <dora/nodes.h>

#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "base/buf.h"
#include "base/mem.h"

/* The nodes of one group, or all of them. */
typedef struct node_set {
    dr_buf name;  /* NUL-ended; empty: they are in no group */
    dr_buf nodes; /* separated by commas, then NUL-ended */
} node_set;

struct dora_nodes {
    node_set *sets;
    dora_group *groups; /* of dora_nodes_finish */
    size_t count;
    bool is_grouped;
    bool is_list;  /* of the last set: its nodes are items, */
    size_t items;  /* so many until now */
    bool is_type;  /* the error is a type */
    dora_err err;  /* the first; later calls are no-ops */
    char msg[640]; /* of it */
};

dora_nodes *dora_nodes_new(void)
{
    return dr_calloc(1, sizeof(dora_nodes));
}

void dora_nodes_free(dora_nodes *nodes)
{
    if (nodes == NULL) {
        return;
    }
    for (size_t i = 0; i < nodes->count; i++) {
        dr_buf_fini(&nodes->sets[i].name);
        dr_buf_fini(&nodes->sets[i].nodes);
    }
    dr_free(nodes->sets);
    dr_free(nodes->groups);
    dr_free(nodes);
}

/* Refuses what stands at this place. */
static void refuse(dora_nodes *nodes, const char *verb, const char *what)
{
    const char *wanted = nodes->is_list      ? "\"host:port\""
                         : nodes->is_grouped ? "\"host:port\" or a list of these"
                                             : "\"host:port\", a list of these, or groups by name";
    char group[224] = "";
    char item[32] = "";
    if (nodes->err != DORA_OK) {
        return;
    }
    if (nodes->is_grouped && nodes->count > 0) {
        snprintf(group, sizeof group, "[\"%.200s\"]", nodes->sets[nodes->count - 1].name.data);
    }
    if (nodes->is_list) {
        snprintf(item, sizeof item, "[%zu]", nodes->items);
    }
    nodes->err = DORA_EINVAL;
    snprintf(nodes->msg, sizeof nodes->msg, "nodes%s%s %s %.100s: %s is wanted", group, item, verb,
             what, wanted);
}

static void refuse_name(dora_nodes *nodes, const char *verb, const char *what)
{
    nodes->err = DORA_EINVAL;
    snprintf(nodes->msg, sizeof nodes->msg,
             "nodes: a group's name %s %.200s: a text that is not empty is wanted", verb, what);
}

/* Looks whether the last set has a node. */
static void end_set(dora_nodes *nodes)
{
    if (nodes->items == 0) {
        nodes->is_list = false;
        refuse(nodes, "is", "empty");
    }
}

static bool begin_set(dora_nodes *nodes)
{
    node_set *sets = dr_realloc(nodes->sets, (nodes->count + 1) * sizeof *sets);
    if (sets == NULL) {
        nodes->err = DORA_ENOMEM;
        return false;
    }
    nodes->sets = sets;
    nodes->sets[nodes->count++] = (node_set){.name = {.data = NULL}};
    return true;
}

void dora_nodes_group(dora_nodes *nodes, dora_slice name)
{
    if (nodes->is_grouped) {
        end_set(nodes);
    }
    if (nodes->err != DORA_OK) {
        return;
    }
    if (name.len == 0) {
        refuse_name(nodes, "is", "empty");
    } else if (memchr(name.data, '\0', name.len) != NULL) {
        refuse_name(nodes, "has a NUL byte behind", name.data);
    } else if (begin_set(nodes)) {
        node_set *set = &nodes->sets[nodes->count - 1];
        nodes->is_grouped = true;
        nodes->is_list = false;
        nodes->items = 0;
        if (dr_buf_append_slice(&set->name, name) != DORA_OK ||
            dr_buf_append(&set->name, "", 1) != DORA_OK) {
            nodes->err = DORA_ENOMEM;
        }
    }
}

void dora_nodes_list(dora_nodes *nodes)
{
    nodes->is_list = true;
}

void dora_nodes_add(dora_nodes *nodes, dora_slice text)
{
    if (text.len == 0) {
        refuse(nodes, "is", "empty");
    } else if (memchr(text.data, '\0', text.len) != NULL) {
        refuse(nodes, "has", "a NUL byte");
    }
    if (nodes->err != DORA_OK || (nodes->count == 0 && !begin_set(nodes))) {
        return;
    }
    dr_buf *list = &nodes->sets[nodes->count - 1].nodes;
    if (dr_buf_append(list, ",", nodes->items > 0 ? 1 : 0) != DORA_OK ||
        dr_buf_append_slice(list, text) != DORA_OK) {
        nodes->err = DORA_ENOMEM;
    }
    nodes->items++;
}

void dora_nodes_other(dora_nodes *nodes, bool is_name, const char *came)
{
    if (nodes->err == DORA_OK) {
        (is_name ? refuse_name : refuse)(nodes, "is", came);
        nodes->is_type = true;
    }
}

/* Makes the groups, in the form that the options have. */
static void make_groups(dora_nodes *nodes)
{
    nodes->groups = dr_calloc(nodes->count, sizeof *nodes->groups);
    if (nodes->groups == NULL) {
        nodes->err = DORA_ENOMEM;
    }
    for (size_t i = 0; nodes->err == DORA_OK && i < nodes->count; i++) {
        nodes->err = dr_buf_append(&nodes->sets[i].nodes, "", 1);
        nodes->groups[i].name = nodes->sets[i].name.data;
        nodes->groups[i].nodes = nodes->sets[i].nodes.data;
    }
}

dora_err dora_nodes_finish(dora_nodes *nodes, dora_client_options *options, bool *is_type,
                           dora_error *error)
{
    end_set(nodes);
    if (nodes->err == DORA_OK) {
        make_groups(nodes);
    }
    if (is_type != NULL) {
        *is_type = nodes->is_type;
    }
    if (nodes->err != DORA_OK) {
        return dora_error_set(error, nodes->err, "%s",
                              nodes->err == DORA_EINVAL ? nodes->msg : dora_err_text(nodes->err));
    }
    options->nodes = nodes->is_grouped ? NULL : nodes->groups[0].nodes;
    options->groups = nodes->is_grouped ? nodes->groups : NULL;
    options->group_count = nodes->is_grouped ? nodes->count : 0;
    return DORA_OK;
}

dora_err dora_node_text(dora_slice ip, int64_t port, char text[DORA_NODE_TEXT_MAX],
                        dora_error *error)
{
    dr_address address;
    char made[DR_ADDRESS_TEXT_MAX];
    dora_err err = dr_address_make(ip, port, &address, error);
    if (err == DORA_OK) {
        snprintf(text, DORA_NODE_TEXT_MAX, "%s", dr_address_text(&address, made));
    }
    return err;
}

_Static_assert(DORA_NODE_TEXT_MAX >= DR_HOST_BYTES + sizeof "[]:65535" - 1,
               "it has room for any host and port");
