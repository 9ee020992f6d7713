/* slab.c: a buddy allocator whose books are kept outside the memory it hands out. */
#include "ipc/slab.h"

#include <stdlib.h>
#include <string.h>

static uint32_t order_of(uint64_t bytes)
{
    uint32_t order = 0;
    uint64_t size = DR_BLOCK_BYTES_MIN;
    while (size < bytes) {
        size <<= 1;
        order++;
    }
    return order;
}

static void push(dr_slab *slab, uint32_t unit, uint32_t order)
{
    slab->order[unit] = (uint8_t)(order + 1);
    slab->next[unit] = slab->free_head[order];
    slab->free_head[order] = unit + 1;
}

static uint32_t pop(dr_slab *slab, uint32_t order)
{
    const uint32_t unit = slab->free_head[order] - 1;
    slab->free_head[order] = slab->next[unit];
    slab->order[unit] = 0;
    return unit;
}

/* fill puts [unit, end) on the lists in the largest aligned blocks. */
static void fill(dr_slab *slab, uint32_t unit, uint32_t end)
{
    while (unit < end) {
        uint32_t order = 0;
        while (order + 1 < DR_SLAB_ORDERS && (unit & ((2u << order) - 1)) == 0 &&
               end - unit >= (2u << order)) {
            order++;
        }
        push(slab, unit, order);
        unit += 1u << order;
    }
}

dora_err dr_slab_init(dr_slab *slab, uint64_t bytes)
{
    memset(slab, 0, sizeof(*slab));
    const uint64_t units = bytes / DR_BLOCK_BYTES_MIN;
    if (units == 0 || units > (1u << (DR_SLAB_ORDERS - 1))) {
        return DORA_EINVAL;
    }
    slab->units = (uint32_t)units;
    slab->next = calloc(units, sizeof(*slab->next));
    slab->order = calloc(units, sizeof(*slab->order));
    if (slab->next == NULL || slab->order == NULL) {
        dr_slab_fini(slab);
        return DORA_ENOMEM;
    }
    fill(slab, 0, slab->units);
    return DORA_OK;
}

void dr_slab_fini(dr_slab *slab)
{
    free(slab->next);
    free(slab->order);
    memset(slab, 0, sizeof(*slab));
}

/* merge rebuilds all lists from runs of neighbouring free blocks. */
static void merge(dr_slab *slab)
{
    memset(slab->free_head, 0, sizeof(slab->free_head));
    uint32_t run = 0;
    uint32_t unit = 0;
    while (unit < slab->units) {
        if (slab->order[unit] == 0) {
            fill(slab, run, unit);
            run = ++unit;
            continue;
        }
        const uint32_t len = 1u << (slab->order[unit] - 1);
        slab->order[unit] = 0;
        unit += len;
        if (unit >= slab->units) {
            break;
        }
    }
    fill(slab, run, slab->units);
}

static bool take(dr_slab *slab, uint32_t want, uint32_t *unit)
{
    uint32_t order = want;
    while (order < DR_SLAB_ORDERS && slab->free_head[order] == 0) {
        order++;
    }
    if (order == DR_SLAB_ORDERS) {
        return false;
    }
    *unit = pop(slab, order);
    while (order > want) {
        order--;
        push(slab, *unit + (1u << order), order);
    }
    return true;
}

uint64_t dr_slab_capacity(uint64_t bytes)
{
    return (uint64_t)DR_BLOCK_BYTES_MIN << order_of(bytes);
}

dora_err dr_slab_alloc(dr_slab *slab, uint64_t bytes, uint64_t *offset, uint32_t *capacity)
{
    const uint32_t want = order_of(bytes);
    uint32_t unit = 0;
    if (want >= DR_SLAB_ORDERS) {
        return DORA_EFULL;
    }
    if (!take(slab, want, &unit)) {
        if (slab->is_merged) {
            return DORA_EFULL; /* nothing was freed since: a flood is refused quickly */
        }
        merge(slab);
        slab->is_merged = true;
        if (!take(slab, want, &unit)) {
            return DORA_EFULL;
        }
    }
    *offset = (uint64_t)unit * DR_BLOCK_BYTES_MIN;
    *capacity = DR_BLOCK_BYTES_MIN << want;
    return DORA_OK;
}

void dr_slab_free(dr_slab *slab, uint64_t offset, uint32_t capacity)
{
    push(slab, (uint32_t)(offset / DR_BLOCK_BYTES_MIN), order_of(capacity));
    slab->is_merged = false;
}
