/* test_conn_refuse.c: a connection that is one too many: each of its frames is answered by its
 * header, however it comes, for a while and within bounds. */
#include "unit_reactor.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "net/conn_refuse.h"
#include "net/places.h"

#define OTHER_GUID "ffffffffffffffffffffffffffffffff"
#define LARGE (3u << 20)

/* scene is a reactor that lets one connection in, that one, and another that is refused. */
typedef struct scene {
    dr_reactor reactor;
    bool has_reactor;
    dr_places places;
    bool has_places;
    int listen_fd;
    int first;
    int clients[DR_REFUSED_MAX + 1]; /* that are refused */
    uint16_t port;
    dr_buf bytes; /* to be sent */
    uint32_t frames;
    uint32_t refusals;
    uint32_t unnamed; /* of these: for all that is not answered */
    uint32_t closing; /* of these: behind which nothing more is read */
    uint32_t json;    /* of these: whose body begins as JSON does */
    uint32_t bare;
    int64_t code;   /* of the last */
    size_t padding; /* of each answer */
    char guids[DR_GUID_LEN * 2];
} scene;

static void on_frame(dr_conn *conn, const dr_frame *frame, void *user)
{
    (void)conn;
    (void)frame;
    ((scene *)user)->frames++;
}

static void on_bad_frame(dr_conn *conn, const dr_frame *frame, const dora_error *error, bool closes,
                         void *user)
{
    scene *at = user;
    size_t mark;
    if (frame->guid != NULL) {
        memcpy(at->guids + (at->refusals % 2) * DR_GUID_LEN, frame->guid, DR_GUID_LEN);
    }
    at->refusals++;
    at->unnamed += frame->guid == NULL && !frame->is_bare && closes;
    at->closing += closes;
    at->bare += frame->is_bare;
    at->json += frame->body.len > 0 && frame->body.data[0] == '{';
    at->code = error->code;
    dr_buf *out = dr_conn_begin(conn, frame->is_bare ? NULL : UNIT_GUID_BYTES, 2, &mark);
    assert_non_null(out);
    assert_int_equal(dr_buf_append(out, "no", 2), DORA_OK);
    assert_int_equal(dr_buf_reserve(out, at->padding), DORA_OK);
    memset(out->data + out->len, 'x', at->padding);
    out->len += at->padding;
    assert_int_equal(dr_conn_end(conn, mark), DORA_OK);
}

static void scene_end(scene *at)
{
    unit_close(&at->first);
    for (size_t i = 0; i < sizeof(at->clients) / sizeof(at->clients[0]); i++) {
        unit_close(&at->clients[i]);
    }
    unit_reactor_end(&at->reactor, &at->has_reactor);
    unit_close(&at->listen_fd);
    if (at->has_places) {
        dr_places_fini(&at->places);
    }
    dr_buf_fini(&at->bytes);
}
UNIT_SCENE(scene, scene_end)

static void turn(scene *at)
{
    (void)uv_run(&at->reactor.loop, UV_RUN_ONCE); /* the sweep's timer ends each wait */
}

static void begin(scene *at, bool sign)
{
    dr_reactor_events events = unit_reactor_events(at);
    events.on_frame = on_frame;
    events.on_bad_frame = on_bad_frame;
    unit_reactor_begin(&at->reactor, &events, &at->has_reactor);
    at->reactor.frame = (dora_frame_options){.sign = sign};
    at->reactor.linger_ms = 60000;
    dr_places_init(&at->places);
    at->has_places = true;
    dr_places_limit(&at->places, 0, 1);
    dr_reactor_limit(&at->reactor, &at->places, 8);
    at->port = unit_reactor_listen(&at->reactor, &at->listen_fd);
    unit_reactor_connect(at->port, &at->first);
    unit_reactor_connect(at->port, &at->clients[0]);
    while (at->reactor.refused == 0) {
        turn(at);
    }
}

/* feed sends bytes to the connection that is refused, and has them read. */
static void feed(scene *at, const char *data, size_t len)
{
    const uint64_t before = dr_count_get(&at->reactor.bytes_in);
    size_t sent = 0;
    while (sent < len || dr_count_get(&at->reactor.bytes_in) < before + len) {
        const ssize_t some = send(at->clients[0], data + sent, len - sent, MSG_DONTWAIT);
        sent += some > 0 ? (size_t)some : 0;
        (void)poll(NULL, 0, 1);
        (void)uv_run(&at->reactor.loop, UV_RUN_NOWAIT);
    }
}

