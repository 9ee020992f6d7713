/* observe.c: what is counted of every api, lane by lane. */
#include "server/call/observe.h"

#include <stdlib.h>
#include <string.h>

static uint32_t head_of(uint32_t pool, const char *name)
{
    uint32_t hash = 2166136261u ^ pool;
    for (size_t i = 0; name[i] != '\0'; i++) {
        hash = (hash ^ (unsigned char)name[i]) * 16777619u;
    }
    return (hash ^ (hash >> 16)) % DR_ROW_HEADS;
}

/* row_of finds the row of an api, or makes it. Returns: NULL when out of memory. */
static dr_row *row_of(dr_rows *rows, uint32_t pool, const char *name)
{
    dr_row **head = &rows->heads[head_of(pool, name)];
    for (dr_row *row = *head; row != NULL; row = row->chain) {
        if (row->pool == pool && strcmp(row->name, name) == 0) {
            return row;
        }
    }
    dr_row *row = calloc(1, sizeof(*row));
    const size_t bytes = rows->lane_count * sizeof(*row->lanes);
    if (row == NULL) {
        return NULL;
    }
    row->name = strdup(name);
    row->lanes = aligned_alloc(alignof(dr_row_lane), bytes);
    if (row->name == NULL || row->lanes == NULL) {
        free(row->name);
        free(row->lanes);
        free(row);
        return NULL;
    }
    memset(row->lanes, 0, bytes);
    row->pool = pool;
    row->number = rows->count++;
    row->chain = *head;
    *head = row;
    if (rows->last == NULL) {
        rows->first = row;
    } else {
        rows->last->next = row;
    }
    rows->last = row;
    return row;
}

dora_err dr_rows_init(dr_rows *rows, uint32_t lane_count)
{
    memset(rows, 0, sizeof(*rows));
    rows->lane_count = lane_count;
    rows->nobody = row_of(rows, DR_NONE, "");
    return rows->nobody != NULL ? DORA_OK : DORA_ENOMEM;
}

static void free_series(dr_series *series)
{
    while (series != NULL) {
        dr_series *next = atomic_load(&series->next);
        free(series);
        series = next;
    }
}

void dr_rows_fini(dr_rows *rows)
{
    dr_row *row = rows->first;
    while (row != NULL) {
        dr_row *next = row->next;
        for (uint32_t i = 0; i < rows->lane_count; i++) {
            free_series(atomic_load(&row->lanes[i].first));
        }
        free(row->lanes);
        free(row->name);
        free(row);
        row = next;
    }
    memset(rows, 0, sizeof(*rows));
}

dora_err dr_rows_fill(dr_rows *rows, dr_routes *routes, dora_error *error)
{
    for (uint32_t pool = 0; pool < routes->pool_count; pool++) {
        const dr_names *names = &routes->applications[pool];
        for (uint32_t api = 0; api <= names->count; api++) {
            dr_row *row = row_of(rows, pool, api < names->count ? names->items[api] : "");
            if (row == NULL) {
                return dora_error_set(error, DORA_ENOMEM, "out of memory");
            }
            routes->rows[routes->first_rows[pool] + api] = row;
        }
    }
    return DORA_OK;
}

/* counter_of finds the counter of a type and code. One that is new gets it appended, so that the
 * usual ones, which come first, are found first. */
static dr_count *counter_of(dr_row_lane *lane, dr_call_type type, int64_t code)
{
    dr_series *_Atomic *at = &lane->first;
    dr_series *series;
    while ((series = atomic_load_explicit(at, memory_order_relaxed)) != NULL) {
        if (series->code == code && series->type == type) {
            return &series->count;
        }
        at = &series->next;
    }
    series = lane->series < DR_SERIES_MAX ? calloc(1, sizeof(*series)) : NULL;
    if (series == NULL) {
        return &lane->others[type];
    }
    lane->series++;
    series->type = type;
    series->code = code;
    atomic_store_explicit(at, series, memory_order_release);
    return &series->count;
}

void dr_row_end(dr_row *row, uint32_t lane, dr_call_type type, int64_t code)
{
    dr_count_one(counter_of(&row->lanes[lane], type, code));
}
