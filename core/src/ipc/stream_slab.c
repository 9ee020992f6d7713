/* stream_slab.c: blocks of streams side by side in areas of a slab. */
#include "ipc/stream_slab.h"

#include <stdlib.h>
#include <string.h>

#define AREA_BYTES (DR_STREAM_BLOCKS * DR_STREAM_BLOCK)

dora_err dr_stream_slab_init(dr_stream_slab *self, dr_slab *slab, uint64_t bytes)
{
    memset(self, 0, sizeof(*self));
    self->slab = slab;
    self->areas = (uint32_t)(bytes / AREA_BYTES);
    self->most = bytes / 2;
    self->used = calloc((size_t)self->areas + 1, sizeof(*self->used));
    return self->used != NULL ? DORA_OK : DORA_ENOMEM;
}

void dr_stream_slab_fini(dr_stream_slab *self)
{
    free(self->used);
    memset(self, 0, sizeof(*self));
}

/* area_of finds an area of streams with room, the first: the last ones get empty. Returns:
 * self->areas where there is none. */
static uint32_t area_of(const dr_stream_slab *self)
{
    uint32_t area = 0;
    while (area < self->areas && (self->used[area] == 0 || self->used[area] == UINT64_MAX)) {
        area++;
    }
    return area;
}

/* more makes an area one of streams. Returns: self->areas where that cannot be. */
static uint32_t more(dr_stream_slab *self)
{
    uint64_t offset;
    uint32_t capacity;
    if (self->bytes + AREA_BYTES > self->most) {
        return self->areas;
    }
    if (self->skips > 0) {
        self->skips--;
        return self->areas;
    }
    if (dr_slab_alloc(self->slab, AREA_BYTES, &offset, &capacity) != DORA_OK) {
        self->skips = DR_STREAM_SKIPS;
        return self->areas;
    }
    self->bytes += AREA_BYTES;
    return (uint32_t)(offset / AREA_BYTES); /* blocks stand at multiples of their size */
}

bool dr_stream_slab_is_full(const dr_stream_slab *self, uint64_t bytes)
{
    const uint64_t capacity = dr_slab_capacity(bytes);
    return self->bytes > 0 && self->bytes + capacity > self->most &&
           (capacity != DR_STREAM_BLOCK || area_of(self) == self->areas);
}

static dora_err alloc_alone(dr_stream_slab *self, uint64_t bytes, uint64_t *offset,
                            uint32_t *capacity)
{
    const dora_err err = dr_slab_alloc(self->slab, bytes, offset, capacity);
    if (err == DORA_OK) {
        self->bytes += *capacity;
    }
    return err;
}

dora_err dr_stream_slab_alloc(dr_stream_slab *self, uint64_t bytes, uint64_t *offset,
                              uint32_t *capacity)
{
    uint32_t area = self->areas;
    if (dr_slab_capacity(bytes) == DR_STREAM_BLOCK) {
        area = area_of(self);
        area = area < self->areas ? area : more(self);
    }
    if (area == self->areas) {
        return alloc_alone(self, bytes, offset, capacity);
    }
    const uint32_t block = (uint32_t)__builtin_ctzll(~self->used[area]);
    self->used[area] |= UINT64_C(1) << block;
    *offset = (uint64_t)area * AREA_BYTES + (uint64_t)block * DR_STREAM_BLOCK;
    *capacity = DR_STREAM_BLOCK;
    return DORA_OK;
}

void dr_stream_slab_free(dr_stream_slab *self, uint64_t offset, uint32_t capacity)
{
    const uint32_t area = (uint32_t)(offset / AREA_BYTES);
    if (area >= self->areas || self->used[area] == 0) {
        self->bytes -= capacity;
        dr_slab_free(self->slab, offset, capacity);
        return;
    }
    self->used[area] &= ~(UINT64_C(1) << (offset % AREA_BYTES / DR_STREAM_BLOCK));
    if (self->used[area] == 0) {
        self->bytes -= AREA_BYTES;
        dr_slab_free(self->slab, (uint64_t)area * AREA_BYTES, AREA_BYTES);
    }
}
