/* mux_start.c: a call that begins: checked, copied, and placed for its first try. Pure. */
#include "client/mux/mux_start.h"

#include <string.h>

#include "base/deadline.h"
#include "base/mem.h"
#include "base/priority.h"
#include "base/slice.h"
#include "base/trace.h"
#include "client/balance/node_sync.h"
#include "client/mux/mux.h"
#include "client/mux/mux_call.h"
#include "client/mux/mux_conn.h"
#include "client/mux/mux_registry.h"
#include "client/mux/mux_stream.h"
#include "client/mux/mux_table.h"
#include "client/shared/options.h"

static dora_err no_memory(dora_error *error)
{
    return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
}

static dr_call_type type_of(dora_mux_mode mode)
{
    static const dr_call_type types[] = {
        [DORA_MUX_CALL] = DR_TYPE_W_S,    [DORA_MUX_CALL_MANY] = DR_TYPE_W_M,
        [DORA_MUX_SEND] = DR_TYPE_AN_S,   [DORA_MUX_SEND_MANY] = DR_TYPE_AN_M,
        [DORA_MUX_SUBMIT] = DR_TYPE_AM_S, [DORA_MUX_SUBMIT_MANY] = DR_TYPE_AM_M,
        [DORA_MUX_CONTROL] = DR_TYPE_SC,  [DORA_MUX_STREAM] = DR_TYPE_ST_S,
    };
    return types[mode];
}

static void move_slice(char **room, dora_slice *slice)
{
    if (slice->len > 0) {
        memcpy(*room, slice->data, slice->len);
    }
    slice->data = *room;
    *room += slice->len;
}

/* Checks the calls, and copies them with what they point to. */
static dora_err call_new(dora_mux *mux, dr_call_type type, const dora_call *calls, size_t count,
                         dr_mux_call **made, dora_error *error)
{
    dora_answer *making = mux->making;
    dora_err err = dr_call_type_is_single(type) ? dr_answer_begin_one(making, calls, error)
                                                : dr_answer_begin_many(making, calls, count, error);
    if (err != DORA_OK) {
        return err;
    }
    if (type == DR_TYPE_SC) {
        making->apis[0].key_raw = (dora_slice){DR_KEY_CMD, sizeof DR_KEY_CMD - 1};
    }
    size_t size = sizeof(dr_mux_call) + count * sizeof(dr_api);
    for (size_t i = 0; i < count; i++) {
        const dr_api *api = &making->apis[i];
        size += api->key_raw.len + api->name.len + api->param.len + api->whole.len;
    }
    dr_mux_call *call = dr_alloc(size);
    if (call == NULL) {
        return no_memory(error);
    }
    *call = (dr_mux_call){.type = type, .api_count = count};
    memcpy(call->apis, making->apis, count * sizeof(dr_api));
    char *room = (char *)(call->apis + count);
    for (size_t i = 0; i < count; i++) {
        move_slice(&room, &call->apis[i].key_raw);
        move_slice(&room, &call->apis[i].name);
        move_slice(&room, &call->apis[i].param);
        move_slice(&room, &call->apis[i].whole);
    }
    *made = call;
    return DORA_OK;
}

static dora_err grow(void *user, size_t count)
{
    return dr_mux_grow(user, count);
}

static bool is_node_used(void *user, size_t node)
{
    const dora_mux *mux = user;
    const dr_mux_conn *conn = mux->more[node].conns;
    while (conn != NULL && conn->waiting.count + conn->sent.count == 0) {
        conn = conn->next;
    }
    return conn != NULL;
}

static void close_idle(void *user, size_t node)
{
    dora_mux *mux = user;
    dr_mux_conn *next = NULL;
    for (dr_mux_conn *conn = mux->more[node].conns; conn != NULL; conn = next) {
        next = conn->next;
        conn->is_ending = true; /* where calls are under way, once they are done */
        dr_mux_conn_sweep(mux, conn);
    }
    mux->more[node].grow_after_ns = 0;
}

dr_nodes_owner dr_mux_owner(dora_mux *mux)
{
    return (dr_nodes_owner){
        .grow = grow, .is_used = is_node_used, .close_idle = close_idle, .user = mux};
}

/* Finds the one node that a call names, which is made known if need be. */
static dora_err name_node(dora_mux *mux, dr_tries *tries, const char *text, dora_error *error)
{
    dr_address address;
    const dr_nodes_owner owner = dr_mux_owner(mux);
    dora_err err = dr_address_read(dr_slice(text), &address, error);
    return err == DORA_OK ? dr_nodes_name(&mux->nodes, &address, &owner, &tries->node, error) : err;
}

