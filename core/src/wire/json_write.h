/* json_write.h: JSON text, piece by piece or of encoded values. Source: PROTOCOL.md, "JSON". */
#ifndef DR_WIRE_JSON_WRITE_H
#define DR_WIRE_JSON_WRITE_H

#include "base/buf.h"

/* dr_json_writer appends to `out`. */
typedef struct dr_json_writer {
    dr_buf *out;
    size_t indent; /* spaces a level; 0: one line */
    size_t depth;
    dora_err err;   /* the first; later writes are no-ops */
    dr_buf members; /* of the lists and objects that are open */
    size_t start;   /* where the writer began */
} dr_json_writer;

/* dr_json_level is a list or an object that is open. */
typedef struct dr_json_level {
    size_t first; /* of its members */
    size_t body;  /* where they begin */
    bool is_list;
    bool is_distinct; /* no key can stand twice */
} dr_json_level;

/* dr_json_begin begins a text. dr_json_finish ends it. Errors: DORA_ENOMEM; `out` is then as it was
 * before. */
dr_json_writer dr_json_begin(dr_buf *out, size_t indent);
dora_err dr_json_finish(dr_json_writer *writer);

/* dr_json_open opens a list or an object, dr_json_close closes it. Before each value in it stands
 * dr_json_item, or dr_json_key with a key as dr_json_text takes it: a list becomes an object with
 * the keys "0", "1", ... where a key comes. Where `is_distinct` was made false a key that comes
 * again replaces the value, as it does in a PHP array. */
void dr_json_open(dr_json_writer *writer, dr_json_level *level, bool is_list);
void dr_json_item(dr_json_writer *writer, dr_json_level *level);
void dr_json_key(dr_json_writer *writer, dr_json_level *level, dora_slice key);
void dr_json_close(dr_json_writer *writer, const dr_json_level *level);

/* The values. A word is null, true or false. A float is written in its shortest form, and stays
 * one: 1.0. dr_json_string wants UTF-8; in dr_json_text, for people to read, each byte that is not
 * becomes `?`. */
void dr_json_word(dr_json_writer *writer, const char *word);
void dr_json_int(dr_json_writer *writer, int64_t value);
void dr_json_real(dr_json_writer *writer, double value);
void dr_json_string(dr_json_writer *writer, dora_slice text);
void dr_json_text(dr_json_writer *writer, dora_slice text);

/* dr_json_error writes {"error": {"code": , "msg": , "field": }}, as HTTP has errors; `field` NULL:
 * without. 100210 has "faults", those in its message as a list of {"path": , "reason": }. */
void dr_json_error(dr_json_writer *writer, int64_t code, dora_slice msg, const char *field);

/* dr_json_refusal writes the same with "retry_after_ms", where `retry_after_ms` is not 0. */
void dr_json_refusal(dr_json_writer *writer, int64_t code, dora_slice msg, uint32_t retry_after_ms);

/* dr_json_mark is a place to go back to: what was written since is dropped. */
typedef struct dr_json_mark {
    size_t len;
    size_t members_len;
    size_t depth;
} dr_json_mark;

dr_json_mark dr_json_here(const dr_json_writer *writer);
void dr_json_back(dr_json_writer *writer, dr_json_mark mark);

#endif
