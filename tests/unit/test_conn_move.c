/* test_conn_move.c: a connection goes from one reactor to another, and neither loses a frame of it
 * nor takes one twice. */
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/conn_move.h"
#include "net/listener.h"
#include "net/reactor.h"

static const char guid[] = "00112233445566778899aabbccddeeff";

/* A reactor that counts frames, and answers each where it is told to. */
typedef struct side {
    dr_reactor reactor;
    bool is_made;
    bool answers;
    unsigned frames;
    unsigned moved;
    unsigned gone;
    size_t in_len; /* that came along */
    struct side *to;
    dr_conn *last;
} side;

typedef struct move {
    side old;
    side heir;
    dr_buf frame;
    int client;
    int listener; /* until the old side has it */
} move;

static void answer(dr_conn *conn)
{
    size_t mark;
    dr_buf *out = dr_conn_begin(conn, guid, 2, &mark);
    assert_non_null(out);
    assert_int_equal(dr_buf_append(out, "ok", 2), DORA_OK);
    assert_int_equal(dr_conn_end(conn, mark), DORA_OK);
}

static void on_frame(dr_conn *conn, const dr_frame *frame, void *user)
{
    side *self = user;
    assert_int_equal(frame->body.len, 4);
    self->frames++;
    self->last = conn;
    if (self->answers) {
        answer(conn);
    } else {
        conn->calls++;
    }
}

static void on_bad_frame(dr_conn *conn, const dr_frame *frame, const dora_error *error, bool closes,
                         void *user)
{
    (void)conn;
    (void)frame;
    (void)error;
    (void)closes;
    (void)user;
    fail();
}

static void on_move(dr_conn *conn, void *user)
{
    side *self = user;
    dr_buf in = {0};
    const int fd = dr_conn_give(conn, &in);
    assert_true(fd >= 0);
    self->moved++;
    self->in_len = in.len;
    dr_conn *there = dr_conn_adopt(&self->to->reactor, fd, true, &in);
    assert_non_null(there);
    assert_int_equal(in.cap, 0);
    dr_conn_start(there);
}

static void on_gone(dr_conn *conn, void *user)
{
    (void)conn;
    ((side *)user)->gone++;
}

static void no_call(void *user)
{
    (void)user;
}

static void no_sleep(bool is_asleep, void *user)
{
    (void)is_asleep;
    (void)user;
}

static bool has_none(void *user)
{
    (void)user;
    return false;
}

static void side_begin(side *self)
{
    const dora_frame_options frame = {.sign = false};
    const dr_reactor_events events = {.on_frame = on_frame,
                                      .on_bad_frame = on_bad_frame,
                                      .on_move = on_move,
                                      .on_gone = on_gone,
                                      .collect = no_call,
                                      .set_asleep = no_sleep,
                                      .has_ready = has_none,
                                      .on_ask = no_call,
                                      .user = self};
    dora_error error;
    self->is_made = dr_reactor_init(&self->reactor, 0, 1, &frame, 0, 0, &events, &error) == DORA_OK;
    assert_true(self->is_made);
}

static void side_end(side *self)
{
    if (self->is_made) {
        dr_reactor_end(&self->reactor);
        dr_reactor_run(&self->reactor);
        dr_reactor_fini(&self->reactor);
    }
}

static void move_end(move *at)
{
    side_end(&at->old);
    side_end(&at->heir);
    dr_buf_fini(&at->frame);
    unit_close(&at->client);
    unit_close(&at->listener);
}
UNIT_SCENE(move, move_end)

