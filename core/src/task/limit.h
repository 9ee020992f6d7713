/* limit.h: what is said of a task that is past its api's own time limit. */
#ifndef DR_TASK_LIMIT_H
#define DR_TASK_LIMIT_H

#include <dora/value.h>

#include "base/limits.h"
#include "base/utf8.h"

#define DR_LIMIT_TEXT_MAX (DR_PRINTABLE_MAX(DR_API_NAME_MAX) + 96) /* for both functions */

/* dr_limit_name writes which limit it is: "time_limit of /x (2 s)". dr_limit_overran is what its
 * caller is told. `name` is what was called; what a terminal could take for more is shown as
 * dr_printable has it. Returns: the length. */
size_t dr_limit_name(dora_slice name, uint32_t own_limit_ms, char *text, size_t size);
size_t dr_limit_overran(dora_slice name, uint32_t own_limit_ms, char *text, size_t size);

#endif
