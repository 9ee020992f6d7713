/* stream.c: a call whose handler sends parts: its words, one after the other, and its end. */
#include "client/blocking/stream.h"

#include <string.h>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/mem.h"
#include "client/blocking/attempt.h"
#include "client/blocking/perform.h"
#include "client/blocking/prepare.h"
#include "client/shared/answer.h"
#include "client/shared/follow_up.h"
#include "client/shared/options.h"

struct dora_stream {
    dr_attempt a;
    dora_stream *before; /* in the client's list, */
    dora_stream *behind;
    bool is_listed;            /*   where it is */
    dora_call_options options; /* a.options */
    dora_answer *answer;       /* the request's apis, and the last word */
    char *group;               /* copies that the options point to; NULL: none */
    char *node;
    char *call; /* of name and parameter */
    char trace[DR_TRACE_BYTES_MAX];
    char own_trace[DR_TRACE_BYTES_MAX];
    uint32_t idle_ms;
    uint32_t untold;   /* parts that the caller has and the server does not know of, */
    uint64_t told_ns;  /* since then */
    int64_t parts;     /* that have come */
    bool has_word;     /* it is in the attempt, or the result in the answer */
    bool is_heard;     /* the server has said something, and goes on */
    bool is_cancelled; /* by the caller */
    bool is_unsaid;    /* cancelled before the first word: the result is still to be given */
    bool is_cut;       /* its client was freed: that is still to be said */
};

static dora_err no_memory(dora_error *error)
{
    return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
}

/* ---- those of a client ---- */

static void list_add(dora_stream *stream)
{
    dora_client *client = stream->a.client;
    pthread_mutex_lock(&client->lock);
    stream->behind = client->streams;
    if (stream->behind != NULL) {
        stream->behind->before = stream;
    }
    client->streams = stream;
    stream->is_listed = true;
    pthread_mutex_unlock(&client->lock);
}

static void list_remove(dora_stream *stream)
{
    dora_client *client = stream->a.client;
    pthread_mutex_lock(&client->lock);
    *(stream->before != NULL ? &stream->before->behind : &client->streams) = stream->behind;
    if (stream->behind != NULL) {
        stream->behind->before = stream->before;
    }
    stream->is_listed = false;
    pthread_mutex_unlock(&client->lock);
}

/* Leaves a stream where it goes on, for good. */
static void leave(dora_stream *stream)
{
    dora_stream_cancel(stream);
    if (stream->a.is_open) {
        dr_attempt_leave(&stream->a);
    }
    if (stream->is_listed) {
        list_remove(stream);
    }
}

void dr_client_cut_streams(dora_client *client)
{
    while (client->streams != NULL) {
        dora_stream *stream = client->streams;
        stream->is_cut = stream->a.is_open;
        leave(stream);
        if (stream->is_cut) {
            stream->has_word = stream->is_unsaid = false;
        }
    }
}

void dora_stream_free(dora_stream *stream)
{
    if (stream == NULL) {
        return;
    }
    leave(stream);
    dora_answer_free(stream->answer);
    dr_free(stream->group);
    dr_free(stream->node);
    dr_free(stream->call);
    dr_free(stream);
}

/* ---- beginning ---- */

/* Copies a text that may be absent. */
static bool keep_text(const char *text, char **kept)
{
    *kept = text != NULL ? dr_text_copy(text) : NULL;
    return text == NULL || *kept != NULL;
}

static void move_slice(char **room, dora_slice *slice)
{
    if (slice->len > 0) {
        memcpy(*room, slice->data, slice->len);
    }
    slice->data = *room;
    *room += slice->len;
}

/* Copies the options. The time of the tries is that of the first silence. */
static dora_err keep_options(dora_stream *stream, const dora_call_options *options,
                             dora_error *error)
{
    const dora_client *client = stream->a.client;
    dora_call_options *kept = &stream->options;
    *kept = *options;
    kept->size = sizeof *kept;
    stream->idle_ms = kept->idle_ms != 0 ? kept->idle_ms : client->settings.timeout_ms;
    if (kept->timeout_ms == 0 || stream->idle_ms < kept->timeout_ms) {
        kept->timeout_ms = stream->idle_ms;
    }
    if (!keep_text(options->group, &stream->group) || !keep_text(options->node, &stream->node)) {
        return no_memory(error);
    }
    kept->group = stream->group;
    kept->node = stream->node;
    if (options->trace.len > 0 && options->trace.len <= sizeof stream->own_trace) {
        memcpy(stream->own_trace, options->trace.data, options->trace.len);
        kept->trace.data = stream->own_trace;
    }
    stream->a.options = kept;
    const uint32_t window = options->window != 0 ? options->window : DR_WINDOW_DEFAULT;
    stream->a.request.window = window < DR_WINDOW_MAX ? window : DR_WINDOW_MAX;
    return DORA_OK;
}

