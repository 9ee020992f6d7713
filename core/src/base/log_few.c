/* log_few.c: of lines that anybody can cause some are written, and how many were not. */
#include "base/log_few.h"

#include "base/limits.h"

bool dr_log_few_may(dr_log_few *few, uint64_t now_ms, uint32_t *unsaid)
{
    *unsaid = 0;
    if (now_ms >= few->since_ms + DR_LOG_FEW_MS) { /* a loop's clock may be behind another's */
        *unsaid = few->unsaid;
        *few = (dr_log_few){.since_ms = now_ms};
    }
    if (few->said >= DR_LOG_FEW_MAX) {
        few->unsaid++;
        return false;
    }
    few->said++;
    return true;
}
