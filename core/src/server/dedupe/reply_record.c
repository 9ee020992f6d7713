/* reply_record.c: what one server tells another of the calls that it remembers, as bytes. */
#include "server/dedupe/reply_record.h"

#include <inttypes.h>
#include <string.h>

#include "base/limits.h"

/* The fixed part of a record, which has no padding. */
typedef struct fixed {
    uint16_t kind;
    uint16_t http_status;
    uint32_t age_s;
    uint64_t len; /* of the body behind it */
    dr_digest call;
} fixed;

typedef struct head {
    uint32_t format;
    uint32_t record_bytes;
    dr_digest_key key;
} head;

_Static_assert(sizeof(fixed) == DR_REPLY_RECORD_BYTES, "a record's fixed part");
_Static_assert(sizeof(head) == DR_REPLY_HEAD_BYTES, "the head");

dora_err dr_reply_head_put(dr_buf *out, const dr_digest_key *key)
{
    const head bytes = {DR_REPLY_RECORD_FORMAT, DR_REPLY_RECORD_BYTES, *key};
    return dr_buf_append(out, &bytes, sizeof(bytes));
}

static bool has_body(dr_reply_record_kind kind)
{
    return kind == DR_REPLY_RECORD_KEPT || kind == DR_REPLY_RECORD_NOT_RUN;
}

dora_err dr_reply_record_put(dr_buf *out, const dr_reply_record *record)
{
    const bool is_too_much = record->body.len > DR_REPLY_CACHE_BYTES_MAX;
    const bool is_lost = record->kind == DR_REPLY_RECORD_KEPT && is_too_much;
    const size_t len = has_body(record->kind) && !is_too_much ? record->body.len : 0;
    const fixed bytes = {.kind = (uint16_t)(is_lost ? DR_REPLY_RECORD_LOST : record->kind),
                         .http_status = record->http_status,
                         .age_s = record->age_s,
                         .len = len,
                         .call = record->call};
    const dora_err err = dr_buf_reserve(out, sizeof(bytes) + len);
    if (err == DORA_OK) {
        (void)dr_buf_append(out, &bytes, sizeof(bytes));
        (void)dr_buf_append(out, record->body.data, len);
    }
    return err;
}

dora_err dr_reply_head_get(dora_slice bytes, dr_digest_key *key, size_t *used, dora_error *error)
{
    head got;
    if (bytes.len < sizeof(got)) {
        return DORA_EAGAIN;
    }
    memcpy(&got, bytes.data, sizeof(got));
    if (got.format != DR_REPLY_RECORD_FORMAT || got.record_bytes != DR_REPLY_RECORD_BYTES) {
        return dora_error_set(error, DORA_EPROTO,
                              "remembered calls come in form %" PRIu32 "; this server knows %u",
                              got.format, DR_REPLY_RECORD_FORMAT);
    }
    *key = got.key;
    *used = sizeof(got);
    return DORA_OK;
}

static dora_err check(const fixed *got, dora_error *error)
{
    if (got->kind < DR_REPLY_RECORD_RUNS || got->kind > DR_REPLY_RECORD_NOT_RUN) {
        return dora_error_set(error, DORA_EPROTO, "a remembered call is of kind %u, which is none",
                              got->kind);
    }
    if (got->len > (has_body((dr_reply_record_kind)got->kind) ? DR_REPLY_CACHE_BYTES_MAX : 0)) {
        return dora_error_set(error, DORA_EPROTO,
                              "a remembered call has a reply of %" PRIu64 " bytes", got->len);
    }
    if (got->http_status != 0 && (got->http_status < 400 || got->http_status > 499)) {
        return dora_error_set(error, DORA_EPROTO, "a remembered call has the HTTP status %u",
                              got->http_status);
    }
    return DORA_OK;
}

dora_err dr_reply_record_get(dora_slice bytes, dr_reply_record *record, size_t *used,
                             dora_error *error)
{
    fixed got;
    if (bytes.len < sizeof(got)) {
        return DORA_EAGAIN;
    }
    memcpy(&got, bytes.data, sizeof(got));
    const dora_err err = check(&got, error);
    if (err != DORA_OK) {
        return err;
    }
    if (bytes.len - sizeof(got) < got.len) {
        return DORA_EAGAIN;
    }
    *record = (dr_reply_record){.kind = (dr_reply_record_kind)got.kind,
                                .http_status = got.http_status,
                                .age_s = got.age_s,
                                .call = got.call};
    if (got.len > 0 || got.kind == DR_REPLY_RECORD_KEPT) {
        record->body = (dora_slice){bytes.data + sizeof(got), (size_t)got.len};
    }
    *used = sizeof(got) + (size_t)got.len;
    return DORA_OK;
}
