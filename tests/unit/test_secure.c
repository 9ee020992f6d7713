/* test_secure.c: a stream over TLS: what of its bytes the peer may have, and when it is quiet. */
#include "tls_scene.h"
#include "transport/stream.h"
#include "transport/transport_poll.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"

#define BIG 200000u

typedef struct secure_scene {
    tls_scene tls;
    int pair[2];
    dr_stream stream; /* at pair[0] */
    dr_tls_filter *server;
    char *bytes;
    bool is_of_packets; /* what one send gave, one receive takes */
} secure_scene;

static void secure_scene_close(secure_scene *self)
{
    dr_stream_leave(&self->stream, true);
    unit_close(&self->pair[1]);
    dr_tls_filter_free(self->server);
    free(self->bytes);
    tls_scene_close(&self->tls);
}

UNIT_SCENE(secure_scene, secure_scene_close)

/* Moves what each side has for the other. Returns: false where the client has closed. */
static bool serve(secure_scene *self)
{
    char piece[4096];
    ssize_t count = recv(self->pair[1], piece, sizeof piece, MSG_DONTWAIT);
    for (; count > 0; count = recv(self->pair[1], piece, sizeof piece, MSG_DONTWAIT)) {
        assert_int_equal(dr_tls_filter_feed(self->server, (dora_slice){piece, (size_t)count}),
                         DORA_OK);
    }
    const dora_slice out = dr_tls_filter_output(self->server);
    if (out.len > 0) {
        assert_int_equal(send(self->pair[1], out.data, out.len, MSG_NOSIGNAL), out.len);
        dr_tls_filter_sent(self->server, out.len);
    }
    return count != 0;
}

static void begin(secure_scene *self)
{
    dr_loss loss;
    tls_scene_begin(&self->tls);
    const dr_tls_settings ours = tls_scene_settings(&self->tls, "server");
    const dr_tls_settings theirs = tls_scene_settings(&self->tls, NULL);
    tls_scene_meet(&self->tls, &ours, &theirs);
    self->server = dr_tls_filter_server(self->tls.server_context);
    self->bytes = calloc(BIG, 1);
    const int type = self->is_of_packets ? SOCK_SEQPACKET : SOCK_STREAM;
    assert_int_equal(socketpair(AF_UNIX, type, 0, self->pair), 0);
    self->stream = (dr_stream){.fd = self->pair[0]};
    const dr_tls_peer peer = {self->tls.client_context, "localhost"};
    dora_err err = dr_stream_greet(&self->stream, &peer, &loss);
    for (int i = 0; i < 10 && err == DORA_EAGAIN; i++) {
        serve(self);
        err = dr_stream_greet(&self->stream, &peer, &loss);
    }
    assert_int_equal(err, DORA_OK);
}

static void a_record_counts_as_sent_when_all_of_it_is(void **state)
{
    secure_scene *self = *state;
    dr_loss loss;
    dora_slice out;
    begin(self);
    dr_secure *secure = self->stream.tls;
    const dora_slice plain = {self->bytes, DR_TLS_RECORD_BYTES + 5};
    assert_int_equal(dr_secure_output(secure, plain, &out, &loss), DORA_OK);
    assert_true(out.len > DR_TLS_RECORD_BYTES);
    const size_t whole = out.len;
    assert_int_equal(dr_secure_sent(secure, whole - 1), 0);
    assert_true(dr_secure_is_amid(secure));
    assert_int_equal(dr_secure_output(secure, plain, &out, &loss), DORA_OK);
    assert_int_equal(out.len, 1);
    assert_int_equal(dr_secure_sent(secure, 1), DR_TLS_RECORD_BYTES);
    assert_false(dr_secure_is_amid(secure));
    assert_false(dr_secure_has_output(secure));
}

