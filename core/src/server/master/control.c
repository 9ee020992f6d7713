/* control.c: commands from clients, and the way to the supervisor and back. */
#include "server/master/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/slice.h"
#include "net/http_origin.h"
#include "server/call/call.h"
#include "server/call/caller.h"
#include "server/call/reply.h"
#include "server/master/master.h"
#include "server/ops/apis.h"
#include "server/ops/permit.h"
#include "server/ops/stat.h"
#include "server/ops/stat_poison.h"

void dr_reload_queue_init(dr_reload_queue *queue)
{
    pthread_mutex_init(&queue->lock, NULL);
    queue->first = queue->last = NULL;
}

static void put(dr_reload_queue *queue, dr_reload_request *request)
{
    request->next = NULL;
    pthread_mutex_lock(&queue->lock);
    if (queue->last == NULL) {
        queue->first = request;
    } else {
        queue->last->next = request;
    }
    queue->last = request;
    pthread_mutex_unlock(&queue->lock);
}

static dr_reload_request *take(dr_reload_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    dr_reload_request *request = queue->first;
    if (request != NULL) {
        queue->first = request->next;
        if (queue->first == NULL) {
            queue->last = NULL;
        }
    }
    pthread_mutex_unlock(&queue->lock);
    return request;
}

static void request_free(dr_reload_request *request)
{
    free(request->msg);
    free(request);
}

void dr_reload_queue_fini(dr_reload_queue *queue)
{
    dr_reload_request *request;
    while ((request = take(queue)) != NULL) {
        request_free(request);
    }
    pthread_mutex_destroy(&queue->lock);
}

dr_reload_request *dr_control_take(dr_server *server)
{
    return take(&server->asked);
}

void dr_control_answer(dr_reload_request *request, int64_t code, bool is_pending, const char *msg)
{
    dr_reactor_thread *thread = request->thread;
    request->code = code;
    request->is_pending = is_pending;
    request->msg = msg != NULL ? dr_text_copy(msg) : NULL;
    put(&thread->answered, request);
    dr_reactor_ask(&thread->lane->reactor);
}

/* refusal_of_http says why a command over HTTP is none, NULL where it may be one. Behind a proxy on
 * this machine everybody comes from loopback, so HTTP has to be allowed, and not by the peer. */
static const char *refusal_of_http(const dr_responder *responder)
{
    if (!responder->lane->backend->config->control.http) {
        return "control commands are not taken over HTTP (control.http)";
    }
    return dr_http_is_forwarded(responder->web->exchange)
               ? "control commands are not taken from a proxy: the request has Forwarded, Via, "
                 "X-Real-IP or X-Forwarded-"
               : NULL;
}

/* answer answers a command with a code; `text` NULL is the usual one. */
static void answer(const dr_responder *responder, const char *guid, int64_t code, const char *text)
{
    dr_call_count_answered(responder->lane, DR_TYPE_SC, code);
    dr_reply_code(responder, guid, code, text);
}

/* refuse says from where commands are taken. */
static void refuse(const dr_responder *responder, const char *guid)
{
    const dr_config *config = responder->lane->backend->config;
    const char *text = "control commands are not taken (control.allow is empty)";
    if (config->control.loopback && config->control.local) {
        text = "control commands are taken from loopback and the Unix socket only (control.allow)";
    } else if (config->control.loopback) {
        text = "control commands are taken from loopback only (control.allow)";
    } else if (config->control.local) {
        text = "control commands are taken from the Unix socket only (control.allow)";
    }
    answer(responder, guid, DORA_CODE_NOT_PERMITTED, text);
}

/* answer_data answers a command with code 0 and what was written. Ownership: takes the writer; NULL
 * is one for which there was no memory. */
static void answer_data(const dr_responder *responder, const char *guid, dora_writer *writer)
{
    dora_slice data;
    if (writer != NULL && dora_writer_finish(writer, &data) == DORA_OK) {
        dr_call_count_answered(responder->lane, DR_TYPE_SC, 0);
        dr_reply_whole(responder, guid, 0, (dora_slice){"OK", 2}, data);
    } else {
        answer(responder, guid, DORA_CODE_OVERLOADED, "out of memory");
    }
    dora_writer_free(writer);
}

/* answer_stat answers with the server's numbers, answer_apis with what it offers. */
static void answer_stat(const dr_responder *responder, const char *guid, const char *reload)
{
    dora_writer *writer = dora_writer_new(DR_FRAME_BYTES_MAX_MAX);
    if (writer != NULL) {
        dr_stat_write(responder->lane->backend, reload, writer);
    }
    answer_data(responder, guid, writer);
}

static void answer_apis(const dr_responder *responder, const char *guid)
{
    dora_writer *writer = dora_writer_new(DR_FRAME_BYTES_MAX_MAX);
    if (writer != NULL) {
        dr_apis_write(responder->lane->backend, writer);
    }
    answer_data(responder, guid, writer);
}

/* answer_upgraded tells who serves now, and who finishes. */
static void answer_upgraded(const dr_responder *responder, const char *guid, int heir_pid)
{
    dora_writer *writer = dora_writer_new(DR_FRAME_BYTES_MAX_MAX);
    if (writer != NULL) {
        dora_write_array(writer, 2);
        dr_stat_put(writer, "pid", (uint64_t)heir_pid);
        dr_stat_put(writer, "was", (uint64_t)getpid());
        dora_write_end(writer);
    }
    answer_data(responder, guid, writer);
}

/* answer_forgive forgives the calls of the api that the parameter names, of all where it is null or
 * an empty array. */
