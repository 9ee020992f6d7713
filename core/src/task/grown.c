/* grown.c: in whose calls a worker grows, as it sees itself. */
#include "task/grown.h"

#include <malloc.h>
#include <unistd.h>

#include "base/clock.h"

#define API_BITS 16u
#define BYTES_BITS 48u

/* Of each entry the number of its api stands above what its calls have left. */
static uint64_t word_of(uint32_t api, int64_t bytes)
{
    return (uint64_t)api << BYTES_BITS | ((uint64_t)bytes & ((UINT64_C(1) << BYTES_BITS) - 1));
}

static int64_t bytes_of(uint64_t word)
{
    return (int64_t)(word << API_BITS) >> API_BITS;
}

/* malloc_bytes is what malloc has handed out and not got back. Returns: 0 where it does not say. */
static uint64_t malloc_bytes(void)
{
#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 33)
    const struct mallinfo2 info = mallinfo2();
    return (uint64_t)info.uordblks + info.hblkhd;
#endif
#endif
    return 0;
}

static uint64_t bytes_in_use(const dora_runtime *runtime)
{
    return malloc_bytes() +
           (runtime->bytes_in_use != NULL ? runtime->bytes_in_use(runtime->host) : 0);
}

dr_grown dr_grown_begin(const dora_runtime *runtime)
{
    return (dr_grown){.due_ns = runtime != NULL ? 0 : UINT64_MAX,
                      .runtime = runtime,
                      .random = (uint32_t)getpid()};
}

/* end_look is the look after a task, and says when the next one is due: they may take a small share
 * of a worker's time. Returns: the time. */
static uint64_t end_look(dr_grown *grown, dr_shared_worker *shared, uint32_t api)
{
    const uint64_t begin_ns = dr_clock_ns();
    dr_grown_note(shared, api, (int64_t)(bytes_in_use(grown->runtime) - grown->bytes));
    const uint64_t now_ns = dr_clock_ns();
    const uint64_t pause_ns = 2 * (now_ns - begin_ns) * DR_GROWN_SHARE;
    grown->is_looking = false;
    grown->due_ns =
        now_ns + (pause_ns > DR_GROWN_PAUSE_NS ? pause_ns : (uint64_t)DR_GROWN_PAUSE_NS);
    grown->random = grown->random * 1103515245u + 12345u;
    grown->left = (grown->random >> 8) % DR_GROWN_SKIPPED;
    return now_ns;
}

uint64_t dr_grown_look(dr_grown *grown, dr_shared_worker *shared, uint32_t api, uint64_t tasks,
                       uint64_t now_ns)
{
    if (grown->is_looking) {
        return end_look(grown, shared, api);
    }
    if (tasks < DR_GROWN_TASKS) {
        return now_ns;
    }
    if (grown->left > 0) {
        grown->left--;
        return now_ns;
    }
    grown->bytes = bytes_in_use(grown->runtime);
    grown->is_looking = true;
    return dr_clock_ns();
}

/* ---- its shared memory ---- */

static uint32_t looks_of(const dr_shared_worker *shared, uint32_t entry)
{
    return atomic_load_explicit(&shared->grown_looks[entry], memory_order_relaxed);
}

static uint64_t word_at(const dr_shared_worker *shared, uint32_t entry)
{
    return atomic_load_explicit(&shared->grown[entry], memory_order_relaxed);
}

/* set: an entry that is read while it changes has no looks, and so is none. */
static void set(dr_shared_worker *shared, uint32_t entry, uint64_t word, uint32_t looks)
{
    atomic_store_explicit(&shared->grown_looks[entry], 0, memory_order_relaxed);
    atomic_store_explicit(&shared->grown[entry], word, memory_order_release);
    atomic_store_explicit(&shared->grown_looks[entry], looks, memory_order_release);
}

void dr_grown_note(dr_shared_worker *shared, uint32_t api, int64_t bytes)
{
    uint32_t least = 0;
    api = api < DR_APP_APIS_MAX ? api : DR_APP_APIS_MAX;
    for (uint32_t i = 0; i < DR_GROWN_APIS; i++) {
        const uint32_t looks = looks_of(shared, i);
        const uint64_t word = word_at(shared, i);
        if (looks == 0) {
            set(shared, i, word_of(api, bytes), 1);
            return;
        }
        if (word >> BYTES_BITS == api) {
            set(shared, i, word_of(api, bytes_of(word) + bytes), looks + 1);
            return;
        }
        least = bytes_of(word) < bytes_of(word_at(shared, least)) ? i : least;
    }
    if (bytes > bytes_of(word_at(shared, least))) {
        set(shared, least, word_of(api, bytes), 1);
    }
}

bool dr_grown_read(const dr_shared_worker *shared, uint32_t entry, dr_grower *grower)
{
    const uint64_t word = atomic_load_explicit(&shared->grown[entry], memory_order_acquire);
    *grower = (dr_grower){.api = (uint32_t)(word >> BYTES_BITS),
                          .looks = looks_of(shared, entry),
                          .bytes = bytes_of(word)};
    return grower->looks > 0;
}
