/* json_write.c: JSON text, piece by piece. Pure but for memory.
 *
 * An encoded array is a list only as long as its keys count up from 0, and may have a key twice. So
 * the places of an open level's members are kept, and its text is mended where that turns out. */
#include "wire/json_write.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/slice.h"
#include "base/utf8.h"
#include "wire/float.h"
#include "wire/value_write.h"

#define DROPPED UINT32_MAX

/* One member of an open list or object. */
typedef struct member {
    size_t at;        /* of its key, or of its value where it has none, in the text */
    uint32_t key_len; /* quoted; 0: it has none */
    uint32_t source;  /* whose value it gets, counted from the level's first; or DROPPED */
} member;

/* Most pieces find room: appending them needs no call. */
static inline void put(dr_json_writer *writer, const char *data, size_t len)
{
    dr_buf *out = writer->out;
    if (writer->err != DORA_OK || len == 0) {
        return;
    }
    if (out->cap - out->len < len) {
        writer->err = dr_buf_append(out, data, len);
        return;
    }
    memcpy(out->data + out->len, data, len);
    out->len += len;
}

#define PUT(writer, text) put((writer), (text), sizeof(text) - 1)

static void put_line(dr_json_writer *writer)
{
    if (writer->indent == 0) {
        return;
    }
    PUT(writer, "\n");
    for (size_t i = 0; i < writer->depth * writer->indent; i++) {
        PUT(writer, " ");
    }
}

dr_json_writer dr_json_begin(dr_buf *out, size_t indent)
{
    return (dr_json_writer){.out = out, .indent = indent, .start = out->len};
}

dora_err dr_json_finish(dr_json_writer *writer)
{
    dr_buf_fini(&writer->members);
    if (writer->err != DORA_OK) {
        writer->out->len = writer->start;
    }
    return writer->err;
}

dr_json_mark dr_json_here(const dr_json_writer *writer)
{
    return (dr_json_mark){writer->out->len, writer->members.len, writer->depth};
}

void dr_json_back(dr_json_writer *writer, dr_json_mark mark)
{
    writer->out->len = mark.len;
    writer->members.len = mark.members_len;
    writer->depth = mark.depth;
}

/* ---- lists and objects ---- */

static size_t member_count(const dr_json_writer *writer)
{
    return writer->members.len / sizeof(member);
}

static member *members_of(const dr_json_writer *writer, const dr_json_level *level)
{
    return (member *)(void *)writer->members.data + level->first;
}

/* Separates a member from the one before. */
static void put_separator(dr_json_writer *writer, bool is_first)
{
    if (!is_first) {
        PUT(writer, ",");
    }
    put_line(writer);
}

static void put_colon(dr_json_writer *writer)
{
    put(writer, ": ", writer->indent > 0 ? 2 : 1);
}

void dr_json_open(dr_json_writer *writer, dr_json_level *level, bool is_list)
{
    put(writer, is_list ? "[" : "{", 1);
    writer->depth++;
    *level = (dr_json_level){.first = member_count(writer),
                             .body = writer->out->len,
                             .is_list = is_list,
                             .is_distinct = true};
}

void dr_json_item(dr_json_writer *writer, dr_json_level *level)
{
    const size_t index = member_count(writer) - level->first;
    put_separator(writer, index == 0);
    const member one = {.at = writer->out->len, .source = (uint32_t)index};
    if (writer->err == DORA_OK) {
        writer->err = dr_buf_append(&writer->members, &one, sizeof one);
    }
}

/* Writes the members of the innermost level again: those without a key with their number, those
 * that are DROPPED not at all. */
static void rewrite(dr_json_writer *writer, const dr_json_level *level)
{
    dr_buf *out = writer->out;
    dr_buf text = {0};
    char digits[DR_INT_TEXT_MAX];
    member *members = members_of(writer, level);
    const size_t count = member_count(writer) - level->first;
    const size_t line_len = writer->indent > 0 ? 1 + writer->depth * writer->indent : 0;
    size_t kept = 0;
    writer->out = &text;
    for (size_t i = 0; i < count; i++) {
        const member one = members[i];
        if (one.source == DROPPED) {
            continue;
        }
        const member *from = &members[one.source];
        const size_t value_at =
            from->at + (from->key_len > 0 ? from->key_len + (writer->indent > 0 ? 2u : 1u) : 0);
        const size_t value_end = one.source + 1 < count ? from[1].at - line_len - 1 : out->len;
        put_separator(writer, kept == 0);
        const size_t at = text.len;
        if (one.key_len > 0) {
            put(writer, out->data + one.at, one.key_len);
        } else {
            dr_json_string(writer, (dora_slice){digits, dr_int_text((int64_t)i, digits)});
        }
        const uint32_t key_len = (uint32_t)(text.len - at);
        put_colon(writer);
        put(writer, out->data + value_at, value_end - value_at);
        members[kept] = (member){level->body + at, key_len, (uint32_t)kept};
        kept++;
    }
    writer->out = out;
    if (writer->err == DORA_OK) {
        out->len = level->body;
        put(writer, text.data, text.len);
    }
    dr_buf_fini(&text);
    writer->members.len = (level->first + kept) * sizeof(member);
}

