/* json_parse.c: JSON text from outside, to jansson's values: limits, and keys that hold a NUL. */
#include "wire/json_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "wire/json.h"

/* scan is one look over a text before a tree is made of it, which takes much more memory. */
typedef struct scan {
    size_t at; /* what cannot be taken; text.len: nothing */
    char why[64];
    dora_err err; /* what the text is then refused with */
} scan;

static bool is_at(dora_slice text, size_t at, const char *expected)
{
    const size_t len = strlen(expected);
    return text.len - at >= len && memcmp(text.data + at, expected, len) == 0;
}

/* skip_string goes from a string's first byte to its closing quote, or the end. */
static size_t skip_string(dora_slice text, size_t at)
{
    while (at < text.len && text.data[at] != '"') {
        at += text.data[at] == '\\' ? 2 : 1;
    }
    return at < text.len ? at : text.len;
}

/* scan_text looks at what opens, closes and separates values: jansson recurses for each level. */
static void scan_text(dora_slice text, uint32_t levels_max, scan *found)
{
    size_t members = 0;
    uint32_t levels = 0;
    const size_t sound = dr_utf8_sound(text, 0);
    *found = (scan){.at = sound, .err = DORA_EPROTO};
    if (sound < text.len) {
        (void)snprintf(found->why, sizeof(found->why), "byte 0x%02x is not UTF-8",
                       (unsigned char)text.data[sound]);
    }
    for (size_t i = 0; i < sound; i++) {
        const char c = text.data[i];
        if (c == '"') {
            i = skip_string(text, i + 1);
            continue;
        }
        const bool opens = c == '[' || c == '{';
        members += opens || c == ',' ? 1 : 0;
        levels += opens ? 1 : 0;
        levels -= (c == ']' || c == '}') && levels > 0 ? 1 : 0;
        if (members > DR_VALUE_MEMBERS_MAX || levels > levels_max) {
            found->at = i;
            found->err = DORA_ETOOBIG;
            (void)snprintf(found->why, sizeof(found->why), "too many %s, at most %u are taken",
                           levels > levels_max ? "levels" : "members",
                           levels > levels_max ? levels_max : (unsigned)DR_VALUE_MEMBERS_MAX);
            return;
        }
    }
}

static dora_err load(dora_slice text, size_t flags, json_t **json, json_error_t *where)
{
    *json = json_loadb(text.data != NULL ? text.data : "", text.len, flags, where);
    if (*json != NULL) {
        return DORA_OK;
    }
    return json_error_code(where) == json_error_out_of_memory ? DORA_ENOMEM : DORA_EPROTO;
}

/* point fills in `where` as jansson does: columns are characters. */
static void point(dora_slice text, const scan *found, json_error_t *where)
{
    *where = (json_error_t){.line = 1, .position = (int)found->at};
    for (size_t i = 0; i <= found->at; i++) {
        const bool is_end = text.data[i] == '\n';
        where->column += ((unsigned char)text.data[i] & 0xc0) != 0x80 || i == found->at ? 1 : 0;
        where->line += is_end ? 1 : 0;
        where->column = is_end ? 0 : where->column;
    }
    (void)snprintf(where->text, sizeof(where->text), "%s", found->why);
}

/* refuse_scanned: unless something is wrong with the text before that place. */
static dora_err refuse_scanned(dora_slice text, size_t flags, const scan *found,
                               json_error_t *where)
{
    json_t *json;
    dora_err err = load((dora_slice){text.data, found->at}, flags, &json, where);
    if (err == DORA_OK) { /* whole: then something stands behind it */
        json_decref(json);
        err = load(text, flags, &json, where);
        json_decref(json);
    }
    const enum json_error_code code = json_error_code(where);
    if (err == DORA_EPROTO && code != json_error_premature_end_of_input &&
        code != json_error_invalid_utf8 && code != json_error_null_byte_in_key) {
        return err;
    }
    if (err != DORA_ENOMEM) {
        point(text, found, where);
    }
    return err == DORA_ENOMEM ? err : found->err;
}

/* jansson's values can have keys with a NUL, but its reader takes none. There a noncharacter of
 * U+FDD0 to U+FDEF which the text does not have stands in for it. */
#define STAND_INS 32
#define STAND_IN_BYTES 3
#define ESCAPE_BYTES 6 /* \uNNNN */

/* stand_in_at is the number of the one that stands at a place, as itself or escaped; STAND_INS
 * where none does. */
static unsigned stand_in_at(dora_slice text, size_t at)
{
    if (is_at(text, at, "\xef\xb7") && text.len - at >= STAND_IN_BYTES) {
        const unsigned last = (unsigned char)text.data[at + 2];
        return last >= 0x90 && last <= 0xaf ? last - 0x90 : STAND_INS;
    }
    if (!is_at(text, at, "\\u") || text.len - at < ESCAPE_BYTES) {
        return STAND_INS;
    }
    char digits[ESCAPE_BYTES - 1] = "";
    memcpy(digits, text.data + at + 2, sizeof(digits) - 1);
    const unsigned long code = strtoul(digits, NULL, 16);
    return code >= 0xfdd0 && code < 0xfdd0 + STAND_INS ? (unsigned)(code - 0xfdd0) : STAND_INS;
}

