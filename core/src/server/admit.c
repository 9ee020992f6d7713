/* admit.c: the apis of a call become tasks: each for itself where the caller waits, all or none
 * where the call is accepted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "server/call.h"

static const char no_api_prefix[] = "no such api: ";

/* find_task makes the task of one api. Returns: 0, or the code that refuses it. */
static int64_t find_task(dr_call *call, uint32_t index, const dr_request *request,
                         dr_task_input *input)
{
    dr_server *server = call->lane->server;
    const dr_api *api = &call->lane->apis[index];
    dr_route route;
    if (!dr_routes_find(atomic_load_explicit(&server->routes, memory_order_acquire), api->name,
                        &route)) {
        return DORA_CODE_NO_API;
    }
    call->parts[index].pool = &server->pools[route.pool];
    *input = (dr_task_input){.name = api->name,
                             .param = api->param,
                             .trace = request->trace,
                             .guid = call->guid,
                             .type = (uint16_t)request->type,
                             .protocol = DR_PROTOCOL_TCP,
                             .connection = call->conn->number,
                             .api = route.api,
                             .reactor = call->lane->reactor.index,
                             .owner = call,
                             .part = index};
    return 0;
}

/* say_no_api tells the caller which name nobody serves. */
static void say_no_api(dr_part *one, dora_slice name)
{
    const size_t prefix_len = sizeof(no_api_prefix) - 1;
    one->copy = malloc(prefix_len + name.len);
    if (one->copy != NULL) {
        memcpy(one->copy, no_api_prefix, prefix_len);
        memcpy(one->copy + prefix_len, name.data, name.len);
        one->msg = (dora_slice){one->copy, prefix_len + name.len};
    }
}

static void submit(dr_call *call, uint32_t index, const dr_request *request)
{
    dr_part *one = &call->parts[index];
    dr_task_input input;
    int64_t code = find_task(call, index, request, &input);
    if (code == 0) {
        one->state = DR_PART_PENDING;
        input.deadline_ns =
            request->timeout_ms < 0 ? 0 : dr_clock_ns() + (uint64_t)request->timeout_ms * 1000000u;
        code = dr_dispatch_submit(one->pool, &input, &one->task);
    } else {
        say_no_api(one, call->lane->apis[index].name);
    }
    if (code != 0) {
        dr_call_settle(call, index, code);
    }
}

void dr_call_wait(dr_lane *lane, dr_conn *conn, const dr_request *request)
{
    dr_call *call = dr_call_new(lane, conn, request);
    if (call == NULL) {
        dr_reply_code(conn, request->guid.data, DORA_CODE_OVERLOADED, "out of memory");
        return;
    }
    for (uint32_t i = 0; i < call->count; i++) {
        submit(call, i, request);
    }
    if (call->left == 0) {
        dr_reply_call(call);
    } else {
        dr_reactor_tick_soon(&lane->reactor);
    }
}

/* reserve_all finds room for every api of a call; where one has none, nothing was done.
 * Returns: 0, or the code of the first that cannot run, with its place in `*index`. */
static int64_t reserve_all(dr_call *call, const dr_request *request, uint32_t *index)
{
    int64_t code = 0;
    uint32_t i = 0;
    for (; i < call->count && code == 0; i++) {
        dr_task_input input; /* without a deadline: accepted work is done */
        code = find_task(call, i, request, &input);
        if (code == 0) {
            code = dr_dispatch_reserve(call->parts[i].pool, &input, &call->parts[i].task);
        }
    }
    if (code != 0) {
        *index = --i;
        while (i-- > 0) {
            dr_dispatch_unreserve(call->parts[i].pool, call->parts[i].task);
        }
    }
    return code;
}

static void refuse(dr_conn *conn, const dr_request *request, int64_t code, dora_slice name)
{
    char msg[sizeof(no_api_prefix) + DR_API_NAME_MAX];
    (void)snprintf(msg, sizeof(msg), "%s%.*s", no_api_prefix, (int)name.len, name.data);
    dr_reply_code(conn, request->guid.data, code, code == DORA_CODE_NO_API ? msg : NULL);
}

void dr_call_accept(dr_lane *lane, dr_conn *conn, const dr_request *request)
{
    if (request->timeout_ms == 0) {
        dr_reply_code(conn, request->guid.data, DORA_CODE_EXPIRED, NULL);
        return;
    }
    dr_call *call = dr_call_new(lane, conn, request);
    if (call == NULL) {
        dr_reply_code(conn, request->guid.data, DORA_CODE_OVERLOADED, "out of memory");
        return;
    }
    uint32_t index = 0;
    const int64_t code = reserve_all(call, request, &index);
    if (code != 0) {
        dr_call_free(call);
        refuse(conn, request, code, lane->apis[index].name);
        return;
    }
    /* Said before a worker can have a result. From here on it runs, even when the connection ends
     * with these words. */
    dr_reply_code(conn, request->guid.data, DORA_CODE_ACCEPTED, NULL);
    if (!dr_call_has_result(call->type)) {
        dr_call_detach(call);
    }
    for (uint32_t i = 0; i < call->count; i++) {
        call->parts[i].state = DR_PART_PENDING;
        dr_dispatch_commit(call->parts[i].pool, call->parts[i].task);
    }
    dr_reactor_tick_soon(&lane->reactor);
}
