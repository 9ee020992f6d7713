/* mux_scene.c: a mux without a socket or clock, and a driver that notes what it is told. */
#include "mux_scene.h"

#include "wire/message_write.h"

void driver_drive(driver *d)
{
    dora_mux_event event;
    while (dora_mux_next(d->mux, d->now_ns, &event)) {
        switch (event.what) {
        case DORA_MUX_CONNECT:
            assert_true(d->conn_count < CONNS_MAX);
            d->hosts[d->conn_count] = event.host[0];
            d->conns[d->conn_count++] = event.conn;
            break;
        case DORA_MUX_WRITE:
            d->writes++;
            break;
        case DORA_MUX_CLOSE:
            for (int i = 0; i < d->conn_count; i++) {
                d->conns[i] = d->conns[i] == event.conn ? 0 : d->conns[i];
            }
            break;
        case DORA_MUX_ACCEPTED:
            d->accepted++;
            break;
        case DORA_MUX_WORD:
            d->parts += event.word.what == DORA_STREAM_PART ? 1 : 0;
            break;
        case DORA_MUX_DONE:
            d->done++;
            d->err = event.err;
            d->code = event.error != NULL ? event.error->code : 0;
            d->retry_after_ms = dora_retry_after_ms(dora_answer_reply(event.answer));
            if (event.err == DORA_OK) {
                const dora_result *result = dora_answer_result(event.answer, 0);
                d->good++;
                d->code = result != NULL ? result->code : 0;
                snprintf(d->data, sizeof d->data, "%.*s",
                         result != NULL ? (int)result->data.len : 0,
                         result != NULL ? result->data.data : "");
            }
            break;
        }
    }
}

void driver_begin(driver *d, const char *nodes, uint32_t connections, uint32_t retry)
{
    const dora_client_options options = {
        .nodes = nodes, .connections = connections, .retry = retry, .timeout_ms = 1000};
    *d = (driver){.now_ns = BEGIN};
    assert_int_equal(dora_mux_new(&d->mux, &options, NULL), DORA_OK);
}

void driver_end(driver *d)
{
    size_t left = 0;
    if (d->mux != NULL) {
        dora_mux_end(d->mux);
        driver_drive(d);
        left = dora_mux_outstanding(d->mux);
        for (int i = 0; i < d->conn_count; i++) {
            left += d->conns[i] != 0;
        }
        dora_mux_free(d->mux);
        d->mux = NULL;
    }
    assert_int_equal(left, 0);
}

uint64_t driver_start(driver *d, dora_mux_mode mode)
{
    uint64_t id = 0;
    const dora_call call = {.name = text_slice("/a"), .param = text_slice("i:5;")};
    assert_int_equal(dora_mux_start(d->mux, mode, &call, 1, NULL, d->now_ns, NULL, &id, NULL),
                     DORA_OK);
    driver_drive(d);
    return id;
}

int driver_take(driver *d, uint64_t conn, char guids[][33], int room)
{
    const dora_frame_options plain = {.sign = false};
    int count = 0;
    dora_slice out = dora_mux_output(d->mux, conn);
    size_t whole = out.len;
    while (out.len > 0) {
        dr_frame frame;
        size_t used = 0;
        assert_int_equal(dr_frame_decode(&plain, out, &frame, &used, NULL), DORA_OK);
        assert_true(count < room);
        memcpy(guids[count], frame.guid, 32);
        guids[count++][32] = '\0';
        out.data += used;
        out.len -= used;
    }
    dora_mux_sent(d->mux, conn, whole, d->now_ns);
    return count;
}

void driver_say(driver *d, uint64_t conn, const dr_buf *bytes, size_t step)
{
    for (size_t at = 0; at < bytes->len;) {
        char *room;
        size_t room_len;
        assert_int_equal(dora_mux_room(d->mux, conn, &room, &room_len), DORA_OK);
        size_t len = bytes->len - at;
        len = len < room_len ? len : room_len;
        len = step != 0 && step < len ? step : len;
        memcpy(room, bytes->data + at, len);
        dora_mux_received(d->mux, conn, len);
        at += len;
        if (step != 0) {
            driver_drive(d);
        }
    }
    driver_drive(d);
}

void driver_put_reply(dr_buf *out, const char *guid, int64_t code, bool is_result, bool has_data)
{
    const dora_frame_options plain = {.sign = false};
    size_t mark;
    dr_frame_begin(out, &plain, guid, &mark);
    (is_result ? dr_result_begin : dr_reply_begin)(out, guid, code, text_slice("m"));
    if (has_data) {
        dr_reply_begin(out, guid, 0, text_slice("OK"));
        dr_buf_append_slice(out, text_slice("i:5;"));
        dr_reply_end(out);
    } else {
        dr_buf_append_slice(out, text_slice("a:0:{}"));
    }
    (is_result ? dr_result_end : dr_reply_end)(out);
    assert_int_equal(dr_frame_end(out, &plain, mark, NULL), DORA_OK);
}

void driver_reply(driver *d, uint64_t conn, const char *guid, int64_t code)
{
    dr_buf bytes = {0};
    driver_put_reply(&bytes, guid, code, false, code == 0);
    driver_say(d, conn, &bytes, 0);
    dr_buf_fini(&bytes);
}