/* Copies name and parameter, and makes the request's api of them. */
static dora_err keep_call(dora_stream *stream, const dora_call *call, dora_error *error)
{
    dora_call kept = *call;
    stream->call = dr_alloc(call->name.len + call->param.len);
    if (stream->call == NULL) {
        return no_memory(error);
    }
    char *room = stream->call;
    move_slice(&room, &kept.name);
    move_slice(&room, &kept.param);
    const dora_err err = dr_answer_begin_one(stream->answer, &kept, error);
    stream->a.apis = stream->answer->apis;
    return err;
}

/* Until when the whole may last. */
static uint64_t until_ns(uint32_t timeout_ms, uint64_t now_ns)
{
    const uint64_t nested_ns = dr_deadline_get();
    const uint64_t own_ns =
        timeout_ms != 0 ? now_ns + (uint64_t)timeout_ms * DR_NS_PER_MS : UINT64_MAX;
    return nested_ns != 0 && nested_ns < own_ns ? nested_ns : own_ns;
}

/* Says which time is over. */
static dora_err name_late(const dora_stream *stream, dora_error *error)
{
    const bool is_whole = dr_clock_ns() >= stream->a.until_ns;
    dora_error_set(error, DORA_ETIMEDOUT, "%s",
                   is_whole ? DR_STREAM_LATE_TEXT : DR_STREAM_IDLE_TEXT);
    if (error != NULL) {
        error->code = DORA_CODE_RECEIVE;
    }
    return DORA_ETIMEDOUT;
}

/* What a server says that knows no such calls. */
static dora_err name_old(dora_error *error)
{
    dora_error_set(error, DORA_EREPLY, "%s", DR_STREAM_OLD_TEXT);
    if (error != NULL) {
        error->code = DORA_CODE_BAD_TYPE;
    }
    return DORA_EREPLY;
}

/* Goes on with the tries, until the request is sent, or sent again, or there is a word of it. */
static dora_err hear_first(dora_stream *stream, dora_error *error)
{
    dr_attempt *a = &stream->a;
    const dora_err err = dr_perform(a, error);
    if (err == DORA_EREPLY && a->incoming.reply.code == DORA_CODE_BAD_TYPE) {
        return name_old(error);
    }
    stream->is_heard = err == DORA_OK && a->is_open && a->made.code != 0;
    stream->has_word = stream->is_heard || (err == DORA_OK && !a->is_open);
    return err == DORA_ETIMEDOUT ? name_late(stream, error) : err;
}

static dora_err begin(dora_stream *stream, const dora_call *call, const dora_call_options *options,
                      dora_error *error)
{
    dr_attempt *a = &stream->a;
    stream->answer = dora_answer_new();
    if (stream->answer == NULL) {
        return no_memory(error);
    }
    a->answer = stream->answer;
    a->request = (dr_request){.type = DR_TYPE_ST_S, .api_count = 1};
    dora_err err = keep_options(stream, options, error);
    err = err == DORA_OK ? keep_call(stream, call, error) : err;
    err = err == DORA_OK ? dr_prepare(a, stream->trace, error) : err;
    a->until_ns = until_ns(options->timeout_ms, dr_clock_ns());
    return err == DORA_OK ? hear_first(stream, error) : err;
}

dora_err dora_client_stream(dora_client *client, const dora_call *call,
                            const dora_call_options *options, dora_stream **stream,
                            dora_error *error)
{
    dora_call_options room;
    *stream = NULL;
    dora_err err = dr_call_options_take(&options, &room, error);
    if (err != DORA_OK) {
        return err;
    }
    dora_stream *made = dr_calloc(1, sizeof *made);
    if (made == NULL) {
        return no_memory(error);
    }
    made->a.client = client;
    err = begin(made, call, options, error);
    if (err != DORA_OK) {
        dora_stream_free(made);
        return err;
    }
    list_add(made);
    *stream = made;
    return DORA_OK;
}

/* ---- its words ---- */

static uint64_t silent_until_ns(const dora_stream *stream)
{
    const uint64_t idle_ns = dr_clock_ns() + (uint64_t)stream->idle_ms * DR_NS_PER_MS;
    return idle_ns < stream->a.until_ns ? idle_ns : stream->a.until_ns;
}

/* Waits for one more word. */
static dora_err hear_more(dora_stream *stream, dora_error *error)
{
    dr_attempt *a = &stream->a;
    a->wait.deadline_ns = silent_until_ns(stream);
    a->wait.usual_ms = stream->idle_ms;
    dora_err err = dr_attempt_more(a, error);
    if (err == DORA_OK && dr_reply_goes_on(&a->incoming.reply)) {
        if (dr_clock_ns() < a->until_ns) {
            stream->has_word = true;
            return DORA_OK;
        }
        err = DORA_ETIMEDOUT; /* words that come without an end do not put off its time */
    }
    if (err == DORA_ETIMEDOUT || err == DORA_EINTERRUPTED) {
        dora_stream_cancel(stream);
        dr_attempt_leave(a);
        return err == DORA_ETIMEDOUT ? name_late(stream, error) : err;
    }
    stream->is_heard = false;
    err = dr_attempt_end(a, err, error);
    err = err == DORA_OK ? dr_answer_verdict(DR_TYPE_ST_S, &a->incoming.reply, error) : err;
    stream->has_word = err == DORA_OK;
    return err;
}

