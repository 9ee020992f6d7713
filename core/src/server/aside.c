/* aside.c: heavy work on one body in libuv's thread pool. */
#include "server/aside.h"

#include "base/threads.h"

static void work_here(void *argument)
{
    dr_aside *self = argument;
    self->work(self);
}

/* libuv's threads have the stack that the system gives; bodies may be nested deeply. */
static void work(uv_work_t *request)
{
    dr_thread_lend(work_here, request->data);
}

static void unlink_aside(dr_aside *self)
{
    dr_aside **at = &self->asker.lane->asides;
    while (*at != self) {
        at = &(*at)->next;
    }
    *at = self->next;
}

static void on_done(uv_work_t *request, int status)
{
    (void)status; /* it is never cancelled */
    dr_aside *self = request->data;
    const dr_asker asker = self->asker;
    unlink_aside(self);
    asker.lane->calls--;
    dr_asker_release(&asker, self->is_input);
    if (dr_asker_is_there(&asker)) {
        self->done(self);
        dr_asker_update(&asker);
    }
    self->free(self);
}

dora_err dr_aside_start(const dr_asker *asker, dr_aside *aside)
{
    dr_lane *lane = asker->lane;
    aside->asker = *asker;
    aside->request.data = aside;
    if (uv_queue_work(&lane->reactor.loop, &aside->request, work, on_done) != 0) {
        aside->free(aside);
        return DORA_ENOMEM;
    }
    aside->next = lane->asides;
    lane->asides = aside;
    lane->calls++;
    dr_asker_hold(asker, aside->is_input);
    return DORA_OK;
}

void dr_aside_run(const dr_asker *asker, dr_aside *aside, bool is_large)
{
    if (!is_large) {
        aside->asker = *asker;
        aside->work(aside);
        aside->done(aside);
        aside->free(aside);
    } else if (dr_aside_start(asker, aside) != DORA_OK) {
        dr_answer_fail(asker);
    }
}

void dr_aside_forget(const dr_asker *asker)
{
    for (dr_aside *each = asker->lane->asides; each != NULL; each = each->next) {
        if (dr_asker_is_same(&each->asker, asker)) {
            each->asker.kind = DR_ASKER_NONE;
        }
    }
}
