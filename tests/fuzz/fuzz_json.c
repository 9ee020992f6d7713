/* fuzz_json.c: any bytes as a request in JSON, and as a reply that has to become JSON. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "wire/json_message.h"
#include "wire/json_reply.h"
#include "wire/json_request.h"
#include "wire/json_value.h"
#include "wire/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_right)
{
    if (!is_right) {
        abort();
    }
}

/* What was read is one sound value, and comes back as JSON that means the same. */
static void there_and_back(dora_slice inner)
{
    dr_buf text = {0};
    dr_buf again = {0};
    check(dr_json_print(inner, 0, &text, NULL) == DORA_OK);
    check(dr_json_request(dr_buf_slice(&text), SIZE_MAX / 2, &again, NULL) == DORA_OK);
    check(again.len == inner.len && memcmp(again.data, inner.data, inner.len) == 0);
    dr_buf_fini(&text);
    dr_buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static dora_error error;
    const dora_slice bytes = {(const char *)data, size};
    json_t *json = NULL;
    dr_buf out = {0};
    if (dr_json_request(bytes, 1u << 24, &out, &error) == DORA_OK) {
        there_and_back(dr_buf_slice(&out));
    } else {
        check(error.code == DORA_CODE_BAD_BODY || error.code == DORA_CODE_TOO_BIG);
        check(out.len == 0 && error.msg[0] != '\0');
    }
    dr_buf_clear(&out);
    if (dr_json_reply(bytes, (dora_slice){NULL, 0}, 1u << 24, &out) == DORA_OK) {
        /* What is written is read; but keys with a NUL want a noncharacter that nobody uses. */
        if (dr_json_load(dr_buf_slice(&out), &json, &error) == DORA_OK) {
            check(json_is_object(json));
            json_decref(json);
        } else {
            check(memmem(out.data, out.len, "\\u0000", 6) != NULL);
            check(memmem(out.data, out.len, "\xef\xb7\xaf", 3) != NULL);
        }
    } else {
        check(out.len == 0);
    }
    dr_buf_fini(&out);
    return 0;
}
