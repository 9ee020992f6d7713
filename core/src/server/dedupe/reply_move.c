/* reply_move.c: a store tells another server what it remembers, some of it at a time, so that no
 * lane waits long for the lock. */
#include "server/dedupe/reply_move.h"

#include "server/dedupe/reply_cache_inside.h"
#include "server/dedupe/reply_record.h"

/* What is told before others may have the lock: entries that are looked at, bytes that are copied.
 */
#define LOOKED_EACH 16384u
#define TOLD_EACH ((size_t)256 * 1024)

/* Calls that run come first: they must be known over there, and whatever becomes of one later is
 * told as its end, or found among the replies. */
enum { TELLS_RUNNING = 0, TELLS_REPLIES, TELLS_LOST, TOLD };

void dr_reply_move_begin(dr_reply_cache *cache, dr_reply_wake wake)
{
    dr_reply_cache_lock(cache);
    cache->move = (dr_reply_move){.is_on = true, .wake = wake};
    dr_reply_cache_unlock(cache);
}

void dr_reply_move_undo(dr_reply_cache *cache)
{
    dr_reply_cache_lock(cache);
    dr_buf_fini(&cache->move.ended);
    cache->move.is_on = false;
    cache->move.reply = 0;
    dr_reply_cache_unlock(cache);
}

bool dr_reply_move_is_told(const dr_reply_cache *cache)
{
    return cache->move.stage == TOLD;
}

void dr_reply_move_ended(dr_reply_cache *cache, const dr_reply_waiter *leader, dora_slice reply,
                         bool has_run)
{
    const bool is_too_much = cache->move.ended.len + reply.len > DR_REPLY_CACHE_BYTES_MAX;
    const bool is_lost = reply.data == NULL || is_too_much;
    const dr_reply_record record = {.kind = !has_run  ? DR_REPLY_RECORD_NOT_RUN
                                            : is_lost ? DR_REPLY_RECORD_LOST
                                                      : DR_REPLY_RECORD_KEPT,
                                    .http_status = leader->http_status,
                                    .call = dr_reply_table_at(&cache->table, leader->entry)->call,
                                    .body = is_too_much ? (dora_slice){NULL, 0} : reply};
    /* Without memory it stays one that runs, for the other server, until it is lost. */
    (void)dr_reply_record_put(&cache->move.ended, &record);
}

static dora_err tell_running(dr_reply_cache *cache, dr_buf *out)
{
    dr_reply_move *move = &cache->move;
    for (uint32_t i = 0; i < LOOKED_EACH && move->running < cache->table.touched; i++) {
        const dr_reply_cache_entry *one = dr_reply_table_at(&cache->table, move->running + 1);
        const dr_reply_record record = {.kind = DR_REPLY_RECORD_RUNS, .call = one->call};
        if (one->state == DR_REPLY_RUNNING && dr_reply_record_put(out, &record) != DORA_OK) {
            return DORA_ENOMEM;
        }
        move->running++;
    }
    if (move->running == cache->table.touched) {
        move->stage = TELLS_REPLIES;
        move->reply = cache->replies.first;
    }
    return DORA_OK;
}

/* record_of is what is told of a call that has run. */
static dr_reply_record record_of(const dr_reply_cache *cache, const dr_reply_cache_entry *one,
                                 uint32_t now_s)
{
    dr_reply_record record = {
        .kind = DR_REPLY_RECORD_LOST, .age_s = now_s - one->since_s, .call = one->call};
    if (one->state == DR_REPLY_KEPT) {
        const uint16_t status = one->reply.status;
        record.kind = DR_REPLY_RECORD_KEPT;
        record.http_status = status != 0 ? (uint16_t)(status + DR_REPLY_STATUS_BELOW) : 0;
        record.body = dr_reply_ring_body(&cache->log, one->reply.at, one->reply.len);
    }
    return record;
}

/* tell_from tells of the entries of a list, from `*next` on. */
static dora_err tell_from(dr_reply_cache *cache, uint32_t *next, uint32_t now_s, dr_buf *out)
{
    while (*next != 0 && out->len < TOLD_EACH) {
        const dr_reply_cache_entry *one = dr_reply_table_at(&cache->table, *next);
        const dr_reply_record record = record_of(cache, one, now_s);
        if (dr_reply_record_put(out, &record) != DORA_OK) {
            return DORA_ENOMEM;
        }
        *next = one->next;
    }
    return DORA_OK;
}

static dora_err tell_replies(dr_reply_cache *cache, uint32_t now_s, dr_buf *out)
{
    dr_reply_move *move = &cache->move;
    const dora_err err = tell_from(cache, &move->reply, now_s, out);
    if (err == DORA_OK && move->reply == 0) {
        move->stage = TELLS_LOST;
        move->lost = cache->lost.first;
    }
    return err;
}

static dora_err tell_lost(dr_reply_cache *cache, uint32_t now_s, dr_buf *out)
{
    dr_reply_move *move = &cache->move;
    const dora_err err = tell_from(cache, &move->lost, now_s, out);
    if (err == DORA_OK && move->lost == 0) {
        move->stage = TOLD;
    }
    return err;
}

/* tell_ended gives what has ended. It goes before what is found in the store afterwards: of a call
 * that ends, nothing older may follow. */
static dora_err tell_ended(dr_reply_cache *cache, dr_buf *out)
{
    const dora_err err = dr_buf_append_slice(out, dr_buf_slice(&cache->move.ended));
    if (err == DORA_OK) {
        dr_buf_fini(&cache->move.ended);
    }
    return err;
}

static dora_err tell(dr_reply_cache *cache, uint32_t now_s, dr_buf *out)
{
    dr_reply_move *move = &cache->move;
    if (!move->has_begun) {
        const dora_err err = dr_reply_head_put(out, &cache->key);
        move->has_begun = err == DORA_OK;
        return err;
    }
    if (move->ended.len > 0) {
        return tell_ended(cache, out);
    }
    switch (move->stage) {
    case TELLS_RUNNING:
        return tell_running(cache, out);
    case TELLS_REPLIES:
        return tell_replies(cache, now_s, out);
    case TELLS_LOST:
        return tell_lost(cache, now_s, out);
    case TOLD:
    default:
        return DORA_EAGAIN;
    }
}

dora_err dr_reply_move_next(dr_reply_cache *cache, uint64_t now_ms, dr_buf *out)
{
    dr_reply_cache_lock(cache);
    const dora_err err = tell(cache, (uint32_t)(now_ms / 1000), out);
    dr_reply_cache_unlock(cache);
    return err;
}