/* check_answers reads so many answers, and that nothing is behind them. */
static void check_answers(scene *at, unsigned count)
{
    char reply[38];
    turn(at);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(recv(at->clients[0], reply, sizeof(reply), MSG_WAITALL), sizeof(reply));
        assert_memory_equal(reply + 36, "no", 2);
    }
    assert_int_equal(recv(at->clients[0], reply, 1, MSG_DONTWAIT), -1);
}

/* has_ended waits until the server has said that no more comes. */
static bool has_ended(scene *at)
{
    char byte;
    ssize_t got;
    while ((got = recv(at->clients[0], &byte, 1, MSG_DONTWAIT)) < 0 && errno == EAGAIN) {
        turn(at);
    }
    return got == 0;
}

/* Cut at each of its bytes: it is answered once, and nothing of it is run. */
static void a_frame_is_answered_however_it_comes(void **state)
{
    scene *at = *state;
    for (size_t cut = 1; cut < 40; cut++) {
        begin(at, false);
        unit_frame(&at->bytes, UNIT_GUID_BYTES, "body", 4);
        feed(at, at->bytes.data, cut);
        assert_int_equal(at->refusals, cut > 36); /* its guid, and a byte of its body */
        feed(at, at->bytes.data + cut, 40 - cut);
        assert_int_equal(at->refusals, 1);
        assert_int_equal(at->code, DORA_CODE_OVERLOADED);
        assert_int_equal(at->closing, 0);
        assert_memory_equal(at->guids, UNIT_GUID_BYTES, DR_GUID_LEN);
        check_answers(at, 1);
        assert_int_equal(at->frames, 0);
        scene_end(at);
        memset(at, 0, sizeof(*at));
    }
}

/* Of a large one the header is enough, and the rest is not kept; the next is found behind it. */
static void all_frames_are_answered_and_none_is_kept(void **state)
{
    scene *at = *state;
    char *body = calloc(1, LARGE);
    assert_non_null(body);
    body[0] = '{';
    begin(at, false);
    at->reactor.frame.bytes_max = 2 * LARGE;
    const dora_frame_options options = {.bytes_max = 2 * LARGE};
    size_t mark;
    dora_err err = dr_frame_begin(&at->bytes, &options, UNIT_GUID_BYTES, &mark);
    err = err == DORA_OK ? dr_buf_append(&at->bytes, body, LARGE) : err;
    err = err == DORA_OK ? dr_frame_end(&at->bytes, &options, mark, NULL) : err;
    free(body);
    assert_int_equal(err, DORA_OK);
    unit_frame(&at->bytes, OTHER_GUID, "body", 4);
    feed(at, at->bytes.data, at->bytes.len);
    assert_int_equal(at->refusals, 2);
    assert_int_equal(at->json, 1);
    assert_memory_equal(at->guids, UNIT_GUID_BYTES OTHER_GUID, 2 * DR_GUID_LEN);
    assert_int_equal(at->reactor.conns->in.cap, 0);
    check_answers(at, 2);
}

static void one_of_an_older_release_is_answered_in_kind(void **state)
{
    scene *at = *state;
    char reply[6];
    begin(at, false);
    unit_frame(&at->bytes, NULL, "a:1:{", 5);
    feed(at, at->bytes.data, 7);
    assert_int_equal(at->bare, 1);
    feed(at, at->bytes.data + 7, at->bytes.len - 7);
    assert_int_equal(at->refusals, 1);
    turn(at);
    assert_int_equal(recv(at->clients[0], reply, sizeof(reply), MSG_WAITALL), sizeof(reply));
    assert_memory_equal(reply + 4, "no", 2);
}

/* What is wrong with a frame is said first, and where the framing is lost it ends there. */
static void what_is_no_frame_is_said_so(void **state)
{
    scene *at = *state;
    char reply[38];
    begin(at, false);
    feed(at, "\0\0\0\1x", 5);
    assert_int_equal(at->code, DORA_CODE_BAD_LENGTH);
    assert_int_equal(at->closing, 1);
    turn(at);
    assert_int_equal(recv(at->clients[0], reply, sizeof(reply), MSG_WAITALL), sizeof(reply));
    assert_true(has_ended(at));
}

static void a_wrong_signature_is_said_too(void **state)
{
    scene *at = *state;
    begin(at, true);
    feed(at,
         "\0\0\0\47"
         "0000" UNIT_GUID_BYTES "xyz",
         43);
    assert_int_equal(at->code, DORA_CODE_BAD_SIGN);
    assert_int_equal(at->closing, 0);
    assert_int_equal(at->refusals, 1);
}