/* The server reads no more than what counts: else a call could run that "was not sent". */
static void what_does_not_count_cannot_be_read(void **state)
{
    secure_scene *self = *state;
    const int small = 4096;
    dr_loss loss;
    size_t sent = 0;
    size_t got = 0;
    size_t all = 0;
    begin(self);
    setsockopt(self->pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    const dora_slice plain = {self->bytes, BIG};
    assert_int_equal(dr_stream_send(&self->stream, plain, &sent, &loss), DORA_EAGAIN);
    assert_true(dr_stream_is_amid(&self->stream));
    for (bool is_open = true; is_open;) {
        is_open = serve(self);
        while (dr_tls_filter_read(self->server, self->bytes, BIG, &got) == DORA_OK) {
            all += got;
        }
        if (is_open) {
            dr_stream_close(&self->stream);
        }
    }
    assert_int_equal(all, sent);
}

static void a_ticket_is_no_news_and_a_goodbye_is(void **state)
{
    secure_scene *self = *state;
    size_t sent = 0;
    dr_loss loss;
    begin(self);
    assert_int_equal(dr_stream_send(&self->stream, text_slice("x"), &sent, &loss), DORA_OK);
    serve(self); /* its ticket is there now */
    char byte = 0;
    assert_int_equal(recv(self->pair[0], &byte, 1, MSG_PEEK | MSG_DONTWAIT), 1);
    assert_true(dr_stream_is_quiet(&self->stream));
    assert_int_equal(dr_tls_filter_write(self->server, text_slice("y")), DORA_OK);
    serve(self);
    assert_false(dr_stream_is_quiet(&self->stream));
    assert_true(dr_stream_has_more(&self->stream));
    assert_int_equal(dr_stream_receive(&self->stream, &byte, 1, false, &sent, &loss), DORA_OK);
    assert_int_equal(byte, 'y');
    assert_true(dr_stream_is_quiet(&self->stream));
    dr_tls_filter_close(self->server);
    serve(self);
    assert_false(dr_stream_is_quiet(&self->stream));
    assert_int_equal(dr_stream_receive(&self->stream, &byte, 1, false, &sent, &loss), DORA_ECLOSED);
}

static void one_that_is_closed_says_goodbye_and_one_that_is_left_does_not(void **state)
{
    secure_scene *self = *state;
    char room[8];
    size_t got;
    begin(self);
    size_t sent;
    dr_loss loss;
    assert_int_equal(dr_stream_send(&self->stream, text_slice("x"), &sent, &loss), DORA_OK);
    serve(self);
    assert_int_equal(dr_tls_filter_read(self->server, room, sizeof room, &got), DORA_OK);
    const int fd = dup(self->stream.fd);
    dr_secure *shared = self->stream.tls; /* as a child has it after a fork */
    dr_stream child = {.fd = fd, .tls = shared};
    dr_stream_leave(&child, false);
    assert_int_equal(child.fd, -1);
    serve(self);
    assert_int_equal(dr_tls_filter_read(self->server, room, sizeof room, &got), DORA_EAGAIN);
    assert_true(dr_stream_is_quiet(&self->stream)); /* the ticket is read, or there is a reset */
    dr_stream_close(&self->stream);
    assert_false(serve(self));
    assert_int_equal(dr_tls_filter_read(self->server, room, sizeof room, &got), DORA_ECLOSED);
}

/* A record comes in more pieces than are read in a turn. */
static void say_in_pieces(secure_scene *self)
{
    dr_loss loss;
    self->is_of_packets = true;
    begin(self);
    size_t sent;
    assert_int_equal(dr_stream_send(&self->stream, (dora_slice){"x", 1}, &sent, &loss), DORA_OK);
    assert_true(serve(self));
    assert_int_equal(
        dr_tls_filter_write(self->server, (dora_slice){self->bytes, DR_TLS_RECORD_BYTES}), DORA_OK);
    const dora_slice out = dr_tls_filter_output(self->server);
    const size_t piece = out.len / (DR_TRANSPORT_READS_MAX + 4);
    for (size_t at = 0; at < out.len; at += piece) {
        const size_t len = out.len - at < piece ? out.len - at : piece;
        assert_int_equal(send(self->pair[1], out.data + at, len, MSG_NOSIGNAL), len);
    }
}

static void one_that_goes_on_and_on_does_so_until_the_time_is_over(void **state)
{
    secure_scene *self = *state;
    char room[DR_TLS_RECORD_BYTES];
    size_t got = 0;
    dora_error error;
    const dr_wait over = {.deadline_ns = 1};
    say_in_pieces(self);
    assert_int_equal(dr_wait_receive(&self->stream, room, sizeof room, &over, &got, &error),
                     DORA_ETIMEDOUT);
    assert_int_equal(dr_wait_receive(&self->stream, room, sizeof room, &over, &got, &error),
                     DORA_OK);
    assert_int_equal(got, DR_TLS_RECORD_BYTES);
}

static void one_that_goes_on_and_on_holds_up_nobody(void **state)
{
    secure_scene *self = *state;
    char room[DR_TLS_RECORD_BYTES];
    size_t got = 0;
    dr_loss loss;
    say_in_pieces(self);
    /* All of it is there, but it is asked for others in between. */
    assert_int_equal(dr_stream_receive(&self->stream, room, sizeof room, false, &got, &loss),
                     DORA_EAGAIN);
    assert_int_equal(dr_stream_receive(&self->stream, room, sizeof room, false, &got, &loss),
                     DORA_OK);
    assert_int_equal(got, DR_TLS_RECORD_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(secure_scene, a_record_counts_as_sent_when_all_of_it_is),
        unit_in(secure_scene, what_does_not_count_cannot_be_read),
        unit_in(secure_scene, a_ticket_is_no_news_and_a_goodbye_is),
        unit_in(secure_scene, one_that_goes_on_and_on_holds_up_nobody),
        unit_in(secure_scene, one_that_goes_on_and_on_does_so_until_the_time_is_over),
        unit_in(secure_scene, one_that_is_closed_says_goodbye_and_one_that_is_left_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
