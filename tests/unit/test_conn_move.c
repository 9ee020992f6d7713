/* test_conn_move.c: a connection goes from one reactor to another, and neither loses a frame of it
 * nor takes one twice. */
#include "unit_reactor.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "net/conn_move.h"

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
    dr_places places;
    bool has_places;
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

static void side_begin(side *self)
{
    dr_reactor_events events = unit_reactor_events(self);
    events.on_frame = on_frame;
    events.on_bad_frame = on_bad_frame;
    events.on_move = on_move;
    events.on_gone = on_gone;
    unit_reactor_begin(&self->reactor, &events, &self->is_made);
}

static void side_end(side *self)
{
    unit_reactor_end(&self->reactor, &self->is_made);
}

static void move_end(move *at)
{
    side_end(&at->old);
    side_end(&at->heir);
    dr_buf_fini(&at->frame);
    unit_close(&at->client);
    unit_close(&at->listener);
    if (at->has_places) {
        dr_places_fini(&at->places);
    }
}
UNIT_SCENE(move, move_end)

/* begin makes both sides, a client of the old one, and a frame for it to send. */
static void begin(move *at)
{
    side_begin(&at->old);
    side_begin(&at->heir);
    at->old.to = &at->heir;
    unit_reactor_connect(unit_reactor_listen(&at->old.reactor, &at->listener), &at->client);
    unit_frame(&at->frame, guid, "body", 4);
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
    assert_int_equal(dr_count_get(&at->old.reactor.pauses[DR_PAUSE_BYTES]), 0);
    dr_reactor_resume(&at->old.reactor);
    while (at->old.frames < 2) {
        turn(&at->old);
    }
    turn(&at->old);
    check_answer(at, 2);
    assert_int_equal(at->old.moved, 0);
}

/* It has been let in by the other process, and is as open as any, for the next that comes too. */
static void one_that_comes_along_counts_although_it_is_too_many(void **state)
{
    move *at = *state;
    dr_place own = {NULL, NULL};
    const struct sockaddr_in here = {.sin_family = AF_INET,
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    begin(at);
    dr_places_init(&at->places);
    at->has_places = true;
    dr_places_limit(&at->places, 1, 1);
    dr_reactor_limit(&at->heir.reactor, &at->places, 8);
    assert_int_equal(dr_place_take(&own, &at->places, (const struct sockaddr *)&here, 1),
                     DR_CROWDED_NOT);
    send_bytes(at, 0, 1);
    while (!has_come(&at->old, 1)) {
        turn(&at->old);
    }
    dr_reactor_hold(&at->old.reactor);
    dr_reactor_move(&at->old.reactor, false);
    assert_int_equal(at->old.moved, 1);
    assert_int_equal(at->places.total, 2);
    assert_int_equal(at->places.refused[DR_CROWDED_ALL], 0);
    assert_int_equal(at->places.refused[DR_CROWDED_ADDRESS], 0);
    dr_place_give(&own);
    assert_int_equal(dr_place_take(&own, &at->places, (const struct sockaddr *)&here, 1),
                     DR_CROWDED_ADDRESS); /* it counts for its address */
    dr_conn_close(at->heir.reactor.conns);
    assert_int_equal(at->places.total, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(move, half_a_frame_goes_along),
        unit_in(move, a_busy_one_goes_with_its_last_answer),
        unit_in(move, whole_frames_go_along),
        unit_in(move, one_that_is_held_goes_on_where_it_resumes),
        unit_in(move, one_that_comes_along_counts_although_it_is_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