/* What is left of it is answered by one word: nothing of it was run. */
static void a_flood_is_not_answered_one_by_one_to_its_end(void **state)
{
    scene *at = *state;
    char replies[3 * (38 + DR_REFUSED_OUT_MAX / 2)];
    begin(at, false);
    at->padding = DR_REFUSED_OUT_MAX / 2;
    for (size_t i = 0; i < 10; i++) {
        unit_frame(&at->bytes, UNIT_GUID_BYTES, "body", 4);
    }
    feed(at, at->bytes.data, at->bytes.len);
    assert_int_equal(at->refusals, 3);
    assert_int_equal(at->unnamed, 1);
    assert_int_equal(at->closing, 1);
    assert_int_equal(at->code, DORA_CODE_OVERLOADED);
    turn(at);
    assert_int_equal(recv(at->clients[0], replies, sizeof(replies), MSG_WAITALL), sizeof(replies));
    assert_true(has_ended(at));
}

/* In the words of whoever has sent it. */
static void a_flood_of_json_ends_in_json(void **state)
{
    scene *at = *state;
    begin(at, false);
    at->padding = DR_REFUSED_OUT_MAX;
    unit_frame(&at->bytes, UNIT_GUID_BYTES, "{}", 2);
    unit_frame(&at->bytes, UNIT_GUID_BYTES, "{}", 2);
    feed(at, at->bytes.data, at->bytes.len);
    assert_int_equal(at->refusals, 2);
    assert_int_equal(at->unnamed, 1);
    assert_int_equal(at->json, 2);
}

/* Its time is over: it hears so, and the end, and what it sends then is read away. */
static void after_a_moment_it_ends(void **state)
{
    scene *at = *state;
    begin(at, false);
    dr_conn *conn = at->reactor.conns;
    assert_true(dr_conn_is_refused(conn));
    conn->linger_until_ms = 0;
    char word[38];
    while (at->refusals == 0) {
        turn(at);
    }
    turn(at);
    assert_int_equal(recv(at->clients[0], word, sizeof(word), MSG_WAITALL), sizeof(word));
    assert_true(has_ended(at));
    unit_frame(&at->bytes, UNIT_GUID_BYTES, "body", 4);
    assert_int_equal(send(at->clients[0], at->bytes.data, at->bytes.len, 0), at->bytes.len);
    turn(at);
    assert_int_equal(at->reactor.refused, 1);
    conn->linger_until_ms = 0;
    while (at->reactor.refused > 0) {
        turn(at);
    }
    assert_int_equal(at->refusals, 1);
    assert_int_equal(at->unnamed, 1);
}

static void a_reactor_that_leaves_takes_none_for_its_own(void **state)
{
    scene *at = *state;
    begin(at, false);
    dr_reactor_hold(&at->reactor);
    dr_reactor_leave(&at->reactor);
    dr_reactor_resume(&at->reactor);
    unit_frame(&at->bytes, UNIT_GUID_BYTES, "body", 4);
    feed(at, at->bytes.data, at->bytes.len);
    assert_int_equal(at->refusals, 1);
    assert_int_equal(at->frames, 0);
}

static void of_many_the_next_are_closed_at_once(void **state)
{
    scene *at = *state;
    char byte;
    begin(at, false);
    for (size_t i = 1; i <= DR_REFUSED_MAX; i++) {
        unit_reactor_connect(at->port, &at->clients[i]);
    }
    while (dr_count_get(&at->reactor.closed) == 0) {
        turn(at);
    }
    assert_int_equal(at->reactor.refused, DR_REFUSED_MAX);
    unit_close(&at->clients[0]);
    while (at->reactor.refused == DR_REFUSED_MAX) {
        turn(at);
    }
    assert_int_equal(recv(at->first, &byte, 1, MSG_DONTWAIT), -1); /* nobody else pays */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(scene, a_frame_is_answered_however_it_comes),
        unit_in(scene, all_frames_are_answered_and_none_is_kept),
        unit_in(scene, one_of_an_older_release_is_answered_in_kind),
        unit_in(scene, what_is_no_frame_is_said_so),
        unit_in(scene, a_wrong_signature_is_said_too),
        unit_in(scene, a_flood_is_not_answered_one_by_one_to_its_end),
        unit_in(scene, a_flood_of_json_ends_in_json),
        unit_in(scene, after_a_moment_it_ends),
        unit_in(scene, a_reactor_that_leaves_takes_none_for_its_own),
        unit_in(scene, of_many_the_next_are_closed_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
