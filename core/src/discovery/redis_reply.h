/* redis_reply.h: bytes of Redis to replies (dr_redis_reply of redis_session.h). Pure. */
#ifndef DR_DISCOVERY_REDIS_REPLY_H
#define DR_DISCOVERY_REDIS_REPLY_H

#include "discovery/redis_session.h"

#define DR_REDIS_REPLY_ITEMS_MAX (1u << 18) /* in all arrays of one reply: 15 MiB as objects */
#define DR_REDIS_REPLY_DEPTH_MAX 7u         /* arrays in arrays; hiredis 0.14 takes one more */
#define DR_REDIS_LINE_BYTES_MAX 16384u      /* of a status or an error */

/* dr_redis_reader is what has come and was not taken. */
typedef struct dr_redis_reader dr_redis_reader;

/* dr_redis_reader_new gives a reader for the bytes of one connection, NULL when out of memory.
 * dr_redis_reader_free frees it (NULL is fine). */
dr_redis_reader *dr_redis_reader_new(void);
void dr_redis_reader_free(dr_redis_reader *reader);

/* dr_redis_reader_feed adds a copy of `bytes`. Errors: DORA_ENOMEM. */
dora_err dr_redis_reader_feed(dr_redis_reader *reader, dora_slice bytes);

/* dr_redis_reader_take gives the next reply. Errors: DORA_EAGAIN when more bytes are needed;
 * DORA_EPROTO for nonsense, for a reply past the limits and when out of memory, with `why` for
 * people, borrowed until the reader is freed; nothing can be read any more then.
 * Ownership: gives; dr_redis_reply_free frees (NULL is fine). */
dora_err dr_redis_reader_take(dr_redis_reader *reader, dr_redis_reply **reply, const char **why);
void dr_redis_reply_free(dr_redis_reply *reply);

dr_redis_kind dr_redis_reply_kind(const dr_redis_reply *reply);
dora_slice dr_redis_reply_text(const dr_redis_reply *reply); /* TEXT, ERROR; else empty */
int64_t dr_redis_reply_integer(const dr_redis_reply *reply); /* INTEGER; else 0 */

/* dr_redis_reply_number reads a text of 1 to 18 digits. Returns: whether it is one. */
bool dr_redis_reply_number(const dr_redis_reply *reply, int64_t *number);
size_t dr_redis_reply_count(const dr_redis_reply *reply); /* ARRAY; else 0 */
const dr_redis_reply *dr_redis_reply_at(const dr_redis_reply *reply, size_t index);

#endif
