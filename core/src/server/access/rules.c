/* rules.c: the first rule that has the caller and the name decides; where there is none, it is no.
 */
#include "server/access/rules.h"

#include <string.h>

bool dr_pattern_is(const char *pattern, dora_slice name)
{
    const char *star = NULL; /* behind the last `*` that was met */
    size_t at = 0;
    size_t tried = 0; /* what that `*` does not stand for */
    while (at < name.len) {
        if (*pattern == '*') {
            star = ++pattern;
            tried = at;
        } else if (*pattern != '\0' && *pattern == name.data[at]) {
            pattern++;
            at++;
        } else if (star != NULL) {
            pattern = star;
            at = ++tried;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
}

static bool has_subject(const dr_access_rule *rule, const dr_subject *subject)
{
    const uint32_t id = subject->identity;
    if (rule->anyone || (id != DR_NOBODY && (rule->identities[id / 64] >> (id % 64) & 1) != 0)) {
        return true;
    }
    for (size_t i = 0; i < rule->network_count; i++) {
        if (dr_network_has(&rule->networks[i], &subject->ip)) {
            return true;
        }
    }
    return false;
}

static const dr_pattern *find(const dr_patterns *patterns, dora_slice name)
{
    for (size_t i = 0; i < patterns->count; i++) {
        if (dr_pattern_is(patterns->items[i].text, name)) {
            return &patterns->items[i];
        }
    }
    return NULL;
}

dr_verdict dr_access_judge(const dr_access *access, const dr_subject *subject, dr_right right,
                           dora_slice name)
{
    for (size_t i = 0; i < access->rule_count; i++) {
        const dr_access_rule *rule = &access->rules[i];
        const dr_pattern *pattern =
            has_subject(rule, subject)
                ? find(right == DR_RIGHT_API ? &rule->apis : &rule->commands, name)
                : NULL;
        if (pattern != NULL) {
            return (dr_verdict){!pattern->refuses, (int)i};
        }
    }
    return (dr_verdict){false, -1};
}
