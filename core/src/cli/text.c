/* text.c: numbers as people read them, and lines for a terminal. */
#include "cli/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/slice.h"
#include "base/utf8.h"
#include "wire/json.h"

#define LINE_MAX_BYTES 512

int64_t dr_text_int(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

const char *dr_text_word(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

const char *dr_text_bytes(double bytes, char text[DR_TEXT_MAX])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    while (bytes >= 1000.0 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        bytes /= 1000.0;
        unit++;
    }
    (void)snprintf(text, DR_TEXT_MAX, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return text;
}

const char *dr_text_time(int64_t seconds, char text[DR_TEXT_MAX])
{
    if (seconds < 60) {
        (void)snprintf(text, DR_TEXT_MAX, "%" PRId64 " s", seconds);
    } else if (seconds < 3600) {
        (void)snprintf(text, DR_TEXT_MAX, "%" PRId64 " min %" PRId64 " s", seconds / 60,
                       seconds % 60);
    } else if (seconds < 86400) {
        (void)snprintf(text, DR_TEXT_MAX, "%" PRId64 " h %" PRId64 " min", seconds / 3600,
                       seconds / 60 % 60);
    } else {
        (void)snprintf(text, DR_TEXT_MAX, "%" PRId64 " d %" PRId64 " h", seconds / 86400,
                       seconds / 3600 % 24);
    }
    return text;
}

const char *dr_text_ms(int64_t ms, char text[DR_TEXT_MAX])
{
    if (ms < 1000) {
        (void)snprintf(text, DR_TEXT_MAX, "%" PRId64 " ms", ms);
    } else if (ms < 60000) {
        (void)snprintf(text, DR_TEXT_MAX, "%.1f s", (double)ms / 1000.0);
    } else {
        (void)dr_text_time(ms / 1000, text);
    }
    return text;
}

/* columns_of is how many columns a character takes at most: what may be wide counts as wide. */
static size_t columns_of(dora_slice text, size_t at)
{
    return (unsigned char)text.data[at] < 0xe1 ? 1 : 2;
}

/* fitting is how much of a line stands in `width` columns. */
static size_t fitting(dora_slice line, size_t width)
{
    size_t at = 0;
    while (at < line.len) {
        const size_t columns = columns_of(line, at);
        if (columns > width) {
            break;
        }
        width -= columns;
        at += dr_utf8_len(line, at);
    }
    return at;
}

void dr_text_line(dr_buf *out, size_t width, const char *format, ...)
{
    char text[LINE_MAX_BYTES];
    char line[DR_PRINTABLE_MAX(LINE_MAX_BYTES)];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    dora_slice told = dr_slice(text);
    told.len = dr_utf8_whole(told);
    (void)dr_printable_text(told, line, sizeof(line));
    size_t len = fitting(dr_slice(line), width);
    while (len > 0 && line[len - 1] == ' ') {
        len--;
    }
    if (dr_buf_reserve(out, len + 1) == DORA_OK) {
        (void)dr_buf_append(out, line, len);
        (void)dr_buf_append(out, "\n", 1);
    }
}

void dr_text_print(FILE *file, const char *kept, const char *format, ...)
{
    char text[LINE_MAX_BYTES];
    dr_buf whole = {0};
    dr_buf shown = {0};
    va_list args;
    va_start(args, format);
    const int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len >= (int)sizeof(text) && dr_buf_reserve(&whole, (size_t)len + 1) == DORA_OK) {
        va_start(args, format);
        (void)vsnprintf(whole.data, (size_t)len + 1, format, args);
        va_end(args);
        whole.len = (size_t)len;
    }
    const dora_slice told = whole.len > 0 ? dr_buf_slice(&whole) : dr_slice(text);
    if (dr_printable(&shown, told, kept) == DORA_OK && shown.len > 0) {
        (void)fwrite(shown.data, 1, shown.len, file);
    }
    dr_buf_fini(&whole);
    dr_buf_fini(&shown);
}

dora_err dr_text_json(dora_slice json, dr_buf *out)
{
    const dora_err err = dr_printable_json(out, json);
    return err == DORA_OK ? dr_buf_append(out, "\n", 1) : err;
}
