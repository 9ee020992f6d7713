/* memory.c: freed memory is kept while requests come, and given back when none do.
 *
 * By itself the allocator gives a large buffer back to the kernel when it is freed. The next frame
 * of that size then meets a page fault for every 4 KiB: a quarter of the master's time. */
#include "server/master/memory.h"

#include <malloc.h>

#include "base/limits.h"
#include "server/master/master.h"
#include "server/ops/stat.h"

void dr_memory_keep(void)
{
#ifdef __GLIBC__
    /* One arena for all threads: of the others malloc_trim leaves what is free at the end, which
     * after large frames is most. The threads have their own caches for what is small. */
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_MMAP_THRESHOLD, DR_MEMORY_KEPT_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, DR_MEMORY_KEPT_BYTES);
#endif
}

void dr_memory_look(dr_server *server)
{
    dr_memory *memory = &server->memory;
    dr_totals totals;
    dr_stat_totals(&server->backend, &totals);
    const uint64_t seen = totals.requests + totals.handled; /* handled: what came by HTTP, too */
    if (seen != memory->seen) {
        memory->seen = seen;
        memory->quiet_looks = 0;
        return;
    }
    memory->quiet_looks++;
#ifdef __GLIBC__
    if (memory->quiet_looks == DR_MEMORY_QUIET_LOOKS) {
        (void)malloc_trim(0);
    }
#endif
}
