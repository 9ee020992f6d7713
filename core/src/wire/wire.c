/* wire.c: the public doors of <dora/wire.h> onto frame.c and message.c. */
#include <dora/wire.h>

#include <string.h>

#include "base/mem.h"
#include "base/sized.h"
#include "wire/frame.h"
#include "wire/message.h"

static dora_err take(const dora_frame_options **options, dora_frame_options *room,
                     dora_error *error)
{
    static const dr_sized type = DR_SIZED(dora_frame_options, bytes_max);
    const void *taken = *options;
    const dora_err err = dr_sized_take(&type, &taken, room, error);
    *options = taken;
    return err;
}

dora_err dora_frame_pack(const dora_frame_options *options, const char guid[32], dora_slice body,
                         char **frame, size_t *frame_len)
{
    dr_buf out;
    size_t mark = 0;
    dora_frame_options room;
    *frame = NULL;
    *frame_len = 0;
    dora_err err = take(&options, &room, NULL);
    if (err != DORA_OK) {
        return err;
    }
    dr_buf_init(&out);
    err = dr_frame_begin(&out, options, guid, &mark);
    if (err == DORA_OK) {
        err = dr_buf_append_slice(&out, body);
    }
    if (err == DORA_OK) {
        err = dr_frame_end(&out, options, mark, NULL);
    }
    if (err != DORA_OK) {
        dr_buf_fini(&out);
        return err;
    }
    *frame = out.data;
    *frame_len = out.len;
    return DORA_OK;
}

static dora_err check_request(dora_slice body, const char *guid, dora_error *error)
{
    dr_request request;
    dr_api *apis = dr_alloc(DR_APIS_MAX * sizeof(*apis));
    if (apis == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
    }
    dora_err err = dr_request_decode(body, guid, &request, apis, DR_APIS_MAX, error);
    dr_free(apis);
    return err;
}

dora_err dora_frame_check(const dora_frame_options *options, dora_slice bytes, bool as_request,
                          size_t *used, dora_slice *body, char **owned, dora_error *error)
{
    dr_frame frame;
    dr_buf plain;
    dora_frame_options room;
    *owned = NULL;
    *body = (dora_slice){NULL, 0};
    *used = 0;
    dora_err err = take(&options, &room, error);
    if (err == DORA_OK) {
        err = dr_frame_decode(options, bytes, &frame, used, error);
    }
    if (err != DORA_OK) {
        return err;
    }
    dr_buf_init(&plain);
    err = dr_frame_body(options, &frame, &plain, body, error);
    if (err == DORA_OK && as_request) {
        err = check_request(*body, frame.guid, error);
    }
    if (err != DORA_OK) {
        *body = (dora_slice){NULL, 0};
        dr_buf_fini(&plain);
        return err;
    }
    *owned = plain.data;
    return DORA_OK;
}