/* stand_in_for finds one. Returns: its number, STAND_INS where the text has them all. */
static unsigned stand_in_for(dora_slice text)
{
    bool is_used[STAND_INS + 1] = {false};
    unsigned number = 0;
    for (size_t i = 0; i < text.len; i++) {
        is_used[stand_in_at(text, i)] = true;
    }
    while (number < STAND_INS && is_used[number]) {
        number++;
    }
    return number;
}

/* put_stand_ins replaces escaped NULs; nothing changes its place. */
static void put_stand_ins(char *data, size_t len, unsigned number)
{
    char digits[8];
    (void)snprintf(digits, sizeof(digits), "%04x", 0xfdd0 + number);
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '\\') {
            if (is_at((dora_slice){data, len}, i, "\\u0000")) {
                memcpy(data + i + 2, digits, 4);
            }
            i++;
        }
    }
}

/* own_text appends what stood in a string. */
static dora_err own_text(const char *shown, size_t len, const char *stand_in, dr_buf *out)
{
    const dora_err err = dr_buf_reserve(out, len + 1); /* never NULL */
    for (size_t i = 0; err == DORA_OK && i < len; i++) {
        const bool stands_in =
            len - i >= STAND_IN_BYTES && memcmp(shown + i, stand_in, STAND_IN_BYTES) == 0;
        out->data[out->len++] = stands_in ? '\0' : shown[i];
        i += stands_in ? STAND_IN_BYTES - 1 : 0;
    }
    return err;
}

static json_t *without_stand_ins(json_t *json, const char *stand_in);

static json_t *string_without(const json_t *json, const char *stand_in)
{
    dr_buf text = {0};
    json_t *string = NULL;
    if (own_text(json_string_value(json), json_string_length(json), stand_in, &text) == DORA_OK) {
        string = json_stringn_nocheck(text.data, text.len);
    }
    dr_buf_fini(&text);
    return string;
}

static json_t *object_without(json_t *json, const char *stand_in)
{
    json_t *object = json_object();
    void *iter = object != NULL ? json_object_iter(json) : NULL;
    bool is_whole = object != NULL;
    for (; iter != NULL && is_whole; iter = json_object_iter_next(json, iter)) {
        dr_buf name = {0};
        json_t *member = NULL;
        if (own_text(json_object_iter_key(iter), json_object_iter_key_len(iter), stand_in, &name) ==
            DORA_OK) {
            member = without_stand_ins(json_object_iter_value(iter), stand_in);
        }
        is_whole = json_object_setn_new_nocheck(object, name.data, name.len, member) == 0;
        dr_buf_fini(&name);
    }
    if (!is_whole) {
        json_decref(object);
        object = NULL;
    }
    return object;
}

static json_t *list_without(const json_t *json, const char *stand_in)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < json_array_size(json); i++) {
        if (json_array_append_new(list, without_stand_ins(json_array_get(json, i), stand_in)) !=
            0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

/* without_stand_ins is a value with its own texts; recursion is bounded by the limit on levels.
 * Ownership: gives; NULL when out of memory. */
static json_t *without_stand_ins(json_t *json, const char *stand_in)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return object_without(json, stand_in);
    case JSON_ARRAY:
        return list_without(json, stand_in);
    case JSON_STRING:
        return string_without(json, stand_in);
    default:
        return json_incref(json);
    }
}

static dora_err load_with_stand_ins(dora_slice text, size_t flags, unsigned number, json_t **json,
                                    json_error_t *where)
{
    const char stand_in[] = {'\xef', '\xb7', (char)(0x90 + number), '\0'};
    json_t *shown = NULL;
    dr_buf copy = {0};
    if (dr_buf_append_slice(&copy, text) != DORA_OK) {
        return DORA_ENOMEM;
    }
    put_stand_ins(copy.data, copy.len, number);
    dora_err err = load(dr_buf_slice(&copy), flags, &shown, where);
    dr_buf_fini(&copy);
    if (err == DORA_OK) {
        *json = without_stand_ins(shown, stand_in);
        err = *json != NULL ? DORA_OK : DORA_ENOMEM;
        json_decref(shown);
    }
    return err;
}

dora_err dr_json_parse(dora_slice text, uint32_t levels_max, size_t flags, json_t **json,
                       json_error_t *where)
{
    scan found;
    *json = NULL;
    scan_text(text, levels_max, &found);
    if (found.at < text.len) {
        return refuse_scanned(text, flags, &found, where);
    }
    const dora_err err = load(text, flags, json, where);
    if (err != DORA_EPROTO || json_error_code(where) != json_error_null_byte_in_key ||
        (flags & JSON_ALLOW_NUL) == 0 || !DR_JSON_NUL_IN_KEYS) {
        return err;
    }
    const unsigned number = stand_in_for(text);
    return number < STAND_INS ? load_with_stand_ins(text, flags, number, json, where) : err;
}
