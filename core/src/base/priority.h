/* priority.h: the priority of the running handler's caller, which calls that the handler makes have
 * too. */
#ifndef DR_BASE_PRIORITY_H
#define DR_BASE_PRIORITY_H

#include <dora/priority.h>

#define DR_PRIORITIES 3u /* DORA_PRIORITY_LOW and those above */

/* What a message says of a word that is none. */
#define DR_PRIORITY_WORDS "\"low\", \"normal\" or \"high\""

/* dr_priority_set says it for this thread; DORA_PRIORITY_DEFAULT: there is none. dr_priority_get is
 * what was set last. Thread: any; each has its own, so threads that a handler starts have none. */
void dr_priority_set(dora_priority priority);
dora_priority dr_priority_get(void);

/* dr_priority_of_call is what a call sends: `given`, else its client's, else the thread's. Normal
 * is not sent, since without one it is that: DORA_PRIORITY_DEFAULT.
 * Errors: DORA_EINVAL for what is no priority. */
dora_err dr_priority_of_call(dora_priority given, dora_priority client, dora_priority *sent,
                             dora_error *error);

/* dr_priority_check says whether an option is one. Errors: DORA_EINVAL. */
dora_err dr_priority_check(dora_priority given, dora_error *error);

#endif