/* connect_to makes a client of the old side, and a frame for it to send. */
static void begin(move *at)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    const dora_frame_options frame = {.sign = false};
    dora_error error;
    uint16_t port = 0;
    size_t mark;
    dora_err err;
    side_begin(&at->old);
    side_begin(&at->heir);
    at->old.to = &at->heir;
    err = dr_listener_open("127.0.0.1", &port, 8, &at->listener, 1, &error);
    assert_int_equal(err, DORA_OK);
    err = dr_reactor_listen(&at->old.reactor, at->listener, 8, &error);
    at->listener = 0; /* the reactor's now */
    assert_int_equal(err, DORA_OK);
    at->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(at->client, (const struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(dr_frame_begin(&at->frame, &frame, guid, &mark), DORA_OK);
    assert_int_equal(dr_buf_append(&at->frame, "body", 4), DORA_OK);
    assert_int_equal(dr_frame_end(&at->frame, &frame, mark, NULL), DORA_OK);
}

static void turn(side *self)
{
    (void)uv_run(&self->reactor.loop, UV_RUN_ONCE); /* the sweep's timer ends each wait */
}

static void send_bytes(move *at, size_t from, size_t to)
{
    assert_int_equal(send(at->client, at->frame.data + from, to - from, 0), (ssize_t)(to - from));
}

/* has_come says whether a connection of a side keeps so many bytes of a frame. */
static bool has_come(const side *self, size_t bytes)
{
    return self->reactor.conns != NULL && self->reactor.conns->in.len == bytes;
}

static void check_answer(move *at, unsigned answers)
{
    char reply[64];
    for (unsigned i = 0; i < answers; i++) {
        assert_int_equal(recv(at->client, reply, 38, MSG_WAITALL), 38);
        assert_memory_equal(reply + 36, "ok", 2);
    }
}

/* Cut at each of its bytes: a part is with the old one, the rest stands in the kernel or is still
 * to be sent. */
static void half_a_frame_goes_along(void **state)
{
    move *at = *state;
    for (size_t cut = 0; cut <= 40; cut++) {
        begin(at);
        at->heir.answers = true;
        send_bytes(at, 0, cut);
        while (!has_come(&at->old, cut < 40 ? cut : 0) || (cut == 40 && at->old.frames == 0)) {
            turn(&at->old);
        }
        dr_reactor_hold(&at->old.reactor);
        if (cut == 40) {
            at->old.last->calls--; /* it has ended */
        }
        if (cut < 30) {
            send_bytes(at, cut, 30);
        }
        dr_reactor_move(&at->old.reactor, false);
        assert_int_equal(at->old.moved, 1);
        assert_int_equal(at->old.gone, 1);
        assert_int_equal(at->old.in_len, cut < 40 ? cut : 0);
        send_bytes(at, cut < 30 ? 30 : cut == 40 ? 0 : cut, 40);
        while (at->heir.frames == 0) {
            turn(&at->heir);
        }
        turn(&at->heir);
        check_answer(at, 1);
        assert_int_equal(at->old.frames, cut == 40);
        assert_int_equal(at->heir.frames, 1);
        move_end(at);
        memset(at, 0, sizeof(*at));
    }
}

/* One that waits for an answer stays until that is written; frames behind it go along. */
static void a_busy_one_goes_with_its_last_answer(void **state)
{
    move *at = *state;
    begin(at);
    at->heir.answers = true;
    send_bytes(at, 0, 40);
    while (at->old.frames == 0) {
        turn(&at->old);
    }
    dr_reactor_hold(&at->old.reactor);
    for (int i = 0; i < 20; i++) {
        send_bytes(at, 0, 40);
    }
    dr_reactor_move(&at->old.reactor, false);
    turn(&at->old);
    assert_int_equal(at->old.moved, 0);
    assert_int_equal(at->old.frames, 1);
    at->old.last->calls--;
    answer(at->old.last);
    while (at->old.moved == 0) {
        turn(&at->old);
    }
    while (at->heir.frames < 20) {
        turn(&at->heir);
    }
    turn(&at->heir);
    check_answer(at, 21);
    assert_int_equal(at->old.frames, 1);
    assert_int_equal(at->heir.frames, 20);
}

/* What was read and not taken, since too much was in flight, is whole frames. */
static void whole_frames_go_along(void **state)
{
    move *at = *state;
    begin(at);
    at->heir.answers = true;
    at->old.reactor.apart_usual = 1;
    dr_reactor_resume(&at->old.reactor);
    send_bytes(at, 0, 40);
    while (at->old.frames == 0) {
        turn(&at->old);
    }
    at->old.last->apart = 1; /* it is not read for that */
    send_bytes(at, 0, 40);
    dr_conn_update(at->old.last);
    dr_reactor_hold(&at->old.reactor);
    assert_int_equal(dr_buf_append(&at->old.last->in, at->frame.data, 40), DORA_OK);
    at->old.last->calls--;
    at->old.last->apart = 0;
    dr_reactor_move(&at->old.reactor, false);
    assert_int_equal(at->old.in_len, 40);
    while (at->heir.frames < 2) {
        turn(&at->heir);
    }
    turn(&at->heir);
    check_answer(at, 2);
    assert_int_equal(at->old.frames, 1);
    assert_int_equal(at->heir.frames, 2);
}

static void one_that_is_held_goes_on_where_it_resumes(void **state)
{
    move *at = *state;
    begin(at);
    at->old.answers = true;
    send_bytes(at, 0, 40);
    while (at->old.frames == 0) {
        turn(&at->old);
    }
    dr_reactor_hold(&at->old.reactor);
    send_bytes(at, 0, 40);
    turn(&at->old);
    assert_int_equal(at->old.frames, 1);
    dr_reactor_resume(&at->old.reactor);
    while (at->old.frames < 2) {
        turn(&at->old);
    }
    turn(&at->old);
    check_answer(at, 2);
    assert_int_equal(at->old.moved, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(move, half_a_frame_goes_along),
        unit_in(move, a_busy_one_goes_with_its_last_answer),
        unit_in(move, whole_frames_go_along),
        unit_in(move, one_that_is_held_goes_on_where_it_resumes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