void dr_json_key(dr_json_writer *writer, dr_json_level *level, dora_slice key)
{
    if (level->is_list && writer->err == DORA_OK) {
        level->is_list = false;
        writer->out->data[level->body - 1] = '{';
        if (member_count(writer) > level->first) {
            rewrite(writer, level);
        }
    }
    dr_json_item(writer, level);
    const size_t at = writer->out->len;
    dr_json_text(writer, key);
    if (writer->err == DORA_OK) {
        members_of(writer, level)[member_count(writer) - level->first - 1].key_len =
            (uint32_t)(writer->out->len - at);
    }
    put_colon(writer);
}

/* A key to be sorted. */
typedef struct sorted_key {
    const char *text;
    size_t len;
    size_t index;
} sorted_key;

static bool is_same_key(const sorted_key *one, const sorted_key *other)
{
    return one->len == other->len && memcmp(one->text, other->text, one->len) == 0;
}

static int order_keys(const void *left, const void *right)
{
    const sorted_key *one = left;
    const sorted_key *other = right;
    if (one->len != other->len) {
        return one->len < other->len ? -1 : 1;
    }
    const int order = memcmp(one->text, other->text, one->len);
    return order != 0 ? order : one->index < other->index ? -1 : 1;
}

/* Finds keys that stand twice: the first gets the value of the last. Returns: whether any does. */
static bool find_repeats(dr_json_writer *writer, member *members, size_t count)
{
    bool is_found = false;
    sorted_key *keys = dr_alloc(count * sizeof *keys);
    if (keys == NULL) {
        writer->err = DORA_ENOMEM;
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        keys[i] = (sorted_key){writer->out->data + members[i].at, members[i].key_len, i};
    }
    qsort(keys, count, sizeof *keys, order_keys);
    for (size_t i = 1, first = 0; i < count; i++) {
        if (is_same_key(&keys[first], &keys[i])) {
            members[keys[first].index].source = (uint32_t)keys[i].index;
            members[keys[i].index].source = DROPPED;
            is_found = true;
        } else {
            first = i;
        }
    }
    dr_free(keys);
    return is_found;
}

void dr_json_close(dr_json_writer *writer, const dr_json_level *level)
{
    if (writer->err != DORA_OK) {
        return;
    }
    const size_t count = member_count(writer) - level->first;
    if (!level->is_list && !level->is_distinct && count > 1 &&
        find_repeats(writer, members_of(writer, level), count)) {
        rewrite(writer, level);
    }
    writer->depth--;
    if (count > 0) {
        put_line(writer);
    }
    put(writer, level->is_list ? "]" : "}", 1);
    writer->members.len = level->first * sizeof(member);
}

/* ---- values ---- */

void dr_json_word(dr_json_writer *writer, const char *word)
{
    put(writer, word, strlen(word));
}

void dr_json_int(dr_json_writer *writer, int64_t value)
{
    char text[DR_INT_TEXT_MAX];
    put(writer, text, dr_int_text(value, text));
}

void dr_json_real(dr_json_writer *writer, double value)
{
    char text[DR_FLOAT_TEXT_MAX];
    const size_t len = dr_float_text(value, text);
    put(writer, text, len);
    /* A float stays a float: 1.0 is not 1. */
    if (memchr(text, '.', len) == NULL) {
        PUT(writer, ".0");
    }
}

/* The letter behind the backslash of a short escape, 0 where there is none. */
static char short_escape(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static void put_escaped(dr_json_writer *writer, dora_slice text)
{
    static const char hex[] = "0123456789abcdef";
    size_t start = 0;
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        if (c >= ' ' && c != '"' && c != '\\') {
            continue;
        }
        put(writer, text.data + start, i - start);
        start = i + 1;
        char escape[6] = {'\\', short_escape(c), '0', '0', hex[c >> 4], hex[c & 15]};
        if (escape[1] != 0) {
            put(writer, escape, 2);
        } else {
            escape[1] = 'u';
            put(writer, escape, sizeof escape);
        }
    }
    put(writer, text.data + start, text.len - start);
}

