/* call_stream.c: `dora call --stream`: parts as they come, a line each. */
#include "cli/call_stream.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/interrupt.h"
#include "cli/text.h"
#include "wire/json_value.h"
#include "wire/json_write.h"

/* What is on the screen. */
typedef struct screen {
    bool is_live;   /* stderr is a terminal */
    bool has_shown; /* there is a line of progress, which is to go */
} screen;

static void clear_progress(screen *self)
{
    if (self->has_shown) {
        fputs("\r\033[K", stderr);
        self->has_shown = false;
    }
}

/* The JSON of one value. Errors: DORA_EHANDLER, DORA_ENOMEM. */
static dora_err to_json(dora_slice data, dr_buf *text, dora_error *error)
{
    dr_json_writer writer = dr_json_begin(text, 0);
    dora_err err = dr_json_data(&writer, data, error);
    if (err != DORA_OK) {
        (void)dr_json_finish(&writer);
        error->err = DORA_EHANDLER;
        error->code = DORA_CODE_HANDLER;
        return DORA_EHANDLER;
    }
    err = dr_json_finish(&writer);
    return err == DORA_OK ? DORA_OK : dora_error_set(error, err, "%s", dora_err_text(err));
}

static dora_err interrupted(dora_error *error)
{
    return dora_error_set(error, DORA_EINTERRUPTED, "Ctrl-C");
}

static dora_err print_line(screen *self, dora_slice data, dora_error *error)
{
    dr_buf json = {0};
    dr_buf line = {0};
    dora_err err = to_json(data, &json, error);
    if (err == DORA_OK && dr_text_json(dr_buf_slice(&json), &line) != DORA_OK) {
        err = dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
    }
    if (err == DORA_OK) {
        clear_progress(self);
        err = dr_interrupt_print(dr_buf_slice(&line));
        if (err == DORA_EINTERRUPTED) {
            (void)interrupted(error);
        } else if (err != DORA_OK) {
            err = dora_error_set(error, DORA_EFULL, "the result cannot be printed");
        }
    }
    dr_buf_fini(&json);
    dr_buf_fini(&line);
    return err;
}

static void show_progress(screen *self, const dora_stream_event *event)
{
    dr_buf json = {0};
    dora_error error;
    if (!self->is_live) {
        return;
    }
    if (to_json(event->data, &json, &error) == DORA_OK) {
        clear_progress(self);
        dr_text_print(stderr, "", "%.*s %.*s", (int)json.len, json.data, (int)event->msg.len,
                      event->msg.data != NULL ? event->msg.data : "");
        fflush(stderr);
        self->has_shown = true;
    }
    dr_buf_fini(&json);
}

static dora_err handlers_error(const dora_stream_event *event, dora_error *error)
{
    dora_error_set(error, DORA_EHANDLER, "%.*s", (int)event->msg.len,
                   event->msg.data != NULL ? event->msg.data : "");
    error->code = event->code;
    return DORA_EHANDLER;
}

/* Prints what comes. Errors: as dr_call_stream. */
static dora_err print_all(screen *self, dora_stream *stream, dora_error *error)
{
    for (;;) {
        dora_stream_event event;
        /* While words come without an end, the client never waits, nor asks by itself. */
        dora_err err =
            dr_interrupt_came(NULL) ? interrupted(error) : dora_stream_next(stream, &event, error);
        if (err == DORA_OK && event.what == DORA_STREAM_RESULT) {
            return event.code == 0 ? print_line(self, event.data, error)
                                   : handlers_error(&event, error);
        }
        if (err == DORA_OK && event.what == DORA_STREAM_PROGRESS) {
            show_progress(self, &event);
        } else if (err == DORA_OK) {
            err = print_line(self, event.data, error);
        }
        if (err != DORA_OK) {
            return err;
        }
    }
}

dora_err dr_call_stream(dora_client *client, const dora_call *call,
                        const dora_call_options *options, dora_error *error)
{
    screen self = {.is_live = isatty(STDERR_FILENO) == 1};
    dora_stream *stream = NULL;
    dora_err err = dora_client_stream(client, call, options, &stream, error);
    if (err == DORA_OK) {
        err = print_all(&self, stream, error);
    }
    clear_progress(&self);
    dora_stream_free(stream);
    return err;
}
