/* text.c: numbers as people read them, and lines for a terminal. */
#include "cli/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

void dr_text_line(dr_buf *out, size_t width, const char *format, ...)
{
    char text[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    size_t len = strlen(text);
    len = len < width ? len : width;
    while (len > 0 && text[len - 1] == ' ') {
        len--;
    }
    for (size_t i = 0; i < len; i++) {
        text[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    }
    if (dr_buf_reserve(out, len + 1) == DORA_OK) {
        (void)dr_buf_append(out, text, len);
        (void)dr_buf_append(out, "\n", 1);
    }
}
