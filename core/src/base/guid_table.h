/* guid_table.h: things that are found by a guid. */
#ifndef DR_BASE_GUID_TABLE_H
#define DR_BASE_GUID_TABLE_H

#include <stddef.h>

#include <dora/error.h>

/* dr_guid_entry is the first member of such a thing. */
typedef struct dr_guid_entry {
    struct dr_guid_entry *next; /* in its bucket */
    const char *guid;           /* DR_GUID_LEN bytes, the same as long as it is in a table */
} dr_guid_entry;

/* dr_guid_table is a table of them; zeroed memory is empty. */
typedef struct dr_guid_table {
    dr_guid_entry **buckets;
    size_t bucket_count; /* 0 or a power of two */
    size_t count;
} dr_guid_table;

/* dr_guid_table_add takes one in; a guid may stand twice. Errors: DORA_ENOMEM.
 * dr_guid_table_remove takes one out that is in it. dr_guid_table_find gives the one of a guid
 * (DR_GUID_LEN bytes), NULL where there is none. Ownership: borrows entries until they are out. */
dora_err dr_guid_table_add(dr_guid_table *table, dr_guid_entry *entry);
void dr_guid_table_remove(dr_guid_table *table, dr_guid_entry *entry);
dr_guid_entry *dr_guid_table_find(const dr_guid_table *table, const char *guid);

/* dr_guid_table_fini frees the table, but nothing that is in it. */
void dr_guid_table_fini(dr_guid_table *table);

#endif
