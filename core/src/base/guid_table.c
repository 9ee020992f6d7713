/* guid_table.c: things that are found by a guid. */
#include "base/guid_table.h"

#include <stdint.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

#define BUCKETS_MIN 64u

/* Guids are random: any of their bytes do. */
static dr_guid_entry **bucket_of(const dr_guid_table *table, const char *guid)
{
    uint64_t bits;
    memcpy(&bits, guid, sizeof bits);
    bits *= 0x9e3779b97f4a7c15u;
    return &table->buckets[(size_t)(bits >> 32) & (table->bucket_count - 1)];
}

static void link_entry(dr_guid_table *table, dr_guid_entry *entry)
{
    dr_guid_entry **bucket = bucket_of(table, entry->guid);
    entry->next = *bucket;
    *bucket = entry;
}

static dora_err grow(dr_guid_table *table)
{
    const dr_guid_table old = *table;
    const size_t count = old.bucket_count > 0 ? old.bucket_count * 2 : BUCKETS_MIN;
    dr_guid_entry **buckets = dr_calloc(count, sizeof(dr_guid_entry *));
    if (buckets == NULL) {
        return DORA_ENOMEM;
    }
    table->buckets = buckets;
    table->bucket_count = count;
    for (size_t i = 0; i < old.bucket_count; i++) {
        dr_guid_entry *next = NULL;
        for (dr_guid_entry *at = old.buckets[i]; at != NULL; at = next) {
            next = at->next;
            link_entry(table, at);
        }
    }
    dr_free(old.buckets);
    return DORA_OK;
}

dora_err dr_guid_table_add(dr_guid_table *table, dr_guid_entry *entry)
{
    if (table->count >= table->bucket_count && grow(table) != DORA_OK) {
        return DORA_ENOMEM;
    }
    link_entry(table, entry);
    table->count++;
    return DORA_OK;
}

void dr_guid_table_remove(dr_guid_table *table, dr_guid_entry *entry)
{
    dr_guid_entry **link = bucket_of(table, entry->guid);
    while (*link != entry) {
        link = &(*link)->next;
    }
    *link = entry->next;
    table->count--;
}

dr_guid_entry *dr_guid_table_find(const dr_guid_table *table, const char *guid)
{
    if (table->bucket_count == 0) {
        return NULL;
    }
    dr_guid_entry *at = *bucket_of(table, guid);
    while (at != NULL && memcmp(at->guid, guid, DR_GUID_LEN) != 0) {
        at = at->next;
    }
    return at;
}

void dr_guid_table_fini(dr_guid_table *table)
{
    dr_free(table->buckets);
    *table = (dr_guid_table){.buckets = NULL};
}
