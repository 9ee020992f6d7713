/* region.c: making, sealing and mapping the memory that a pool's processes share. */
#include "ipc/region.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_BYTES 4096u

static uint64_t round_up(uint64_t n, uint64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* lay_out walks the parts in their order; with `base` NULL it only counts. Returns the total. */
static uint64_t lay_out(dr_region *region, const dr_region_shape *shape, char *base)
{
    uint64_t at = round_up(sizeof(dr_region_shape), 64);
    const uint64_t board = at;
    at += sizeof(dr_status_page);
    const uint64_t reactors = at;
    at += (uint64_t)shape->reactors * sizeof(dr_shared_reactor);
    const uint64_t workers = at;
    at += (uint64_t)shape->workers * sizeof(dr_shared_worker);
    const uint64_t inboxes = at;
    at += (uint64_t)shape->workers * shape->ring_entries * sizeof(uint64_t);
    const uint64_t outboxes = at;
    at += (uint64_t)shape->workers * shape->reactors * dr_outbox_bytes(shape);
    const uint64_t tasks = at;
    at += (uint64_t)shape->tasks * sizeof(dr_shared_task);
    at = round_up(at, PAGE_BYTES);
    const uint64_t stacks = at;
    at += (uint64_t)shape->workers * sizeof(dr_shared_stack);
    at = round_up(at, PAGE_BYTES);
    const uint64_t big = at;
    at += (uint64_t)shape->workers * shape->big_bytes;
    at = round_up(at, PAGE_BYTES);
    const uint64_t slab = at;
    at += shape->slab_bytes;
    if (base != NULL) {
        region->status_page = (dr_status_page *)(void *)(base + board);
        region->reactors = (dr_shared_reactor *)(void *)(base + reactors);
        region->workers = (dr_shared_worker *)(void *)(base + workers);
        region->inboxes = (uint64_t *)(void *)(base + inboxes);
        region->outboxes = base + outboxes;
        region->tasks = (dr_shared_task *)(void *)(base + tasks);
        region->stacks = (dr_shared_stack *)(void *)(base + stacks);
        region->big = base + big;
        region->slab = base + slab;
    }
    return round_up(at, PAGE_BYTES);
}

void dr_region_shape_set(dr_region_shape *shape)
{
    shape->magic = DR_REGION_MAGIC;
    shape->layout = DR_REGION_LAYOUT;
    shape->total_bytes = lay_out(NULL, shape, NULL);
}

static dora_err map(dr_region *region, const dr_region_shape *shape, dora_error *error)
{
    region->base =
        mmap(NULL, shape->total_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, region->fd, 0);
    if (region->base == MAP_FAILED) {
        region->base = NULL;
        return dora_error_set(error, DORA_ENOMEM, "cannot map %llu bytes of shared memory: %s",
                              (unsigned long long)shape->total_bytes, strerror(errno));
    }
    region->shape = *shape;
    (void)lay_out(region, shape, region->base);
    return DORA_OK;
}

dora_err dr_region_create(dr_region *region, const dr_region_shape *shape, dora_error *error)
{
    memset(region, 0, sizeof(*region));
    region->fd = memfd_create("dora-region", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (region->fd < 0) {
        return dora_error_set(error, DORA_EIO, "cannot create shared memory: %s", strerror(errno));
    }
    if (ftruncate(region->fd, (off_t)shape->total_bytes) != 0 ||
        fcntl(region->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        dora_error_set(error, DORA_EIO, "cannot size shared memory to %llu bytes: %s",
                       (unsigned long long)shape->total_bytes, strerror(errno));
        dr_region_close(region);
        return DORA_EIO;
    }
    if (map(region, shape, error) != DORA_OK) {
        dr_region_close(region);
        return DORA_ENOMEM;
    }
    memcpy(region->base, shape, sizeof(*shape));
    return DORA_OK;
}

dora_err dr_region_open(dr_region *region, int fd, const dr_region_shape *shape, dora_error *error)
{
    memset(region, 0, sizeof(*region));
    region->fd = fd;
    struct stat st;
    if (shape->magic != DR_REGION_MAGIC || shape->layout != DR_REGION_LAYOUT ||
        fstat(fd, &st) != 0 || (uint64_t)st.st_size != shape->total_bytes ||
        shape->total_bytes != lay_out(NULL, shape, NULL)) {
        dr_region_close(region);
        return dora_error_set(error, DORA_EVERSION,
                              "the server's shared memory has layout %u, this build has layout %u",
                              shape->layout, DR_REGION_LAYOUT);
    }
    if (map(region, shape, error) != DORA_OK) {
        dr_region_close(region);
        return DORA_ENOMEM;
    }
    if (!dr_region_is_intact(region)) {
        dr_region_close(region);
        return dora_error_set(error, DORA_EVERSION, "the shared memory's header differs");
    }
    return DORA_OK;
}

void dr_region_close(dr_region *region)
{
    if (region->base != NULL) {
        munmap(region->base, region->shape.total_bytes);
    }
    if (region->fd > 0) {
        close(region->fd);
    }
    memset(region, 0, sizeof(*region));
    region->fd = -1;
}

bool dr_region_is_intact(const dr_region *region)
{
    return memcmp(region->base, &region->shape, sizeof(region->shape)) == 0;
}

dora_err dr_region_replace(dr_region *region, dr_region *other, dora_error *error)
{
    const size_t bytes = region->shape.total_bytes;
    if (mremap(other->base, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, region->base) ==
        MAP_FAILED) {
        dora_error_set(error, DORA_ENOMEM, "cannot map %llu bytes of shared memory: %s",
                       (unsigned long long)bytes, strerror(errno));
        dr_region_close(other);
        return DORA_ENOMEM;
    }
    close(region->fd);
    region->fd = other->fd;
    return DORA_OK;
}
