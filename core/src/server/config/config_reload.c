/* config_reload.c: the keys of `reload`: new generations that are watched before they take over. */
#include "server/config/config_reload.h"

#include <inttypes.h>

#include "base/limits.h"

#define CONFIG(member) offsetof(dr_config, member)

static dora_err take_ratio(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    const double value = json_is_number(json) ? json_number_value(json) : 0;
    if (value < key->min || value > key->max) {
        dr_reading_problem(r,
                           "must be a number from %" PRIu32 " to %" PRIu32
                           ": more than so many times the old generation's is worse",
                           key->min, key->max);
        return DORA_OK;
    }
    *(double *)(void *)((char *)object + key->at) = value;
    return DORA_OK;
}

const dr_key dr_config_reload_keys[] = {
    {.name = "canary_percent",
     .take = dr_take_uint,
     .at = CONFIG(reload.canary_percent),
     .max = DR_CANARY_PERCENT_MAX},
    {.name = "watch_s", .take = dr_take_uint, .at = CONFIG(reload.watch_s), .min = 1, .max = 86400},
    {.name = "max_error_ratio",
     .take = take_ratio,
     .at = CONFIG(reload.max_error_ratio),
     .min = 1,
     .max = 1000},
    {.name = "max_time_ratio",
     .take = take_ratio,
     .at = CONFIG(reload.max_time_ratio),
     .min = 1,
     .max = 1000},
    {.name = "enough_calls",
     .take = dr_take_uint,
     .at = CONFIG(reload.enough_calls),
     .max = 1000000000},
    {.name = NULL},
};
