/* access.h: dr_access: who there is, and what they may do: the configuration's `access`. Made once,
 * then only read, by all threads. Pure. */
#ifndef DR_SERVER_ACCESS_H
#define DR_SERVER_ACCESS_H

#include <stdatomic.h>

#include <dora/error.h>

#include "base/limits.h"
#include "server/access/network.h"
#include "server/access/token.h"

#define DR_NOBODY UINT32_MAX /* no identity */
#define DR_ANYONE "anyone"

/* dr_identity is by what somebody is known. */
typedef struct dr_identity {
    char *name;
    dr_token_digest *tokens;
    char **certs; /* names of client certificates */
    uint32_t *uids;
    size_t token_count;
    size_t cert_count;
    size_t uid_count;
    uint32_t row; /* where it is counted (server/call/callers.h) */
} dr_identity;

/* dr_pattern is an api's or a command's name with any number of `*`; behind a `!` it refuses. */
typedef struct dr_pattern {
    char *text; /* without the `!` */
    bool refuses;
} dr_pattern;

typedef struct dr_patterns {
    dr_pattern *items;
    size_t count;
} dr_patterns;

/* dr_access_rule lets some callers have some names. */
typedef struct dr_access_rule {
    uint64_t identities[DR_IDENTITIES_MAX / 64]; /* bit by bit */
    bool anyone;
    dr_network *networks;
    size_t network_count;
    dr_patterns apis;
    dr_patterns commands;
} dr_access_rule;

typedef struct dr_access {
    unsigned holders;
    uint32_t number;         /* unique among those that were in force, from 1 */
    struct dr_access *older; /* that these replaced, while a lane may still read them */
    uint32_t retired_at;     /* the number of the routes when they were replaced */
    dr_identity *identities;
    dr_access_rule *rules;
    size_t identity_count;
    size_t rule_count;
} dr_access;

/* dr_access_new makes one without identities and rules. Returns: NULL when out of memory.
 * dr_access_hold counts another holder, dr_access_free one less; the last one frees. NULL is fine.
 * Thread: one for all holders. */
dr_access *dr_access_new(void);
dr_access *dr_access_hold(dr_access *access);
void dr_access_free(dr_access *access);

/* dr_access_add_identity and dr_access_add_rule append; more than DR_IDENTITIES_MAX and
 * DR_ACCESS_RULES_MAX are none of theirs to refuse. Returns: NULL when out of memory; good until
 * the next is added. */
dr_identity *dr_access_add_identity(dr_access *access, const char *name);
dr_access_rule *dr_access_add_rule(dr_access *access);

/* What an identity is known by, and what a rule says. Errors: DORA_ENOMEM. */
dora_err dr_identity_add_token(dr_identity *identity, const dr_token_digest *digest);
dora_err dr_identity_add_cert(dr_identity *identity, const char *name);
dora_err dr_identity_add_uid(dr_identity *identity, uint32_t uid);
void dr_access_rule_add_identity(dr_access_rule *rule, uint32_t identity);
dora_err dr_access_rule_add_network(dr_access_rule *rule, const dr_network *network);
dora_err dr_patterns_add(dr_patterns *patterns, const char *text);

/* dr_access_find finds an identity by its name, dr_access_by_token, dr_access_by_cert and
 * dr_access_by_uid by what somebody shows; that by token looks at every one there is, whichever
 * matches. Returns: its index, or DR_NOBODY. */
uint32_t dr_access_find(const dr_access *access, const char *name);
uint32_t dr_access_by_token(const dr_access *access, const dr_token_digest *digest);
uint32_t dr_access_by_cert(const dr_access *access, const char *cert);
uint32_t dr_access_by_uid(const dr_access *access, uint32_t uid);

#endif
