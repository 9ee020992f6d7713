/* access.c: identities and rules: how they are put together, and who somebody is. */
#include "server/access/access.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"

/* grow makes room for one more item of `size` bytes, zeroed. Returns: it, or NULL. */
static void *grow(void **items, size_t count, size_t size)
{
    char *more = dr_realloc(*items, (count + 1) * size);
    if (more == NULL) {
        return NULL;
    }
    *items = more;
    memset(more + count * size, 0, size);
    return more + count * size;
}

dr_access *dr_access_new(void)
{
    dr_access *access = dr_calloc(1, sizeof(*access));
    if (access != NULL) {
        access->holders = 1;
    }
    return access;
}

dr_access *dr_access_hold(dr_access *access)
{
    if (access != NULL) {
        access->holders++;
    }
    return access;
}

static void patterns_fini(dr_patterns *patterns)
{
    for (size_t i = 0; i < patterns->count; i++) {
        dr_free(patterns->items[i].text);
    }
    dr_free(patterns->items);
}

static void identity_fini(dr_identity *identity)
{
    for (size_t i = 0; i < identity->cert_count; i++) {
        dr_free(identity->certs[i]);
    }
    dr_free(identity->certs);
    dr_free(identity->tokens);
    dr_free(identity->uids);
    dr_free(identity->name);
}

void dr_access_free(dr_access *access)
{
    if (access == NULL || --access->holders > 0) {
        return;
    }
    for (size_t i = 0; i < access->identity_count; i++) {
        identity_fini(&access->identities[i]);
    }
    for (size_t i = 0; i < access->rule_count; i++) {
        dr_free(access->rules[i].networks);
        patterns_fini(&access->rules[i].apis);
        patterns_fini(&access->rules[i].commands);
    }
    dr_free(access->identities);
    dr_free(access->rules);
    dr_free(access);
}

dr_identity *dr_access_add_identity(dr_access *access, const char *name)
{
    char *copy = dr_text_copy(name);
    dr_identity *identity = copy == NULL ? NULL
                                         : grow((void **)&access->identities,
                                                access->identity_count, sizeof(*identity));
    if (identity == NULL) {
        dr_free(copy);
        return NULL;
    }
    identity->name = copy;
    access->identity_count++;
    return identity;
}

dr_access_rule *dr_access_add_rule(dr_access *access)
{
    dr_access_rule *rule = grow((void **)&access->rules, access->rule_count, sizeof(*rule));
    access->rule_count += rule != NULL;
    return rule;
}

dora_err dr_identity_add_token(dr_identity *identity, const dr_token_digest *digest)
{
    dr_token_digest *item = grow((void **)&identity->tokens, identity->token_count, sizeof(*item));
    if (item == NULL) {
        return DORA_ENOMEM;
    }
    *item = *digest;
    identity->token_count++;
    return DORA_OK;
}

dora_err dr_identity_add_cert(dr_identity *identity, const char *name)
{
    char **item = grow((void **)&identity->certs, identity->cert_count, sizeof(*item));
    char *copy = item != NULL ? dr_text_copy(name) : NULL;
    if (copy == NULL) {
        return DORA_ENOMEM;
    }
    *item = copy;
    identity->cert_count++;
    return DORA_OK;
}

dora_err dr_identity_add_uid(dr_identity *identity, uint32_t uid)
{
    uint32_t *item = grow((void **)&identity->uids, identity->uid_count, sizeof(*item));
    if (item == NULL) {
        return DORA_ENOMEM;
    }
    *item = uid;
    identity->uid_count++;
    return DORA_OK;
}

void dr_access_rule_add_identity(dr_access_rule *rule, uint32_t identity)
{
    rule->identities[identity / 64] |= UINT64_C(1) << (identity % 64);
}

dora_err dr_access_rule_add_network(dr_access_rule *rule, const dr_network *network)
{
    dr_network *item = grow((void **)&rule->networks, rule->network_count, sizeof(*item));
    if (item == NULL) {
        return DORA_ENOMEM;
    }
    *item = *network;
    rule->network_count++;
    return DORA_OK;
}

dora_err dr_patterns_add(dr_patterns *patterns, const char *text)
{
    dr_pattern *item = grow((void **)&patterns->items, patterns->count, sizeof(*item));
    const bool refuses = text[0] == '!';
    char *copy = item != NULL ? dr_text_copy(text + (refuses ? 1 : 0)) : NULL;
    if (copy == NULL) {
        return DORA_ENOMEM;
    }
    *item = (dr_pattern){copy, refuses};
    patterns->count++;
    return DORA_OK;
}

uint32_t dr_access_find(const dr_access *access, const char *name)
{
    for (size_t i = 0; i < access->identity_count; i++) {
        if (strcmp(access->identities[i].name, name) == 0) {
            return (uint32_t)i;
        }
    }
    return DR_NOBODY;
}

uint32_t dr_access_by_token(const dr_access *access, const dr_token_digest *digest)
{
    uint32_t found = DR_NOBODY;
    for (size_t i = 0; i < access->identity_count; i++) {
        const dr_identity *identity = &access->identities[i];
        for (size_t j = 0; j < identity->token_count; j++) {
            found = dr_token_is(&identity->tokens[j], digest) ? (uint32_t)i : found;
        }
    }
    return found;
}

/* Names of hosts are compared without case, as in DNS. */
uint32_t dr_access_by_cert(const dr_access *access, const char *cert)
{
    for (size_t i = 0; i < access->identity_count; i++) {
        const dr_identity *identity = &access->identities[i];
        for (size_t j = 0; j < identity->cert_count; j++) {
            if (strcasecmp(identity->certs[j], cert) == 0) {
                return (uint32_t)i;
            }
        }
    }
    return DR_NOBODY;
}

uint32_t dr_access_by_uid(const dr_access *access, uint32_t uid)
{
    for (size_t i = 0; i < access->identity_count; i++) {
        const dr_identity *identity = &access->identities[i];
        for (size_t j = 0; j < identity->uid_count; j++) {
            if (identity->uids[j] == uid) {
                return (uint32_t)i;
            }
        }
    }
    return DR_NOBODY;
}
