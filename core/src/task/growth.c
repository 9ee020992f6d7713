/* growth.c: whether a worker has grown: what it alone holds, as the kernel counts it. */
#include "task/growth.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/limits.h"

/* A look costs 0.1 to 0.4 ms, which would be 0.1 us of each task where it came each life: one comes
 * after as many tasks again, since what leaks slowly has then leaked twice as much, and no more. */
#define PAUSE_MAX (UINT64_C(4) * DR_LIFE_TASKS)

/* private_bytes is the memory that no other process shares: neither what a worker has of its zygote
 * and not written to, nor the region. Returns: 0 where that cannot be read. */
static uint64_t private_bytes(void)
{
    char line[128];
    uint64_t kb = 0;
    FILE *file = fopen("/proc/self/smaps_rollup", "re");
    if (file == NULL) {
        return 0;
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        uint64_t part = 0;
        if (sscanf(line, "Private_%*[a-zA-Z]: %" SCNu64, &part) == 1 ||
            sscanf(line, "Swap: %" SCNu64, &part) == 1) {
            kb += part;
        }
    }
    fclose(file);
    return kb * 1024;
}

/* open_files: UINT32_MAX where they cannot be counted. */
static uint32_t open_files(void)
{
    uint32_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) {
        return UINT32_MAX;
    }
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

dr_growth dr_growth_begin(void)
{
    return (dr_growth){.look_at = DR_YOUNG_TASKS};
}

bool dr_growth_look(dr_growth *growth)
{
    const bool is_young = growth->look_at == DR_YOUNG_TASKS;
    const uint64_t bytes = private_bytes();
    const uint32_t files = open_files();
    const uint64_t pause = growth->look_at < PAUSE_MAX ? growth->look_at : PAUSE_MAX;
    growth->look_at = is_young ? DR_LIFE_TASKS : growth->look_at + pause;
    if (is_young) {
        growth->bytes = bytes;
        growth->files = files;
    }
    return bytes == 0 || growth->bytes == 0 || files == UINT32_MAX ||
           bytes > growth->bytes + DR_GROWN_BYTES || files > growth->files + DR_GROWN_FILES;
}
