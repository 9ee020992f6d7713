/* reply_ring.c: a ring of bytes for the bodies of kept replies. */
#include "server/dedupe/reply_ring.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void dr_reply_ring_init(dr_reply_ring *log, uint32_t size)
{
    memset(log, 0, sizeof(*log));
    log->size = size;
    log->clean = size;
}

void dr_reply_ring_fini(dr_reply_ring *log)
{
    if (log->bytes != NULL) {
        (void)munmap(log->bytes, log->size);
    }
    dr_reply_ring_init(log, log->size);
}

dora_err dr_reply_ring_open(dr_reply_ring *log)
{
    if (log->bytes == NULL) {
        void *bytes = mmap(NULL, log->size, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (bytes == MAP_FAILED) {
            return DORA_ENOMEM;
        }
        log->bytes = bytes;
    }
    return DORA_OK;
}

/* left_out is the rest of the ring, where a body is larger than that. */
static uint32_t left_out(const dr_reply_ring *log, size_t len)
{
    const uint32_t rest = log->size - log->head;
    return rest < len ? rest : 0;
}

bool dr_reply_ring_has_room(const dr_reply_ring *log, size_t len)
{
    return (uint64_t)log->used + left_out(log, len) + len <= log->size;
}

uint32_t dr_reply_ring_add(dr_reply_ring *log, dora_slice body)
{
    const uint32_t out = left_out(log, body.len);
    /* One of no length may stand behind a whole ring: at its end then, not at its beginning. */
    const bool is_around = out > 0 || (log->head == log->size && body.len > 0);
    const uint32_t at = is_around ? 0 : log->head;
    const uint32_t taken = out + (uint32_t)body.len;
    if (body.len > 0) {
        memcpy(log->bytes + at, body.data, body.len);
    }
    log->head = at + (uint32_t)body.len;
    log->used += taken;
    log->clean -= taken < log->clean ? taken : log->clean;
    return at;
}

void dr_reply_ring_cut(dr_reply_ring *log, uint32_t next)
{
    log->used -= next >= log->tail ? next - log->tail : log->size - log->tail + next;
    log->tail = next;
}

void dr_reply_ring_clear(dr_reply_ring *log)
{
    /* From the beginning again: few replies stay on few pages. */
    log->head = log->tail = log->used = 0;
    log->clean = 0;
}

bool dr_reply_ring_trim(dr_reply_ring *log, size_t most)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t dirty = (size_t)log->size - log->used - log->clean;
    size_t from = (size_t)log->head + log->clean;
    from = from >= log->size ? from - log->size : from;
    const size_t begin = (from + page - 1) / page * page;
    size_t end = dirty < log->size - from ? from + dirty : log->size;
    end = end > begin + most ? begin + most : end;
    end = end == log->size ? end : end / page * page; /* its last page ends with the ring */
    if (end < log->size && end <= begin) {
        return false; /* bodies stand on the same page */
    }
    if (end > begin) {
        (void)madvise(log->bytes + begin, end - begin, MADV_DONTNEED);
    }
    log->clean += (uint32_t)(end - from);
    return dirty > end - from;
}
