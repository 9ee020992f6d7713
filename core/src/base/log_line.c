/* log_line.c: one entry of the log, as a line of text or of JSON. Pure. */
#include "base/log_line.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

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

/* utf8_len is the length of the UTF-8 sequence at `text`, 0 where there is none. */
static size_t utf8_len(const unsigned char *text, size_t len)
{
    const unsigned char lead = text[0];
    const size_t need = lead < 0x80   ? 1
                        : lead < 0xc2 ? 0
                        : lead < 0xe0 ? 2
                        : lead < 0xf0 ? 3
                        : lead < 0xf5 ? 4
                                      : 0;
    for (size_t i = 1; i < need; i++) {
        if (i >= len || (text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((lead == 0xe0 && text[1] < 0xa0) || (lead == 0xed && text[1] > 0x9f) ||
        (lead == 0xf0 && text[1] < 0x90) || (lead == 0xf4 && text[1] > 0x8f)) {
        return 0;
    }
    return need;
}

/* escaped copies text into a JSON string, quotes included. `out` has the room. */
static size_t escaped(dora_slice text, char *out)
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    size_t used = 1;
    out[at++] = '"';
    for (size_t i = 0; i < text.len; i += used) {
        const unsigned char c = (unsigned char)text.data[i];
        used = utf8_len((const unsigned char *)text.data + i, text.len - i);
        if (used == 0) {
            out[at++] = '?';
            used = 1;
        } else if (c == '"' || c == '\\') {
            out[at++] = '\\';
            out[at++] = (char)c;
        } else if (c < 0x20 || c == 0x7f) {
            memcpy(out + at, "\\u00", 4);
            out[at + 4] = digits[c >> 4];
            out[at + 5] = digits[c & 15];
            at += 6;
        } else {
            memcpy(out + at, text.data + i, used);
            at += used;
        }
    }
    out[at++] = '"';
    return at;
}

static dora_err append_json(dr_buf *out, const char *key, dora_slice text)
{
    dora_err err = dr_buf_append(out, key, strlen(key));
    err = err == DORA_OK ? dr_buf_reserve(out, text.len * 6 + 2) : err;
    if (err == DORA_OK) {
        out->len += escaped(text, out->data + out->len);
    }
    return err;
}

/* append_message trusts a value so far that it stays on its line. */
static dora_err append_message(dr_buf *out, const dr_log_entry *entry)
{
    const dora_slice msg = entry->msg;
    if (!entry->is_value || msg.len == 0 || memchr(msg.data, '\n', msg.len) != NULL) {
        return append_json(out, ",\"m\":", msg);
    }
    const dora_err err = dr_buf_append(out, ",\"m\":", 5);
    return err == DORA_OK ? dr_buf_append(out, msg.data, msg.len) : err;
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
    return err == DORA_OK ? dr_buf_append(out, "}\n", 2) : err;
}

/* append_name appends a short text that stays on its line. */
static dora_err append_name(dr_buf *out, dora_slice text)
{
    const dora_err err = dr_buf_reserve(out, text.len);
    for (size_t i = 0; i < text.len && err == DORA_OK; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        out->data[out->len++] = c < 0x20 || c == 0x7f ? '?' : (char)c;
    }
    return err;
}

/* append_indented appends a message, whose further lines begin with blanks. */
static dora_err append_indented(dr_buf *out, dora_slice text)
{
    dora_err err = DORA_OK;
    while (text.len > 0 && err == DORA_OK) {
        const char *end = memchr(text.data, '\n', text.len);
        const size_t len = end == NULL ? text.len : (size_t)(end - text.data) + 1;
        err = dr_buf_append(out, text.data, len);
        text.data += len;
        text.len -= len;
        if (text.len > 0 && err == DORA_OK) {
            err = dr_buf_append(out, "    ", 4);
        }
    }
    return err;
}

dora_err dr_log_line_text(dr_buf *out, const dr_log_entry *entry)
{
    char text[64];
    struct tm parts;
    const time_t seconds = (time_t)(entry->time_ns / NS_PER_S);
    dora_slice msg = entry->msg;
    gmtime_r(&seconds, &parts);
    size_t len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    len +=
        (size_t)snprintf(text + len, sizeof(text) - len, ".%03uZ %s [",
                         (unsigned)(entry->time_ns % NS_PER_S / 1000000), level_name(entry->level));
    dora_err err = dr_buf_append(out, text, len);
    err = err == DORA_OK ? append_name(out, entry->tag) : err;
    err = err == DORA_OK ? dr_buf_append(out, "] ", 2) : err;
    if (err == DORA_OK && entry->file.len > 0) {
        err = dr_buf_append(out, "[", 1);
        err = err == DORA_OK ? append_name(out, entry->file) : err;
        len = (size_t)snprintf(text, sizeof(text), ":%u] ", entry->line);
        err = err == DORA_OK ? dr_buf_append(out, text, len) : err;
    }
    while (msg.len > 0 && msg.data[msg.len - 1] == '\n') {
        msg.len--;
    }
    err = err == DORA_OK ? append_indented(out, msg) : err;
    return err == DORA_OK ? dr_buf_append(out, "\n", 1) : err;
}
