/* code.h: what reply codes mean beside "not run" (dora_code_is_not_run). Pure. Source: PROTOCOL.md,
 * "Reply codes". */
#ifndef DR_BASE_CODE_H
#define DR_BASE_CODE_H

#include <dora/error.h>

/* dr_code_closes says whether a server closes the connection behind a reply of this code. */
bool dr_code_closes(int64_t code);

/* dr_code_status gives the status that it has over HTTP; 500 for codes that are not Dora's. */
unsigned dr_code_status(int64_t code);

#endif
