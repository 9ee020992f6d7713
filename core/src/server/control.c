/* control.c: commands from clients, and the way to the supervisor and back. */
#include "server/control.h"

#include <stdlib.h>

#include "server/lane.h"

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

dora_err dr_control_ask(dr_lane *lane, dr_call *call)
{
    dr_reload_request *request = calloc(1, sizeof(*request));
    if (request == NULL) {
        return DORA_ENOMEM;
    }
    request->lane = lane;
    request->call = call;
    put(&lane->server->asked, request);
    (void)uv_async_send(&lane->server->attention);
    return DORA_OK;
}

dr_reload_request *dr_control_take(dr_server *server)
{
    return take(&server->asked);
}

void dr_control_answer(dr_reload_request *request, int64_t code, bool is_pending, const char *msg)
{
    dr_lane *lane = request->lane;
    request->code = code;
    request->is_pending = is_pending;
    request->msg = msg != NULL ? dr_text_copy(msg) : NULL;
    put(&lane->answered, request);
    dr_reactor_ask(&lane->reactor);
}
