/* reply_import.c: what another server remembers comes into this one's store. */
#include "server/dedupe/reply_import.h"

#include <stdlib.h>

#include "server/dedupe/reply_cache_inside.h"
#include "server/dedupe/reply_record.h"
#include "server/dedupe/reply_waiters.h"

/* phantom_of is the phantom that leads an entry. Returns: NULL where the call has ended, or runs
 * here. */
static dr_reply_waiter *phantom_of(const dr_reply_cache *cache, uint32_t name)
{
    const dr_reply_cache_entry *one = dr_reply_table_at(&cache->table, name);
    dr_reply_waiter *leader = one->state == DR_REPLY_RUNNING ? one->leader : NULL;
    return leader != NULL && leader->owner == NULL ? leader : NULL;
}

/* end_phantom tells those who have joined a call what became of it. */
static uint64_t end_phantom(dr_reply_cache *cache, dr_reply_waiter *phantom, dora_slice reply,
                            bool has_run, uint32_t since_s)
{
    const uint64_t lanes = dr_reply_cache_settle(cache, phantom, reply, has_run, since_s);
    free(phantom);
    return lanes;
}

static dora_err add_phantom(dr_reply_cache *cache, uint32_t name)
{
    dr_reply_waiter *phantom = calloc(1, sizeof(*phantom));
    if (phantom == NULL) {
        dr_reply_table_remove(&cache->table, name);
        return DORA_ENOMEM;
    }
    phantom->role = DR_REPLY_LEADER;
    phantom->entry = name;
    dr_reply_cache_list_init(&phantom->followers);
    dr_reply_cache_list_append(&cache->phantoms, &phantom->link);
    dr_reply_table_at(&cache->table, name)->state = DR_REPLY_RUNNING;
    dr_reply_table_at(&cache->table, name)->leader = phantom;
    return DORA_OK;
}

/* add takes in a call that is not known here. */
static dora_err add(dr_reply_cache *cache, const dr_reply_record *record, uint32_t now_s)
{
    if (record->kind == DR_REPLY_RECORD_NOT_RUN) {
        return DORA_OK;
    }
    if (record->kind == DR_REPLY_RECORD_LOST && dr_reply_table_is_full(&cache->table) &&
        cache->lost.first == 0) {
        return DORA_OK; /* no reply goes for a tombstone */
    }
    dr_reply_cache_make_room(cache, now_s);
    const uint32_t name = dr_reply_table_add(&cache->table, &record->call);
    if (name == 0) {
        return record->kind == DR_REPLY_RECORD_RUNS ? DORA_ENOMEM : DORA_OK;
    }
    if (record->kind == DR_REPLY_RECORD_RUNS) {
        return add_phantom(cache, name);
    }
    dr_reply_cache_keep(cache, name, record->body, record->http_status, now_s - record->age_s);
    return DORA_OK;
}

/* take_record takes in what is told of one call. Of one that has ended here nothing is news: an
 * ended call may be told twice, as its end and as what is kept. */
static dora_err take_record(dr_reply_cache *cache, const dr_reply_record *record, uint32_t now_s,
                            uint64_t *lanes)
{
    const uint32_t name = dr_reply_table_find(&cache->table, &record->call);
    if (name == 0) {
        return add(cache, record, now_s);
    }
    dr_reply_waiter *phantom = phantom_of(cache, name);
    if (phantom != NULL && record->kind != DR_REPLY_RECORD_RUNS) {
        phantom->http_status = record->http_status;
        *lanes |= end_phantom(cache, phantom, record->body, record->kind != DR_REPLY_RECORD_NOT_RUN,
                              now_s - record->age_s);
    }
    return DORA_OK;
}

/* take_next takes a head or a record from the beginning of `bytes`. */
static dora_err take_next(dr_reply_import *import, dr_reply_cache *cache, dora_slice bytes,
                          uint32_t now_s, uint64_t *lanes, size_t *used, dora_error *error)
{
    dr_reply_record record;
    dr_digest_key key;
    dora_err err = import->has_key ? dr_reply_record_get(bytes, &record, used, error)
                                   : dr_reply_head_get(bytes, &key, used, error);
    if (err != DORA_OK || cache == NULL) {
        import->has_key = import->has_key || err == DORA_OK;
        return err;
    }
    dr_reply_cache_lock(cache);
    if (import->has_key) {
        err = take_record(cache, &record, now_s, lanes);
    } else {
        cache->key = key;
        import->has_key = true;
    }
    dr_reply_cache_unlock(cache);
    return err == DORA_OK ? DORA_OK : dora_error_set(error, err, "%s", dora_err_text(err));
}

dora_err dr_reply_import_take(dr_reply_import *import, dr_reply_cache *cache, dora_slice bytes,
                              uint64_t now_ms, uint64_t *lanes, dora_error *error)
{
    dora_err err = dr_buf_append_slice(&import->rest, bytes);
    size_t at = 0;
    *lanes = 0;
    if (err != DORA_OK) {
        return dora_error_set(error, err, "%s", dora_err_text(err));
    }
    while (err == DORA_OK && at < import->rest.len) {
        size_t used = 0;
        const dora_slice left = {import->rest.data + at, import->rest.len - at};
        err = take_next(import, cache, left, (uint32_t)(now_ms / 1000), lanes, &used, error);
        at += used;
    }
    dr_buf_consume(&import->rest, at);
    if (import->rest.len == 0) {
        dr_buf_fini(&import->rest);
    }
    return err == DORA_EAGAIN ? DORA_OK : err;
}

void dr_reply_import_fini(dr_reply_import *import)
{
    dr_buf_fini(&import->rest);
}

uint64_t dr_reply_import_over(dr_reply_cache *cache, uint64_t now_ms)
{
    uint64_t lanes = 0;
    dr_reply_cache_lock(cache);
    while (!dr_reply_cache_list_is_empty(&cache->phantoms)) {
        lanes |= end_phantom(cache, dr_reply_waiter_of(cache->phantoms.next), (dora_slice){NULL, 0},
                             true, (uint32_t)(now_ms / 1000));
    }
    dr_reply_cache_unlock(cache);
    return lanes;
}

void dr_reply_import_forget(dr_reply_cache *cache)
{
    while (!dr_reply_cache_list_is_empty(&cache->phantoms)) {
        dr_reply_waiter *phantom = dr_reply_waiter_of(cache->phantoms.next);
        dr_reply_cache_list_remove(&phantom->link);
        free(phantom);
    }
}
