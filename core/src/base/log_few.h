/* log_few.h: of lines that anybody can cause some are written, and how many were not. Pure. */
#ifndef DR_BASE_LOG_FEW_H
#define DR_BASE_LOG_FEW_H

#include <stdbool.h>
#include <stdint.h>

/* dr_log_few counts what was written of one kind. All zero is a good beginning. Thread: whoever has
 * it guards it. */
typedef struct dr_log_few {
    uint64_t since_ms;
    uint32_t said;
    uint32_t unsaid;
} dr_log_few;

/* dr_log_few_may says whether a line may be written now: DR_LOG_FEW_MAX in each DR_LOG_FEW_MS.
 * `*unsaid` is how many were not of the time before; of those a line is to tell first, where it is
 * not 0. */
bool dr_log_few_may(dr_log_few *few, uint64_t now_ms, uint32_t *unsaid);

#endif