static void answer_forgive(const dr_responder *responder, const char *guid, dora_slice param)
{
    dora_reader reader;
    dora_value value;
    dora_reader_init(&reader, param);
    const bool is_read = dora_reader_value(&reader, &value) == DORA_OK;
    const bool is_name = is_read && value.type == DORA_STRING && value.string.len > 0;
    const bool is_all =
        is_read && (value.type == DORA_NULL || (value.type == DORA_ARRAY && value.count == 0));
    if (!is_name && !is_all) {
        answer(responder, guid, DORA_CODE_BAD_API, "forgive takes the name of an api, or null");
        return;
    }
    dora_writer *writer = dora_writer_new(DR_FRAME_BYTES_MAX_MAX);
    if (writer != NULL) {
        const dora_slice name = is_name ? value.string : (dora_slice){"", 0};
        dr_stat_forgive(responder->lane->backend, name, writer);
    }
    answer_data(responder, guid, writer);
}

static dora_err ask(dr_server *server, dr_lane *lane, dr_call *call, dr_wish wish)
{
    dr_reload_request *request = calloc(1, sizeof(*request));
    if (request == NULL) {
        return DORA_ENOMEM;
    }
    request->thread = lane->thread;
    request->call = call;
    request->wish = wish;
    put(&server->asked, request);
    (void)uv_async_send(&server->attention);
    return DORA_OK;
}

/* hand_on hands a wish on; the client is answered by dr_control_answers. */
static void hand_on(dr_server *server, const dr_responder *responder, const dr_request *request,
                    dr_wish wish)
{
    dr_lane *lane = responder->lane;
    const char *guid = request->guid.data;
    dr_call *call = dr_call_new(responder, request);
    if (call == NULL || ask(server, lane, call, wish) != DORA_OK) {
        if (call != NULL) {
            dr_call_free(call);
        }
        answer(responder, guid, DORA_CODE_OVERLOADED, "out of memory");
    }
}

static bool is_name(dora_slice name, const char *expected)
{
    return name.len == strlen(expected) && memcmp(name.data, expected, name.len) == 0;
}

/* wish_command is a command that the supervisor sees to. Who may reload may do so in any way. */
typedef struct wish_command {
    const char *name;
    dr_wish wish;
    const char *right; /* that rules speak of */
} wish_command;

static const wish_command wish_commands[] = {
    {"reloadTask", DR_WISH_RELOAD, "reloadTask"},
    {"reloadWait", DR_WISH_RELOAD_WAIT, "reloadTask"},
    {"reloadNow", DR_WISH_RELOAD_NOW, "reloadTask"},
    {"reloadNowWait", DR_WISH_RELOAD_NOW_WAIT, "reloadTask"},
    {"upgrade", DR_WISH_UPGRADE, "upgrade"}};

/* wish_of. Returns: NULL where a command is none of them. */
static const wish_command *wish_of(dora_slice name)
{
    for (size_t i = 0; i < sizeof(wish_commands) / sizeof(wish_commands[0]); i++) {
        if (is_name(name, wish_commands[i].name)) {
            return &wish_commands[i];
        }
    }
    return NULL;
}

/* is_permitted: by the rules where there are any, else by where it comes from. Returns: false when
 * it was refused. */
static bool is_permitted(const dr_responder *responder, const char *guid, dora_slice command)
{
    const dr_lane *lane = responder->lane;
    char text[DR_CALLER_REFUSAL_MAX];
    if (lane->caller.access != NULL) {
        if (!dr_caller_may_control(responder, command)) {
            answer(responder, guid, DORA_CODE_NOT_PERMITTED,
                   dr_caller_refusal(lane, command, text));
            return false;
        }
        return true;
    }
    const char *refusal = dr_responder_is_web(responder) ? refusal_of_http(responder) : NULL;
    if (refusal != NULL) {
        answer(responder, guid, DORA_CODE_NOT_PERMITTED, refusal);
        return false;
    }
    if (!dr_may_control(lane->backend->config, dr_responder_peer(responder))) {
        refuse(responder, guid);
        return false;
    }
    return true;
}

void dr_control_command(const dr_responder *responder, const dr_request *request, void *user)
{
    const dora_slice name = responder->lane->apis[0].name;
    const char *guid = request->guid.data;
    const wish_command *wish = wish_of(name);
    if (!is_permitted(responder, guid, wish != NULL ? dr_slice(wish->right) : name)) {
        return; /* and answered */
    }
    if (is_name(name, "getStat")) {
        answer_stat(responder, guid, NULL);
    } else if (is_name(name, "getApis")) {
        answer_apis(responder, guid);
    } else if (is_name(name, "forgive")) {
        answer_forgive(responder, guid, responder->lane->apis[0].param);
    } else if (atomic_load(&responder->lane->backend->phase) != DR_PHASE_SERVING) {
        answer(responder, guid, DORA_CODE_STOPPING, NULL);
    } else if (wish != NULL) {
        hand_on(user, responder, request, wish->wish);
    } else {
        char text[DR_API_NAME_MAX + 128];
        (void)snprintf(text, sizeof(text),
                       "unknown control command %.*s; there are getStat, getApis, forgive, "
                       "reloadTask, reloadWait, reloadNow, reloadNowWait and upgrade",
                       (int)name.len, name.data);
        answer(responder, guid, DORA_CODE_BAD_COMMAND, text);
    }
}

void dr_control_answers(dr_reactor_thread *thread)
{
    dr_reload_request *request;
    while ((request = take(&thread->answered)) != NULL) {
        dr_call *call = request->call;
        if (request->code == 0 && request->wish == DR_WISH_UPGRADE) {
            answer_upgraded(&call->responder, call->guid, request->heir_pid);
        } else if (request->code == 0) {
            answer_stat(&call->responder, call->guid, request->is_pending ? "pending" : "done");
        } else {
            answer(&call->responder, call->guid, request->code, request->msg);
        }
        dr_call_free(call);
        request_free(request);
    }
}
