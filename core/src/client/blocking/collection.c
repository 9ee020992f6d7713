/* collection.c: what a collect gives: submissions that have ended. */
#include "client/blocking/collection.h"

#include <string.h>

#include "base/mem.h"

dora_collection *dr_collection_new(size_t room)
{
    dora_collection *made = dr_calloc(1, sizeof *made);
    if (made == NULL) {
        return NULL;
    }
    made->items = dr_calloc(room, sizeof *made->items);
    made->submissions = dr_calloc(room, sizeof(dr_submission *));
    if (made->items == NULL || made->submissions == NULL) {
        dora_collection_free(made);
        return NULL;
    }
    return made;
}

void dr_collection_add(dora_collection *collection, dr_submission *submission)
{
    collection->submissions[collection->count] = submission;
    collection->items[collection->count++] = (dora_collected){
        .guid = submission->answer->guid,
        .is_many = submission->is_many,
        .came_early = submission->came_early,
        .err = submission->err,
        .error = submission->error,
        .answer = submission->answer,
    };
}

bool dr_collection_refuse(dora_collection *collection, const char *guid, const dora_error *error)
{
    dr_submission *submission = dr_submission_new(false);
    if (submission == NULL) {
        return false;
    }
    memcpy(submission->answer->guid, guid, DR_GUID_LEN);
    submission->answer->guid[DR_GUID_LEN] = '\0';
    dr_pending_fail(submission, error);
    dr_collection_add(collection, submission);
    return true;
}

size_t dora_collection_count(const dora_collection *collection)
{
    return collection->count;
}

const dora_collected *dora_collection_at(const dora_collection *collection, size_t index)
{
    return index < collection->count ? &collection->items[index] : NULL;
}

void dora_collection_free(dora_collection *collection)
{
    if (collection == NULL) {
        return;
    }
    for (size_t i = 0; i < collection->count; i++) {
        dr_submission_free(collection->submissions[i]);
    }
    dr_free(collection->submissions);
    dr_free(collection->items);
    dr_free(collection);
}
