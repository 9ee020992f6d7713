/* reply_import.h: what another server remembers of calls comes into this one's store
 * (reply_move.h).
 *
 * A call that runs over there has a phantom for its leader: repeats join it, and hear what is told.
 * Once nothing more can be told, what was not told is lost: it may have run. */
#ifndef DR_SERVER_REPLY_IMPORT_H
#define DR_SERVER_REPLY_IMPORT_H

#include "base/buf.h"
#include "server/dedupe/reply_cache.h"

/* dr_reply_import is the other end of the stream. Zeroed memory is its beginning. */
typedef struct dr_reply_import {
    dr_buf rest; /* of a record that has not come whole */
    bool has_key;
} dr_reply_import;

/* dr_reply_import_take takes the next bytes, cut anywhere, into a store that has had no call yet;
 * NULL remembers none, and looks at the bytes only. `*lanes`: as dr_reply_cache_end. Errors:
 * DORA_EPROTO says what is wrong with them; DORA_ENOMEM. */
dora_err dr_reply_import_take(dr_reply_import *import, dr_reply_cache *cache, dora_slice bytes,
                              uint64_t now_ms, uint64_t *lanes, dora_error *error);
void dr_reply_import_fini(dr_reply_import *import);

/* dr_reply_import_over: nothing more is told. What still runs over there is lost. Returns: as
 * dr_reply_cache_end. */
uint64_t dr_reply_import_over(dr_reply_cache *cache, uint64_t now_ms);

/* dr_reply_import_forget frees the phantoms of a store that ends. */
void dr_reply_import_forget(dr_reply_cache *cache);

#endif
