/* parts.c: a handler's parts and progress: into its stream's ring, or a list. */
#include "task/parts.h"

#include <math.h>
#include <string.h>

#include <dora/handler.h>
#include <dora/runtime.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "ipc/inbox.h"
#include "ipc/wake.h"
#include "task/interrupt.h"
#include "task/job.h"
#include "wire/message_write.h"
#include "wire/value_write.h"

/* A piece of a part that is worth a wake-up, where all of it does not fit. */
#define PIECE_BYTES (DR_PART_RING_BYTES / 2)

#define PROGRESS_DATA_MAX 96u /* two numbers in a list */
#define WHOLE_MAX 9007199254740992.0

void dr_parts_begin(dr_parts *parts, dr_part_ring *stream)
{
    *parts = (dr_parts){.stream = stream};
}

void dr_parts_fini(dr_parts *parts)
{
    dr_buf_fini(&parts->list);
}

bool dr_parts_is_over(const dr_parts *parts)
{
    return parts->stream != NULL &&
           atomic_load_explicit(&parts->stream->is_over, memory_order_acquire) != 0;
}

static size_t left_of(const dr_parts *parts)
{
    return DR_PART_HEAD_BYTES + parts->part.len - parts->part_sent;
}

bool dr_parts_has_room(const dr_parts *parts)
{
    const size_t left = left_of(parts);
    return atomic_load_explicit(&parts->stream->room, memory_order_seq_cst) > parts->count &&
           dr_part_ring_free_bytes(parts->stream, parts->head) >=
               (left < PIECE_BYTES ? left : PIECE_BYTES);
}

bool dr_parts_put(dr_parts *parts)
{
    if (!dr_parts_has_room(parts)) {
        return false;
    }
    if (parts->part_sent == 0) {
        const uint32_t len = (uint32_t)parts->part.len;
        dr_part_ring_put(parts->stream, &parts->head, (const char *)&len, sizeof(len));
        parts->part_sent = sizeof(len);
    }
    const size_t free = dr_part_ring_free_bytes(parts->stream, parts->head);
    const size_t left = left_of(parts);
    const size_t len = left < free ? left : free;
    dr_part_ring_put(parts->stream, &parts->head,
                     parts->part.data + (parts->part_sent - DR_PART_HEAD_BYTES), len);
    parts->part_sent += len;
    if (len < left) {
        return false;
    }
    parts->count++;
    return true;
}

/* parts_of gives a call's parts, made where there are none yet. */
static dr_parts *parts_of(dora_reply *reply)
{
    if (!reply->has_parts) {
        dr_parts_begin(&reply->parts, NULL);
        reply->has_parts = true;
    }
    return &reply->parts;
}

/* tell has the reactor look at a stream. */
static void tell(dr_job *job)
{
    dr_worker *worker = job->worker;
    if (dr_part_ring_tell(job->reply.parts.stream)) {
        dr_outbox_push(worker->region, worker->slot, job->reactor, job->index);
        dr_wake_reactor(&worker->region->reactors[job->reactor], worker->slot,
                        worker->event_fds[job->reactor]);
    }
}

static dora_err cancelled(dora_reply *reply)
{
    const char *text = dora_code_text(DORA_CODE_CANCELLED);
    dr_reply_set_error(reply, DORA_CODE_CANCELLED, text, strlen(text));
    return DORA_ECANCELLED;
}

/* begin_pause and end_pause: waiting for room is no time that the handler takes. */
static void begin_pause(dr_job *job)
{
    if (job->paused_ns == 0) {
        job->paused_ns = dr_clock_ns();
        dr_job_say_start(job, DR_START_WAITS);
    }
}

static void end_pause(dr_job *job)
{
    if (job->paused_ns != 0) {
        job->begin_ns += dr_clock_ns() - job->paused_ns;
        job->paused_ns = 0;
        dr_job_say_start(job, job->begin_ns);
    }
}

