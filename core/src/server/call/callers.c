/* callers.c: from what somebody shows to who it is, and a row of numbers for each. */
#include "server/call/callers.h"

#include <string.h>

#include "base/mem.h"

static uint32_t row_of(dr_caller_rows *rows, const char *name)
{
    const uint32_t count = atomic_load(&rows->count);
    for (uint32_t i = 1; i < count; i++) {
        if (strcmp(rows->names[i], name) == 0) {
            return i;
        }
    }
    char *copy = count < DR_CALLER_ROW_OTHERS ? dr_text_copy(name) : NULL;
    if (copy == NULL) {
        return DR_CALLER_ROW_OTHERS;
    }
    rows->names[count] = copy;
    atomic_store(&rows->count, count + 1);
    return count;
}

void dr_caller_rows_fill(dr_caller_rows *rows, dr_access *access)
{
    if (atomic_load(&rows->count) == 0) {
        atomic_store(&rows->count, 1);
    }
    for (size_t i = 0; i < access->identity_count; i++) {
        access->identities[i].row = row_of(rows, access->identities[i].name);
    }
}

void dr_caller_rows_fini(dr_caller_rows *rows)
{
    for (uint32_t i = 1; i < DR_CALLER_ROWS_MAX; i++) {
        dr_free(rows->names[i]);
    }
}

static uint32_t identify(const dr_claim *claim, const dr_access *access, const char *cert)
{
    if (claim->has_token) {
        return dr_access_by_token(access, &claim->token);
    }
    const uint32_t identity = cert != NULL ? dr_access_by_cert(access, cert) : DR_NOBODY;
    return identity == DR_NOBODY && claim->has_uid ? dr_access_by_uid(access, claim->uid)
                                                   : identity;
}

uint32_t dr_claim_identify(dr_claim *claim, const dr_access *access, const char *cert)
{
    if (claim->judged != access->number) {
        claim->identity = identify(claim, access, cert);
        claim->judged = access->number;
    }
    return claim->identity;
}