/* Waits until there is a word, or the stream has ended by an error. */
static dora_err hear(dora_stream *stream, dora_error *error)
{
    dr_attempt *a = &stream->a;
    dora_err err = DORA_OK;
    if (a->is_open && a->forks != a->client->forks) {
        dora_error_set(error, DORA_ECLOSED, "the stream is the parent process's");
        if (error != NULL) {
            error->code = DORA_CODE_RECEIVE;
        }
        return dr_attempt_end(a, DORA_ECLOSED, NULL);
    }
    a->tries.deadline_ns = silent_until_ns(stream);
    while (err == DORA_OK && !stream->has_word) {
        err = stream->is_heard ? hear_more(stream, error) : hear_first(stream, error);
        if (stream->has_word && stream->is_cancelled && a->is_open) {
            stream->has_word = false; /* only the end of it is of interest */
        }
    }
    return err;
}

/* The caller has one part more: the server hears of it when that is half of what may be under way,
 * or a while has passed. */
static void count_part(dora_stream *stream)
{
    dr_attempt *a = &stream->a;
    const uint64_t now_ns = dr_clock_ns();
    stream->told_ns = stream->parts == 0 ? now_ns : stream->told_ns;
    stream->parts++;
    stream->untold++;
    if ((stream->untold * 2 >= a->request.window || now_ns - stream->told_ns >= DR_TAKE_NS) &&
        dr_follow_up_take(&a->peer->link, stream->answer->guid, stream->untold) == DORA_OK) {
        stream->untold = 0;
        stream->told_ns = now_ns;
        dr_attempt_flush(a);
    }
}

/* What an open stream has said. */
static dora_err give_word(dora_stream *stream, dora_stream_event *event, dora_error *error)
{
    const dr_reply_message *reply = &stream->a.incoming.reply;
    if (reply->code == DORA_CODE_PROGRESS) {
        *event = (dora_stream_event){
            .what = DORA_STREAM_PROGRESS, .msg = reply->msg, .data = reply->data};
        return DORA_OK;
    }
    if (reply->part != stream->parts) {
        dora_error_set(error, DORA_EPROTO, "part %lld of the stream came where part %lld is next",
                       (long long)reply->part, (long long)stream->parts);
        if (error != NULL) {
            error->code = DORA_CODE_RECEIVE;
        }
        return dr_attempt_end(&stream->a, DORA_EPROTO, NULL);
    }
    *event =
        (dora_stream_event){.what = DORA_STREAM_PART, .part = reply->part, .data = reply->data};
    count_part(stream);
    return DORA_OK;
}

static void give_result(const dora_stream *stream, dora_stream_event *event)
{
    const dora_result *result = dora_answer_result(stream->answer, 0);
    *event = (dora_stream_event){
        .what = DORA_STREAM_RESULT, .code = result->code, .msg = result->msg, .data = result->data};
}

dora_err dora_stream_next(dora_stream *stream, dora_stream_event *event, dora_error *error)
{
    *event = (dora_stream_event){.what = DORA_STREAM_END};
    if (stream->is_cut) {
        stream->is_cut = false;
        dora_error_set(error, DORA_ECLOSED, DR_CLOSED_TEXT);
        if (error != NULL) {
            error->code = DORA_CODE_RECEIVE;
        }
        return DORA_ECLOSED;
    }
    if (stream->is_unsaid) {
        stream->is_unsaid = false;
        const char *text = dora_code_text(DORA_CODE_CANCELLED);
        *event = (dora_stream_event){.what = DORA_STREAM_RESULT,
                                     .code = DORA_CODE_CANCELLED,
                                     .msg = {text, strlen(text)},
                                     .data = {"N;", 2}};
        return DORA_OK;
    }
    if (!stream->a.is_open && !stream->has_word) {
        return DORA_OK;
    }
    const dora_err err = hear(stream, error);
    if (err != DORA_OK) {
        return err;
    }
    stream->has_word = false;
    if (stream->a.is_open) {
        return give_word(stream, event, error);
    }
    const dora_err verdict = dr_answer_stream_verdict(stream->answer, error);
    if (verdict == DORA_OK) {
        give_result(stream, event);
    }
    return verdict;
}

void dora_stream_cancel(dora_stream *stream)
{
    dr_attempt *a = &stream->a;
    if (!a->is_open || stream->is_cancelled) {
        return;
    }
    stream->is_cancelled = true;
    a->until_ns = silent_until_ns(stream); /* for the last word, whatever comes before it */
    if (!stream->is_heard) { /* the end of its connection says it to a server of any age */
        (void)dr_attempt_end(a, DORA_EINTERRUPTED, NULL);
        stream->is_unsaid = true;
    } else if (dr_follow_up_cancel(&a->peer->link, stream->answer->guid) == DORA_OK) {
        dr_attempt_flush(a);
    }
}
