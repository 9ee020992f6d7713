/* retry_after.c: what the data of a refusal says: when it is worth to ask again. */
#include "wire/retry_after.h"

#include <string.h>

#include "base/limits.h"
#include "wire/message_write.h"

static const char name[] = "retry_after_ms";

dora_err dr_retry_after_put(dr_buf *out, uint32_t ms)
{
    dora_err err = dr_put_array(out, ms != 0 ? 1 : 0);
    if (err == DORA_OK && ms != 0) {
        err = dr_put_string(out, (dora_slice){name, sizeof(name) - 1});
        err = err == DORA_OK ? dr_put_int(out, ms) : err;
    }
    return err == DORA_OK ? dr_put_end(out) : err;
}

static bool is_name(const dora_value *key)
{
    return key->type == DORA_STRING && key->string.len == sizeof(name) - 1 &&
           memcmp(key->string.data, name, sizeof(name) - 1) == 0;
}

uint32_t dr_retry_after_of(dora_slice data)
{
    dora_reader reader;
    dora_value value;
    dora_value key;
    dora_reader_init(&reader, data);
    if (data.len == 0 || dora_reader_value(&reader, &value) != DORA_OK ||
        value.type != DORA_ARRAY) {
        return 0;
    }
    for (size_t left = value.count; left > 0; left--) {
        if (dora_reader_key(&reader, &key) != DORA_OK) {
            return 0;
        }
        if (!is_name(&key)) {
            if (dora_reader_skip(&reader, NULL) != DORA_OK) {
                return 0;
            }
            continue;
        }
        if (dora_reader_value(&reader, &value) != DORA_OK || value.type != DORA_INT ||
            value.integer < 1) {
            return 0;
        }
        return value.integer < DR_RETRY_AFTER_MS_MAX ? (uint32_t)value.integer
                                                     : DR_RETRY_AFTER_MS_MAX;
    }
    return 0;
}
