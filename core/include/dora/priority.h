/* priority.h: how urgent a call is. Where calls wait for a worker, of 21 that are taken 16 are of
 * high priority, 4 of normal and 1 of low, as long as all three wait; where none waits it means
 * nothing. Source: PROTOCOL.md, "Connection". */
#ifndef DORA_PRIORITY_H
#define DORA_PRIORITY_H

#include <dora/error.h>
#include <dora/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/* dora_priority is one of three; DORA_PRIORITY_DEFAULT leaves it to whoever is asked next: a call
 * has its client's, a client's call in a handler that of the handler's caller, else normal. */
typedef enum dora_priority {
    DORA_PRIORITY_DEFAULT = 0,
    DORA_PRIORITY_LOW = 1,
    DORA_PRIORITY_NORMAL = 2,
    DORA_PRIORITY_HIGH = 3
} dora_priority;

/* dora_priority_find reads one of the words "low", "normal" and "high". Returns: false for any
 * other text, and `*priority` stays. dora_priority_name gives the word, "" for what is none; a
 * static string. */
DORA_API bool dora_priority_find(dora_slice word, dora_priority *priority);
DORA_API const char *dora_priority_name(dora_priority priority);

#ifdef __cplusplus
}
#endif
#endif
