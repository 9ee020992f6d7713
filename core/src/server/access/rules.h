/* rules.h: may somebody have a name. Pure. */
#ifndef DR_SERVER_RULES_H
#define DR_SERVER_RULES_H

#include "server/access/access.h"

/* dr_subject is who is judged: an identity or DR_NOBODY, and where it comes from, as far as that
 * says anything. */
typedef struct dr_subject {
    uint32_t identity;
    dr_ip ip;
} dr_subject;

typedef enum dr_right { DR_RIGHT_API = 0, DR_RIGHT_COMMAND } dr_right;

/* dr_verdict is what the rules say; `rule` is the one that decided, from 0; -1: none matched. */
typedef struct dr_verdict {
    bool is_allowed;
    int rule;
} dr_verdict;

/* dr_pattern_is: `*` stands for any bytes, none too. */
bool dr_pattern_is(const char *pattern, dora_slice name);

/* dr_access_judge finds the first rule that has the subject and a pattern of the name. */
dr_verdict dr_access_judge(const dr_access *access, const dr_subject *subject, dr_right right,
                           dora_slice name);

#endif
