/* poison.c: calls that have ended workers: which they are, how often, and until when each is
 * refused. */
#include "task/poison.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S UINT64_C(1000000000)

dora_err dr_poison_init(dr_poison *poison, uint32_t seconds)
{
    *poison = (dr_poison){.seconds = seconds};
    if (seconds == 0) {
        return DORA_OK;
    }
    poison->calls = calloc(DR_POISON_CALLS_MAX, sizeof(*poison->calls));
    return poison->calls != NULL ? dr_digest_key_make(&poison->key) : DORA_ENOMEM;
}

void dr_poison_fini(dr_poison *poison)
{
    free(poison->calls);
    *poison = (dr_poison){0};
}

dr_digest dr_poison_digest(const dr_poison *poison, dora_slice name, dora_slice param,
                           bool is_whole)
{
    dr_digester digester;
    dr_digester_init(&digester, &poison->key);
    dr_digester_number(&digester, is_whole);
    dr_digester_bytes(&digester, name);
    dr_digester_bytes(&digester, param);
    return dr_digester_end(&digester);
}

/* count_of is how many places there are to look at. */
static uint32_t count_of(const dr_poison *poison)
{
    return poison->seconds > 0 ? DR_POISON_CALLS_MAX : 0;
}

static bool is_like(const dr_poison_call *call, uint32_t api, size_t name_len, size_t param_len)
{
    return call->deaths > 0 && call->id.api == api && call->id.name_len == name_len &&
           call->id.param_len == param_len;
}

/* place_for is where a call is noted that is not known: a free place, or that of the call which
 * would be forgotten first. One that is refused stays, as long as there is another. */
static dr_poison_call *place_for(dr_poison *poison)
{
    dr_poison_call *found = &poison->calls[0];
    for (uint32_t i = 0; i < count_of(poison) && found->deaths > 0; i++) {
        dr_poison_call *call = &poison->calls[i];
        const bool is_lesser = dr_poison_is_refused(found) && !dr_poison_is_refused(call);
        const bool is_equal = dr_poison_is_refused(found) == dr_poison_is_refused(call);
        if (call->deaths == 0 || is_lesser || (is_equal && call->until_ns < found->until_ns)) {
            found = call;
        }
    }
    return found;
}

dr_poison_call *dr_poison_note(dr_poison *poison, const dr_poison_id *id, const char *name,
                               const char *ended, uint64_t now_ns)
{
    if (poison->seconds == 0) {
        return NULL;
    }
    dr_poison_call *call = dr_poison_find(poison, id, now_ns);
    if (call == NULL) {
        call = place_for(poison);
        *call = (dr_poison_call){.id = *id};
        memcpy(call->name, name, id->name_len < DR_API_NAME_MAX ? id->name_len : DR_API_NAME_MAX);
    }
    call->deaths++;
    poison->found += call->deaths == DR_POISON_DEATHS;
    call->until_ns = now_ns + poison->seconds * NS_PER_S;
    (void)snprintf(call->ended, sizeof(call->ended), "%s", ended);
    return call;
}

bool dr_poison_has(const dr_poison *poison, uint32_t api)
{
    for (uint32_t i = 0; i < count_of(poison); i++) {
        if (poison->calls[i].deaths > 0 && poison->calls[i].id.api == api) {
            return true;
        }
    }
    return false;
}

bool dr_poison_may_be(const dr_poison *poison, uint32_t api, size_t name_len, size_t param_len)
{
    for (uint32_t i = 0; i < count_of(poison); i++) {
        if (is_like(&poison->calls[i], api, name_len, param_len)) {
            return true;
        }
    }
    return false;
}

dr_poison_call *dr_poison_find(dr_poison *poison, const dr_poison_id *id, uint64_t now_ns)
{
    for (uint32_t i = 0; i < count_of(poison); i++) {
        dr_poison_call *call = &poison->calls[i];
        if (is_like(call, id->api, id->name_len, id->param_len) && call->until_ns > now_ns &&
            dr_digest_is(&call->id.digest, &id->digest)) {
            return call;
        }
    }
    return NULL;
}

void dr_poison_forget(dr_poison_call *call)
{
    *call = (dr_poison_call){.deaths = 0};
}
