/* json_locate.c: where a key stands in JSON text. The text was parsed before, so it is known to be
 * valid; still nothing is read past its end. */
#include "server/config/json_locate.h"

#include <string.h>

static size_t skip_space(dora_slice text, size_t at)
{
    while (at < text.len && memchr(" \t\r\n", text.data[at], 4) != NULL) {
        at++;
    }
    return at;
}

/* From an opening quote to the byte after the closing one. */
static size_t skip_string(dora_slice text, size_t at)
{
    at++;
    while (at < text.len && text.data[at] != '"') {
        at += text.data[at] == '\\' ? 2 : 1;
    }
    return at + 1;
}

/* To the comma or closing bracket after the value at `at`. */
static size_t skip_value(dora_slice text, size_t at)
{
    size_t depth = 0;
    while (at < text.len) {
        char byte = text.data[at];
        if (byte == '"') {
            at = skip_string(text, at);
            continue;
        }
        if (depth == 0 && (byte == ',' || byte == '}' || byte == ']')) {
            break;
        }
        if (byte == '{' || byte == '[') {
            depth++;
        } else if (byte == '}' || byte == ']') {
            depth--;
        }
        at++;
    }
    return at;
}

/* Finds `key` in the object that opens at `at`; `*key_at` is its quote.
 * Returns: the place of its value, 0 where there is no such key. */
static size_t find_key(dora_slice text, size_t at, const char *key, size_t *key_at)
{
    size_t key_len = strlen(key);
    if (at >= text.len || text.data[at] != '{') {
        return 0;
    }
    at = skip_space(text, at + 1);
    while (at < text.len && text.data[at] == '"') {
        size_t end = skip_string(text, at);
        size_t colon = skip_space(text, end);
        bool is_same = end <= text.len && end - at == key_len + 2 &&
                       memcmp(text.data + at + 1, key, key_len) == 0;
        if (is_same) {
            *key_at = at;
            return skip_space(text, colon + 1);
        }
        at = skip_value(text, skip_space(text, colon + 1));
        if (at < text.len && text.data[at] == ',') {
            at = skip_space(text, at + 1);
        }
    }
    return 0;
}

bool dr_place_find(dora_slice text, const char *const *path, size_t depth, size_t *line,
                   size_t *column)
{
    size_t at = skip_space(text, 0);
    size_t key_at = at;
    for (size_t i = 0; i < depth; i++) {
        at = find_key(text, at, path[i], &key_at);
        if (at == 0) {
            return false;
        }
    }
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < key_at && i < text.len; i++) {
        (*column)++;
        if (text.data[i] == '\n') {
            (*line)++;
            *column = 1;
        }
    }
    return true;
}