static dora_err may_start(const dora_mux *mux, bool is_submission, dora_error *error)
{
    if (mux->is_foreign) {
        return dora_error_set(error, DORA_EINVAL,
                              "the client belongs to the process that made it: after a fork the "
                              "child makes its own");
    }
    if (mux->is_over) {
        return dora_error_set(error, DORA_EINVAL, "the client is closed");
    }
    if (is_submission && mux->submissions >= DR_MUX_SUBMISSIONS_MAX) {
        return dora_error_set(error, DORA_EFULL,
                              "%u submissions are outstanding; collect them first",
                              DR_MUX_SUBMISSIONS_MAX);
    }
    return DORA_OK;
}

/* Remembers the group that a call is to have once some is known. */
static dora_err keep_group(dr_mux_call *call, const char *group, dora_error *error)
{
    call->is_lost = true;
    if (group == NULL) {
        return DORA_OK;
    }
    call->group = dr_text_copy(group);
    return call->group != NULL ? DORA_OK : no_memory(error);
}

/* Remembers the trace that a call sends. */
static dora_err keep_trace(dr_mux_call *call, const dora_call_options *options, dora_error *error)
{
    char room[DR_TRACE_BYTES_MAX];
    dora_slice trace = {NULL, 0};
    const dora_err err = dr_trace_of_call(options->trace, room, &trace, error);
    if (err != DORA_OK || trace.len == 0) {
        return err;
    }
    call->trace = dr_alloc(trace.len);
    if (call->trace == NULL) {
        return no_memory(error);
    }
    memcpy(call->trace, trace.data, trace.len);
    call->trace_len = trace.len;
    return DORA_OK;
}

/* Takes the call in and begins its first try. */
static dora_err launch(dora_mux *mux, dr_mux_call *call, uint64_t now_ns, dora_error *error)
{
    dr_guid_make(&mux->random, call->guid);
    if (dr_slots_add(&mux->calls, call, &call->id) != DORA_OK) {
        return no_memory(error);
    }
    if (dr_mux_table_add(mux, call) != DORA_OK) {
        dr_slots_remove(&mux->calls, call->id);
        return no_memory(error);
    }
    mux->submissions += dr_mux_is_submission(call->type) ? 1 : 0;
    if (now_ns >= call->tries.deadline_ns) {
        dr_mux_over(mux, call, &dr_reason_late); /* nobody waits for it any more: nothing is sent */
    } else if (call->is_lost) {
        dr_mux_hold(mux, call, now_ns);
    } else if (dr_mux_place(mux, call, now_ns) != DORA_OK) {
        dr_mux_over(mux, call, &dr_reason_no_memory);
    }
    return DORA_OK;
}

dora_err dora_mux_start(dora_mux *mux, dora_mux_mode mode, const dora_call *calls, size_t count,
                        const dora_call_options *options, uint64_t now_ns, void *user, uint64_t *id,
                        dora_error *error)
{
    dr_call_type type = type_of(mode);
    dr_mux_call *call = NULL;
    dora_call_options room;
    dora_err err = may_start(mux, dr_mux_is_submission(type), error);
    if (err == DORA_OK) {
        err = dr_call_options_take(&options, &room, error);
    }
    if (err == DORA_OK) {
        err = call_new(mux, type, calls, dr_call_type_is_single(type) ? 1 : count, &call, error);
    }
    if (err != DORA_OK) {
        return err;
    }
    call->user = user;
    if (mux->registry != NULL) {
        dr_mux_registry_use(mux, now_ns);
    }
    if (type == DR_TYPE_ST_S) {
        room = *options;
        options = &room;
        if (dr_mux_stream_new(mux, call, &room, now_ns) != DORA_OK) {
            dr_mux_call_free(call);
            return no_memory(error);
        }
    }
    err = dr_tries_begin(&call->tries, &mux->settings, &mux->nodes, options, now_ns,
                         dr_deadline_get(), error);
    if (err == DORA_ECONNECT) { /* a registry may know some later */
        err = keep_group(call, options->group, error);
    } else if (err == DORA_OK && call->tries.is_named) {
        err = name_node(mux, &call->tries, options->node, error);
    }
    err = err == DORA_OK ? keep_trace(call, options, error) : err;
    err = err == DORA_OK ? dr_priority_of_call(options->priority, mux->settings.priority,
                                               &call->priority, error)
                         : err;
    if (err == DORA_OK) {
        err = launch(mux, call, now_ns, error);
    }
    if (err != DORA_OK) {
        dr_mux_call_free(call);
        return err;
    }
    *id = call->id;
    return DORA_OK;
}

bool dora_mux_cancel(dora_mux *mux, uint64_t id, void **user)
{
    dr_mux_call *call = dr_slots_get(&mux->calls, id);
    if (call == NULL || call == mux->current) {
        return false;
    }
    if (user != NULL) {
        *user = call->user;
    }
    dr_mux_cancel_there(mux, call);
    dr_mux_forget(mux, call);
    return true;
}