void dr_json_string(dr_json_writer *writer, dora_slice text)
{
    PUT(writer, "\"");
    put_escaped(writer, text);
    PUT(writer, "\"");
}

void dr_json_text(dr_json_writer *writer, dora_slice text)
{
    PUT(writer, "\"");
    while (text.len > 0) {
        const size_t sound = dr_utf8_sound(text, 0);
        put_escaped(writer, (dora_slice){text.data, sound});
        const size_t used = sound < text.len ? sound + 1 : sound;
        put(writer, "?", used - sound);
        text = (dora_slice){text.data + used, text.len - used};
    }
    PUT(writer, "\"");
}

/* path_len: of the path that a fault begins with, up to a colon that stands in no quotes. */
static size_t path_len(dora_slice line)
{
    bool is_quoted = false;
    for (size_t i = 0; i < line.len; i++) {
        if (line.data[i] == '\\' && is_quoted) {
            i++;
        } else if (line.data[i] == '"') {
            is_quoted = !is_quoted;
        } else if (line.data[i] == ':' && !is_quoted) {
            return i;
        }
    }
    return 0;
}

/* put_fault writes "PATH: REASON". */
static void put_fault(dr_json_writer *writer, dora_slice line)
{
    const size_t len = path_len(line);
    size_t at = len > 0 ? len + 1 : 0;
    while (at < line.len && line.data[at] == ' ') {
        at++;
    }
    dr_json_level fault;
    dr_json_open(writer, &fault, false);
    dr_json_key(writer, &fault, (dora_slice){"path", 4});
    dr_json_text(writer, (dora_slice){line.data, len});
    dr_json_key(writer, &fault, (dora_slice){"reason", 6});
    dr_json_text(writer, (dora_slice){line.data + at, line.len - at});
    dr_json_close(writer, &fault);
}

/* fault_len is that of the first of several: behind it comes "; " and another path. */
static size_t fault_len(dora_slice msg)
{
    for (size_t i = path_len(msg); i + 2 < msg.len; i++) {
        if (memcmp(msg.data + i, "; $", 3) == 0) {
            return i;
        }
    }
    return msg.len;
}

/* put_faults makes the faults of a message a list. */
static void put_faults(dr_json_writer *writer, dora_slice msg)
{
    dr_json_level faults;
    dr_json_open(writer, &faults, true);
    while (msg.len > 0) {
        const size_t len = fault_len(msg);
        dr_json_item(writer, &faults);
        put_fault(writer, (dora_slice){msg.data, len});
        const size_t used = len < msg.len ? len + 2 : len;
        msg = (dora_slice){msg.data + used, msg.len - used};
    }
    dr_json_close(writer, &faults);
}

static void put_error(dr_json_writer *writer, int64_t code, dora_slice msg, const char *field,
                      uint32_t retry_after_ms)
{
    dr_json_level all;
    dr_json_level error;
    dr_json_open(writer, &all, false);
    dr_json_key(writer, &all, (dora_slice){"error", 5});
    dr_json_open(writer, &error, false);
    dr_json_key(writer, &error, (dora_slice){"code", 4});
    dr_json_int(writer, code);
    dr_json_key(writer, &error, (dora_slice){"msg", 3});
    dr_json_text(writer, msg);
    if (code == DORA_CODE_WRONG_SHAPE) {
        dr_json_key(writer, &error, (dora_slice){"faults", 6});
        put_faults(writer, msg);
    }
    if (field != NULL) {
        dr_json_key(writer, &error, (dora_slice){"field", 5});
        dr_json_text(writer, dr_slice(field));
    }
    if (retry_after_ms != 0) {
        dr_json_key(writer, &error, (dora_slice){"retry_after_ms", 14});
        dr_json_int(writer, retry_after_ms);
    }
    dr_json_close(writer, &error);
    dr_json_close(writer, &all);
}

void dr_json_error(dr_json_writer *writer, int64_t code, dora_slice msg, const char *field)
{
    put_error(writer, code, msg, field, 0);
}

void dr_json_refusal(dr_json_writer *writer, int64_t code, dora_slice msg, uint32_t retry_after_ms)
{
    put_error(writer, code, msg, NULL, retry_after_ms);
}