static void sleep_for_room(dr_job *job)
{
    const dora_runtime *runtime = job->worker->runtime;
    begin_pause(job);
    if (runtime->sleep_begin != NULL) {
        runtime->sleep_begin(runtime->host);
    }
    dr_worker_wait_for_room(job->worker, job);
    if (runtime->sleep_end != NULL) {
        runtime->sleep_end(runtime->host);
    }
}

/* wait_in_loop has a loop told when there is room. */
static dora_err wait_in_loop(dr_job *job)
{
    begin_pause(job);
    if (!job->is_stalled) {
        job->is_stalled = true;
        job->next_stalled = job->worker->stalled;
        job->worker->stalled = job;
    }
    return DORA_EAGAIN;
}

/* is_over says whether a handler has to end: nobody wants more of it, or it was asked to. One that
 * it has forked has no caller. */
static bool is_over(const dr_job *job)
{
    return job->worker->is_forked || dr_parts_is_over(&job->reply.parts) ||
           dr_job_interrupt(job) != DR_INTERRUPT_NONE;
}

/* is_asked_to_end: nobody wants the list of parts, either. */
static bool is_asked_to_end(const dora_reply *reply)
{
    return reply->job != NULL && dr_job_interrupt(reply->job) != DR_INTERRUPT_NONE;
}

/* send_part puts a part into the stream, and waits where that is full. */
static dora_err send_part(dr_job *job)
{
    dr_parts *parts = &job->reply.parts;
    for (;;) {
        if (is_over(job)) {
            end_pause(job);
            return cancelled(&job->reply); /* whatever it was asked to end for is said later */
        }
        const uint64_t head = parts->head;
        const bool is_sent = dr_parts_put(parts);
        if (parts->head != head) {
            tell(job);
        }
        if (is_sent) {
            end_pause(job);
            return DORA_OK;
        }
        if (job->worker->has_loop) {
            return wait_in_loop(job);
        }
        sleep_for_room(job);
    }
}

/* add puts a part into the list of them. */
static dora_err add(dora_reply *reply, dora_slice part)
{
    dr_parts *parts = &reply->parts;
    dora_err err = dr_put_int(&parts->list, (int64_t)parts->count);
    err = err == DORA_OK ? dr_buf_append_slice(&parts->list, part) : err;
    parts->count++;
    if (err == DORA_OK && parts->list.len <= reply->writer.max) {
        return DORA_OK;
    }
    reply->writer.err = err == DORA_OK ? DORA_ETOOBIG : err;
    reply->writer.over = DR_OVER_BYTES;
    dora_slice out;
    dr_reply_finish(reply, DORA_OK, &out);
    return DORA_EHANDLER;
}

/* write_anew makes the reply's writer ready for the next value. */
static void write_anew(dora_reply *reply)
{
    if (reply->job != NULL) {
        dr_job_write_anew(reply->job);
    } else {
        dora_writer_reset(&reply->writer);
        reply->writer.depth_max = DR_VALUE_DEPTH_MAX - DR_REPLY_LEVELS;
    }
}

/* take_part ends the value that was written. Returns: DORA_EHANDLER where it is none: the reply
 * says so. */
static dora_err take_part(dora_reply *reply, dora_slice *part)
{
    dr_reply_finish(reply, DORA_OK, part);
    if (!reply->has_failed && reply->job != NULL &&
        reply->job->request.protocol != DR_PROTOCOL_TCP) {
        dr_reply_take_json(reply, part);
    }
    return reply->has_failed ? DORA_EHANDLER : DORA_OK;
}

dora_err dora_reply_part(dora_reply *reply)
{
    dr_parts *parts = parts_of(reply);
    dora_err err = DORA_OK;
    if (!parts->is_sending) {
        err = take_part(reply, &parts->part);
        parts->part_sent = 0;
    }
    if (err == DORA_OK && parts->stream != NULL) {
        err = send_part(reply->job);
    } else if (err == DORA_OK) {
        err = is_asked_to_end(reply) ? cancelled(reply) : add(reply, parts->part);
    }
    parts->is_sending = err == DORA_EAGAIN;
    if (err == DORA_OK) {
        write_anew(reply);
    }
    return err;
}

