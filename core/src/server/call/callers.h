/* callers.h: who makes the request that a lane is at, and how much each identity has called. */
#ifndef DR_SERVER_CALLERS_H
#define DR_SERVER_CALLERS_H

#include "base/count.h"
#include "server/access/rules.h"

/* dr_caller is who makes a request. `access` NULL: there are no rules, and nothing else counts. */
typedef struct dr_caller {
    const dr_access *access;
    dr_subject subject;
    dora_slice name; /* empty: no identity */
    uint32_t row;
} dr_caller;

/* dr_claim is what a connection, or a request over HTTP, has shown. It outlives the rules: those of
 * a reload judge it anew. */
typedef struct dr_claim {
    dr_ip ip;
    bool has_token;
    bool has_uid;
    dr_token_digest token;
    uint32_t uid;
    uint32_t judged; /* the number of the rules by which `identity` was found; 0: none yet */
    uint32_t identity;
} dr_claim;

/* dr_caller_count is written by one lane. */
typedef struct dr_caller_count {
    dr_count calls;   /* apis that were called */
    dr_count refused; /* of them, by the rules */
} dr_caller_count;

/* Rows are counted for as long as the server lives, so that numbers never go back. The first is for
 * callers without identity, the last for identities for which there was no row. */
#define DR_CALLER_ROW_ANYONE 0u
#define DR_CALLER_ROW_OTHERS (DR_CALLER_ROWS_MAX - 1)

typedef struct dr_caller_rows {
    char *names[DR_CALLER_ROWS_MAX];
    _Atomic uint32_t count; /* of those that have names, from the first on */
} dr_caller_rows;

/* dr_caller_rows_fill gives each identity its row. Errors: none; what has no row of its own is
 * counted with others. dr_caller_rows_fini is fine on zeroed memory. Thread: the supervisor's. */
void dr_caller_rows_fill(dr_caller_rows *rows, dr_access *access);
void dr_caller_rows_fini(dr_caller_rows *rows);

/* dr_claim_identify finds who has shown that, `cert` being the name in a certificate, or NULL: by
 * the token where there is one, else by the certificate, else by the user. */
uint32_t dr_claim_identify(dr_claim *claim, const dr_access *access, const char *cert);

#endif
