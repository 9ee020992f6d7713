/* log_line.c: one entry of the log, as a line of text or of JSON. Pure. */
#include "base/log_line.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/utf8.h"

#define NS_PER_S 1000000000u

static int level_in_range(int level)
{
    return level < 1 ? 1 : level > 9 ? 9 : level;
}

static const char *level_name(int level)
{
    static const char *const names[] = {"debug",     "trace",     "notice", "info",       "error",
                                        "emergency", "exception", "snap",   "performance"};
    return names[level_in_range(level) - 1];
}

static dora_err append_json(dr_buf *out, const char *key, dora_slice text)
{
    const dora_err err = dr_buf_append(out, key, strlen(key));
    return err == DORA_OK ? dr_log_json_text(out, text) : err;
}

static bool has_control(dora_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] < 0x20 && text.data[i] != '\t') {
            return true;
        }
    }
    return false;
}

/* append_message trusts a value so far that it stays on its line. */
static dora_err append_message(dr_buf *out, const dr_log_entry *entry)
{
    const dora_slice msg = entry->msg;
    if (!entry->is_value || msg.len == 0 || has_control(msg)) {
        return append_json(out, ",\"m\":", msg);
    }
    const dora_err err = dr_buf_append(out, ",\"m\":", 5);
    return err == DORA_OK ? dr_printable_json(out, msg) : err;
}

dora_err dr_log_line_json(dr_buf *out, const dr_log_entry *entry)
{
    char text[96];
    const dora_slice pool = {entry->pool, entry->pool == NULL ? 0 : strlen(entry->pool)};
    int len =
        snprintf(text, sizeof(text), "{\"v\":%d,\"e\":%llu.%06llu", level_in_range(entry->level),
                 (unsigned long long)(entry->time_ns / NS_PER_S),
                 (unsigned long long)(entry->time_ns % NS_PER_S / 1000));
    dora_err err = dr_buf_append(out, text, (size_t)len);
    err = err == DORA_OK ? append_json(out, ",\"g\":", entry->tag) : err;
    err = err == DORA_OK ? append_json(out, ",\"p\":", entry->file) : err;
    len = snprintf(text, sizeof(text), ",\"l\":%u", entry->line);
    err = err == DORA_OK ? dr_buf_append(out, text, (size_t)len) : err;
    err = err == DORA_OK ? append_message(out, entry) : err;
    len = entry->pid == 0 ? snprintf(text, sizeof(text), ",\"pid\":null")
                          : snprintf(text, sizeof(text), ",\"pid\":%d", entry->pid);
    err = err == DORA_OK ? dr_buf_append(out, text, (size_t)len) : err;
    if (err == DORA_OK && entry->pool != NULL) {
        err = append_json(out, ",\"pool\":", pool);
    } else if (err == DORA_OK) {
        err = dr_buf_append(out, ",\"pool\":null", 12);
    }
    if (err == DORA_OK && entry->call != NULL) {
        err = dr_log_call_json(out, entry->call);
    }
    return err == DORA_OK ? dr_buf_append(out, "}\n", 2) : err;
}

static dora_slice without_end(dora_slice text)
{
    while (text.len > 0 && text.data[text.len - 1] == '\n') {
        text.len--;
    }
    return text;
}

/* append_lines appends a message, whose further lines begin with blanks. */
static dora_err append_lines(dr_buf *out, dora_slice text)
{
    dora_err err = DORA_OK;
    while (text.len > 0 && err == DORA_OK) {
        const char *end = memchr(text.data, '\n', text.len);
        const size_t len = end == NULL ? text.len : (size_t)(end - text.data) + 1;
        err = dr_printable(out, (dora_slice){text.data, len}, "\n\t");
        text.data += len;
        text.len -= len;
        if (text.len > 0 && err == DORA_OK) {
            err = dr_buf_append(out, "    ", 4);
        }
    }
    return err;
}

/* append_call appends what is said of a call behind the message, then its traceback, whose lines
 * all begin with blanks. */
static dora_err append_call(dr_buf *out, const dr_log_call *call)
{
    const dora_slice traceback = without_end(call->traceback);
    dora_err err = dr_log_call_text(out, call);
    if (err == DORA_OK && traceback.len > 0) {
        err = dr_buf_append(out, "\n    ", 5);
        err = err == DORA_OK ? append_lines(out, traceback) : err;
    }
    return err;
}

dora_err dr_log_line_text(dr_buf *out, const dr_log_entry *entry)
{
    char text[64];
    struct tm parts;
    const time_t seconds = (time_t)(entry->time_ns / NS_PER_S);
    const dora_slice msg = without_end(entry->msg);
    gmtime_r(&seconds, &parts);
    size_t len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    len +=
        (size_t)snprintf(text + len, sizeof(text) - len, ".%03uZ %s [",
                         (unsigned)(entry->time_ns % NS_PER_S / 1000000), level_name(entry->level));
    dora_err err = dr_buf_append(out, text, len);
    err = err == DORA_OK ? dr_printable(out, entry->tag, "") : err;
    err = err == DORA_OK ? dr_buf_append(out, "] ", 2) : err;
    if (err == DORA_OK && entry->file.len > 0) {
        err = dr_buf_append(out, "[", 1);
        err = err == DORA_OK ? dr_printable(out, entry->file, "") : err;
        len = (size_t)snprintf(text, sizeof(text), ":%u] ", entry->line);
        err = err == DORA_OK ? dr_buf_append(out, text, len) : err;
    }
    if (err == DORA_OK) {
        err = entry->is_line ? dr_printable(out, msg, "\t") : append_lines(out, msg);
    }
    if (err == DORA_OK && entry->call != NULL) {
        err = append_call(out, entry->call);
    }
    return err == DORA_OK ? dr_buf_append(out, "\n", 1) : err;
}
