/* priority.c: how urgent a call is, by its words, and that of the running handler's caller. */
#include "base/priority.h"

#include <string.h>

#include "base/slice.h"

/* As with its deadline (base/deadline.c), handler and client have the thread in common. */
static _Thread_local dora_priority current;

static const char *const names[] = {
    [DORA_PRIORITY_LOW] = "low", [DORA_PRIORITY_NORMAL] = "normal", [DORA_PRIORITY_HIGH] = "high"};

bool dora_priority_find(dora_slice word, dora_priority *priority)
{
    for (int i = DORA_PRIORITY_LOW; i <= DORA_PRIORITY_HIGH; i++) {
        if (strlen(names[i]) == word.len && memcmp(names[i], word.data, word.len) == 0) {
            *priority = (dora_priority)i;
            return true;
        }
    }
    return false;
}

const char *dora_priority_name(dora_priority priority)
{
    const unsigned number = (unsigned)priority;
    return number >= DORA_PRIORITY_LOW && number <= DORA_PRIORITY_HIGH ? names[number] : "";
}

void dr_priority_set(dora_priority priority)
{
    current = priority;
}

dora_priority dr_priority_get(void)
{
    return current;
}

dora_err dr_priority_check(dora_priority given, dora_error *error)
{
    return (unsigned)given <= DORA_PRIORITY_HIGH
               ? DORA_OK
               : dora_error_set(error, DORA_EINVAL,
                                "priority is %d: it must be DORA_PRIORITY_LOW, _NORMAL or _HIGH",
                                (int)given);
}

dora_err dr_priority_of_call(dora_priority given, dora_priority client, dora_priority *sent,
                             dora_error *error)
{
    const dora_err err = dr_priority_check(given, error);
    dora_priority meant = given != DORA_PRIORITY_DEFAULT ? given : client;
    meant = meant != DORA_PRIORITY_DEFAULT ? meant : current;
    *sent = meant != DORA_PRIORITY_NORMAL ? meant : DORA_PRIORITY_DEFAULT;
    return err;
}
