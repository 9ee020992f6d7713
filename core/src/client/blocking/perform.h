/* perform.h: a blocking call. */
#ifndef DR_CLIENT_PERFORM_H
#define DR_CLIENT_PERFORM_H

#include "client/blocking/attempt.h"

/* dr_perform runs the call: at most its time, over as many tries as are right. The answer is then
 * complete. Errors: as dora_client_call. */
dora_err dr_perform(dr_attempt *a, dora_error *error);

#endif
