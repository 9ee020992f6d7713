/* chain.h: lists whose links stand in what they list, by numbers. */
#ifndef DR_TASK_CHAIN_H
#define DR_TASK_CHAIN_H

#include <stdint.h>

#define DR_NONE UINT32_MAX

/* dr_chain is a list of record or slot numbers, linked through `next` and `prev`. */
typedef struct dr_chain {
    uint32_t first;
    uint32_t last;
} dr_chain;

#endif
