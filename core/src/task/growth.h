/* growth.h: whether a worker has grown: whether it alone holds more, in memory and descriptors,
 * than when it was young. What has not grown need not be replaced. */
#ifndef DR_TASK_GROWTH_H
#define DR_TASK_GROWTH_H

#include <stdbool.h>
#include <stdint.h>

/* dr_growth: `look_at` is after how many tasks it is looked at again; 0: never. */
typedef struct dr_growth {
    uint64_t look_at;
    uint64_t bytes; /* when it was young: 0 where that is not known */
    uint32_t files;
} dr_growth;

/* dr_growth_begin is for a worker that has done nothing yet. */
dr_growth dr_growth_begin(void);

/* dr_growth_look looks at this process, and says when to look again: first after DR_YOUNG_TASKS,
 * then after DR_LIFE_TASKS and as many again, at most four lives. Returns: whether it has grown, or
 * cannot be seen. */
bool dr_growth_look(dr_growth *growth);

#endif
