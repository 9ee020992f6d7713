/* collection.h: what a collect gives: submissions that have ended. */
#ifndef DR_CLIENT_COLLECTION_H
#define DR_CLIENT_COLLECTION_H

#include <dora/client.h>

#include "client/blocking/pending.h"

struct dora_collection {
    dora_collected *items;
    dr_submission **submissions; /* what they point into */
    size_t count;
};

/* dr_collection_new makes an empty one with room for `room`. Returns: NULL when out of memory. */
dora_collection *dr_collection_new(size_t room);

/* dr_collection_add appends a submission that is done and in no table. Ownership: takes it. */
void dr_collection_add(dora_collection *collection, dr_submission *submission);

/* dr_collection_refuse appends an item for a guid (DR_GUID_LEN bytes) of which nothing can be
 * given. `error` must live for ever. Returns: whether there was memory. */
bool dr_collection_refuse(dora_collection *collection, const char *guid, const dora_error *error);

#endif