/* put_number writes a whole number as one. */
static void put_number(dora_writer *writer, double number)
{
    if (isnan(number)) {
        dora_write_null(writer);
    } else if (number == floor(number) && fabs(number) <= WHOLE_MAX) {
        dora_write_int(writer, (int64_t)number);
    } else {
        dora_write_float(writer, number);
    }
}

/* encode writes both numbers as a list. Returns: false for what is none. */
static bool encode(double done, double total, char *bytes, dora_slice *data)
{
    dora_writer writer;
    dr_writer_init(&writer, bytes, PROGRESS_DATA_MAX, PROGRESS_DATA_MAX, NULL, NULL);
    dora_write_array(&writer, 2);
    dora_write_int(&writer, 0);
    put_number(&writer, done);
    dora_write_int(&writer, 1);
    put_number(&writer, total);
    dora_write_end(&writer);
    return dora_writer_finish(&writer, data) == DORA_OK && !isnan(done) && !isinf(done) &&
           !isinf(total);
}

dora_err dora_reply_progress(dora_reply *reply, double done, double total, const char *note,
                             size_t note_len)
{
    char bytes[PROGRESS_DATA_MAX];
    dora_slice data;
    if (!encode(done, total, bytes, &data)) {
        return DORA_EINVAL;
    }
    if (!reply->has_parts || reply->parts.stream == NULL) {
        return DORA_OK;
    }
    if (is_over(reply->job)) {
        return DORA_ECANCELLED;
    }
    const size_t room = DR_PROGRESS_BYTES_MAX - data.len;
    const dora_slice whole = {note, note_len};
    const size_t len = note_len <= room ? note_len : dr_utf8_whole((dora_slice){note, room});
    dr_part_ring_progress(reply->parts.stream, (dora_slice){whole.data, len}, data);
    tell(reply->job);
    return DORA_OK;
}

void dora_reply_no_result(dora_reply *reply)
{
    const dr_parts *parts = parts_of(reply);
    dr_buf all = {0};
    if (parts->stream != NULL) {
        dora_write_null(&reply->writer);
        return;
    }
    dora_err err = dr_put_array(&all, parts->count);
    err = err == DORA_OK ? dr_buf_append_slice(&all, dr_buf_slice(&parts->list)) : err;
    err = err == DORA_OK ? dr_put_end(&all) : err;
    if (err == DORA_OK) {
        dora_write_raw(&reply->writer, dr_buf_slice(&all));
    } else {
        reply->writer.err = err;
    }
    dr_buf_fini(&all);
}

bool dr_parts_can_go_on(const dr_job *job)
{
    return dr_parts_has_room(&job->reply.parts) || is_over(job);
}

dora_task *dora_worker_roomy(dora_worker *worker)
{
    for (dora_task **at = &worker->stalled; *at != NULL; at = &(*at)->next_stalled) {
        dora_task *job = *at;
        if (dr_parts_can_go_on(job)) {
            *at = job->next_stalled;
            job->is_stalled = false;
            return job;
        }
    }
    return NULL;
}

bool dr_parts_is_any_roomy(const dr_worker *worker)
{
    const dora_task *job = worker->stalled;
    while (job != NULL && !dr_parts_can_go_on(job)) {
        job = job->next_stalled;
    }
    return job != NULL;
}

void dr_parts_leave(dr_job *job)
{
    dora_task **at = &job->worker->stalled;
    while (job->is_stalled && *at != job) {
        at = &(*at)->next_stalled;
    }
    if (job->is_stalled) {
        *at = job->next_stalled;
        job->is_stalled = false;
    }
}
