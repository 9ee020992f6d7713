/* fuzz_message.c: any bytes as the body of a request and of a reply. */
#include <stdlib.h>
#include <string.h>

#include "wire/message.h"
#include "wire/message_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_right)
{
    if (!is_right) {
        abort();
    }
}

static bool is_value(dora_slice slice)
{
    dora_reader reader;
    dora_reader_init(&reader, slice);
    return dora_reader_skip(&reader, NULL) == DORA_OK && dora_reader_is_done(&reader);
}

static bool is_same(dora_slice one, dora_slice other)
{
    return one.len == other.len && (one.len == 0 || memcmp(one.data, other.data, one.len) == 0);
}

/* A request that was found says the same when it is written and read again. */
static void request_again(const dr_request *request, const dr_api *apis)
{
    static dr_api again[DR_APIS_MAX];
    dr_request found;
    dr_buf out = {0};
    check(dr_request_encode(&out, request, apis) == DORA_OK);
    check(dr_request_decode(dr_buf_slice(&out), request->guid.data, &found, again, DR_APIS_MAX,
                            NULL) == DORA_OK);
    check(found.type == request->type && found.api_count == request->api_count);
    check(found.timeout_ms == request->timeout_ms && found.attempt == request->attempt);
    check(is_same(found.trace, request->trace));
    for (size_t i = 0; i < found.api_count; i++) {
        check(is_same(again[i].key_raw, apis[i].key_raw));
        check(is_same(again[i].name, apis[i].name));
        check(is_same(again[i].param, apis[i].param));
    }
    dr_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static dr_api apis[DR_APIS_MAX];
    static dora_error error;
    dora_slice body = {(const char *)data, size};
    dr_request request;
    dr_reply_message reply;
    if (dr_request_decode(body, NULL, &request, apis, DR_APIS_MAX, &error) == DORA_OK) {
        check(request.guid.len == DR_GUID_LEN && request.type < DR_TYPE_COUNT);
        check(request.api_count >= 1 && request.api_count <= DR_APIS_MAX);
        for (size_t i = 0; i < request.api_count; i++) {
            check(apis[i].name.len >= 1 && apis[i].name.len <= DR_API_NAME_MAX);
            check(is_value(apis[i].key_raw) && is_value(apis[i].param));
        }
        request_again(&request, apis);
    } else {
        check(error.code == DORA_CODE_BAD_BODY || error.code == DORA_CODE_BAD_GUID ||
              error.code == DORA_CODE_BAD_TYPE || error.code == DORA_CODE_BAD_API);
        check(error.offset <= size);
        check(error.code == DORA_CODE_BAD_BODY || is_value(body));
    }
    if (dr_reply_decode(body, &reply, &error) == DORA_OK) {
        check(is_value(reply.data) && is_value(body));
    } else {
        check(error.offset <= size);
    }
    return 0;
}
