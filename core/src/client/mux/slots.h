/* slots.h: numbers for things: each is used once, and found by an index. */
#ifndef DR_CLIENT_SLOTS_H
#define DR_CLIENT_SLOTS_H

#include <dora/error.h>

typedef struct dr_slots_entry {
    void *item;          /* NULL: free */
    uint32_t generation; /* the high half of its number, never 0 */
    uint32_t next_free;
} dr_slots_entry;

/* dr_slots is a table; zeroed memory is an empty one. */
typedef struct dr_slots {
    dr_slots_entry *items;
    uint32_t count; /* of items, free ones too */
    uint32_t room;
    uint32_t first_free; /* plus 1; 0: none */
} dr_slots;

/* dr_slots_add gives `item` a number whose low 32 bits are a small index. Errors: DORA_ENOMEM. */
dora_err dr_slots_add(dr_slots *slots, void *item, uint64_t *id);

/* dr_slots_get gives what has this number, NULL where it has been removed. */
void *dr_slots_get(const dr_slots *slots, uint64_t id);
void dr_slots_remove(dr_slots *slots, uint64_t id);

/* dr_slots_fini frees the table, not the items. */
void dr_slots_fini(dr_slots *slots);

#endif
