/* slots.c: numbers for things: each is used once, and found by an index. Pure. */
#include "client/mux/slots.h"

#include "base/mem.h"

#define ROOM_MIN 16u

static dora_err grow(dr_slots *slots)
{
    uint32_t room = slots->room > 0 ? slots->room * 2 : ROOM_MIN;
    dr_slots_entry *items = dr_realloc(slots->items, room * sizeof *items);
    if (items == NULL) {
        return DORA_ENOMEM;
    }
    slots->items = items;
    slots->room = room;
    return DORA_OK;
}

dora_err dr_slots_add(dr_slots *slots, void *item, uint64_t *id)
{
    uint32_t index = slots->first_free;
    if (index > 0) {
        index--;
        slots->first_free = slots->items[index].next_free;
    } else {
        if (slots->count == slots->room && grow(slots) != DORA_OK) {
            return DORA_ENOMEM;
        }
        index = slots->count++;
        slots->items[index].generation = 0;
    }
    dr_slots_entry *slot = &slots->items[index];
    slot->item = item;
    slot->generation += slot->generation < UINT32_MAX ? 1 : 2;
    *id = (uint64_t)slot->generation << 32 | index;
    return DORA_OK;
}

void *dr_slots_get(const dr_slots *slots, uint64_t id)
{
    uint32_t index = (uint32_t)id;
    if (index >= slots->count || slots->items[index].generation != id >> 32) {
        return NULL;
    }
    return slots->items[index].item;
}

void dr_slots_remove(dr_slots *slots, uint64_t id)
{
    uint32_t index = (uint32_t)id;
    slots->items[index].item = NULL;
    slots->items[index].next_free = slots->first_free;
    slots->first_free = index + 1;
}

void dr_slots_fini(dr_slots *slots)
{
    dr_free(slots->items);
    *slots = (dr_slots){.items = NULL};
}
