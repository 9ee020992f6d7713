/* follow_up.c: what a client says of a call that is under way. Pure. */
#include "client/shared/follow_up.h"

#include "wire/message_write.h"

static dora_err append(dr_link *link, dr_call_type type, const char *guid, uint32_t take)
{
    size_t mark = 0;
    dora_err err = dr_frame_begin(&link->out, &link->frame, guid, &mark);
    if (err != DORA_OK) {
        return err;
    }
    err = dr_word_encode(&link->out, type, (dora_slice){guid, DR_GUID_LEN}, take);
    if (err != DORA_OK) {
        link->out.len = mark;
        return err;
    }
    return dr_frame_end(&link->out, &link->frame, mark, NULL);
}

dora_err dr_follow_up_take(dr_link *link, const char *guid, uint32_t count)
{
    return append(link, DR_TYPE_TK, guid, count);
}

dora_err dr_follow_up_cancel(dr_link *link, const char *guid)
{
    return append(link, DR_TYPE_CN, guid, 0);
}
