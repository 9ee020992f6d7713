/* json_parse.c: JSON text to jansson's values, once it is known not to be too deep or too large. */
#include <stdio.h>

#include "base/limits.h"
#include "wire/json.h"

/* excess looks at what opens, separates and closes values, before jansson makes a tree of them: it
 * recurses for each level, and its tree takes much more memory than the text.
 * Returns: what there is too much of, from byte `*at` on; NULL: nothing. */
static const char *excess(dora_slice text, uint32_t levels_max, size_t *at)
{
    size_t members = 0;
    uint32_t levels = 0;
    bool is_string = false;
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.data[i];
        if (is_string) {
            i += c == '\\' ? 1 : 0;
            is_string = c != '"';
            continue;
        }
        const bool is_open = c == '[' || c == '{';
        is_string = c == '"';
        members += is_open || c == ',' ? 1 : 0;
        levels += is_open ? 1 : 0;
        levels -= (c == ']' || c == '}') && levels > 0 ? 1 : 0;
        if (levels > levels_max || members > DR_VALUE_MEMBERS_MAX) {
            *at = i;
            return levels > levels_max ? "too many levels" : "too many members";
        }
    }
    return NULL;
}

/* point fills in `where` as jansson does: columns are characters. */
static void point(dora_slice text, size_t at, const char *what, json_error_t *where)
{
    *where = (json_error_t){.line = 1, .column = 1, .position = (int)at};
    for (size_t i = 0; i < at; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        where->column += (c & 0xc0) != 0x80 ? 1 : 0;
        if (c == '\n') {
            where->line++;
            where->column = 1;
        }
    }
    (void)snprintf(where->text, sizeof(where->text), "%s", what);
}

dora_err dr_json_parse(dora_slice text, uint32_t levels_max, size_t flags, json_t **json,
                       json_error_t *where)
{
    size_t at = 0;
    const char *what = excess(text, levels_max, &at);
    *json = NULL;
    if (what != NULL) {
        point(text, at, what, where);
        return DORA_ETOOBIG;
    }
    *json = json_loadb(text.data != NULL ? text.data : "", text.len, flags, where);
    if (*json != NULL) {
        return DORA_OK;
    }
    return json_error_code(where) == json_error_out_of_memory ? DORA_ENOMEM : DORA_EPROTO;
}
