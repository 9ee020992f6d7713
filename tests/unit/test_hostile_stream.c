/* test_hostile_stream.c: whatever a server says of a stream, however it is cut, the stream ends
 * once, and both clients understand the same. */
#include "mux_scene.h"

#include <pthread.h>

#include <arpa/inet.h>
#include <dora/client.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "client/blocking/client.h"
#include "wire/message_write.h"

#define ZEROS "00000000000000000000000000000000"
#define OTHERS "ffffffffffffffffffffffffffffffff"
#define GOOD "a:2:{s:4:\"code\";i:0;s:4:\"data\";i:9;}"
#define LATE "a:2:{s:4:\"code\";i:100009;s:4:\"data\";N;}" /* as the server's own clock has it */
#define LOST "a:2:{s:4:\"code\";i:100012;s:4:\"data\";N;}"
#define STEPS 3

/* What is said: 0 is nothing more. */
typedef struct word {
    int64_t code;
    const char *data;
    int64_t part;     /* NO_PART: there is none */
    const char *guid; /* NULL: the call's */
    const char *more; /* further members */
} word;

#define NO_PART INT64_MIN
#define PART(number)                                                                               \
    {                                                                                              \
        100013, "i:7;", number, NULL, NULL                                                         \
    }
#define SAID(code, data)                                                                           \
    {                                                                                              \
        code, data, NO_PART, NULL, NULL                                                            \
    }

/* A server says so and closes. */
typedef struct script {
    const char *name;
    word words[4];
    size_t count;
    const char *raw; /* bytes behind the words */
    size_t raw_len;
    dora_err err; /* what comes of it, */
    int64_t code; /*   of the error or the result */
    int parts;
} script;

static const script scripts[] = {
    {"nothing", {{0}}, 0, NULL, 0, DORA_ECLOSED, 100009, 0},
    {"a part, nothing", {PART(0)}, 1, NULL, 0, DORA_ECLOSED, 100009, 1},
    {"a part twice", {PART(0), PART(0)}, 2, NULL, 0, DORA_EPROTO, 100009, 1},
    {"a later part", {PART(0), PART(2)}, 2, NULL, 0, DORA_EPROTO, 100009, 1},
    {"a huge part", {PART(INT64_MAX)}, 1, NULL, 0, DORA_EPROTO, 100009, 0},
    {"a negative part", {PART(-1)}, 1, NULL, 0, DORA_EPROTO, 100009, 0},
    {"a part without a number", {SAID(100013, "i:7;")}, 1, NULL, 0, DORA_EPROTO, 100009, 0},
    {"a result alone", {SAID(0, GOOD)}, 1, NULL, 0, DORA_OK, 0, 0},
    {"two results", {SAID(0, GOOD), SAID(0, GOOD)}, 2, NULL, 0, DORA_OK, 0, 0},
    {"a part behind the result", {SAID(0, GOOD), PART(0)}, 2, NULL, 0, DORA_OK, 0, 0},
    {"progress behind it", {SAID(0, GOOD), SAID(100014, "N;")}, 2, NULL, 0, DORA_OK, 0, 0},
    {"progress of no form", {SAID(100014, "N;"), SAID(0, GOOD)}, 2, NULL, 0, DORA_OK, 0, 0},
    {"no envelope", {PART(0), SAID(0, "i:5;")}, 2, NULL, 0, DORA_EPROTO, 100009, 1},
    {"its time is over", {PART(0), SAID(0, LATE)}, 2, NULL, 0, DORA_ETIMEDOUT, 100009, 1},
    {"it was over before a part", {SAID(0, LATE)}, 1, NULL, 0, DORA_ETIMEDOUT, 100009, 0},
    {"parts were lost", {PART(0), SAID(0, LOST)}, 2, NULL, 0, DORA_EREPLY, 100012, 1},
    {"an acceptance", {PART(0), SAID(100001, "N;")}, 2, NULL, 0, DORA_EPROTO, 100009, 1},
    {"an unknown code", {PART(0), SAID(100999, "N;")}, 2, NULL, 0, DORA_EREPLY, 100999, 1},
    {"no room, behind a part", {PART(0), SAID(100203, "N;")}, 2, NULL, 0, DORA_EREPLY, 100203, 1},
    {"stopping, behind a part", {PART(0), SAID(100207, "N;")}, 2, NULL, 0, DORA_EREPLY, 100207, 1},
    {"a word on the connection",
     {PART(0), {100007, "N;", NO_PART, ZEROS, NULL}},
     2,
     NULL,
     0,
     DORA_EREPLY,
     100007,
     1},
    {"no room for the connection, behind a part",
     {PART(0), {100203, "N;", NO_PART, ZEROS, NULL}},
     2,
     NULL,
     0,
     DORA_EREPLY,
     100203,
     1},
    {"others' words",
     {{100013, "i:1;", 5, OTHERS, NULL}, {0, GOOD, NO_PART, OTHERS, NULL}, SAID(0, GOOD)},
     3,
     NULL,
     0,
     DORA_OK,
     0,
     0},
    {"a result as of a submission",
     {PART(0), {0, GOOD, NO_PART, NULL, "s:8:\"isresult\";i:1;"}},
     2,
     NULL,
     0,
     DORA_OK,
     0,
     1},
    {"a part as of a submission",
     {{100013, "i:1;", 0, NULL, "s:8:\"isresult\";i:1;"}, SAID(0, GOOD)},
     2,
     NULL,
     0,
     DORA_OK,
     0,
     1},
    {"half a frame", {PART(0)}, 1, "\0\0\1\0abc", 7, DORA_ECLOSED, 100009, 1},
    {"a frame too short", {PART(0)}, 1, "\0\0\0\1xxxx", 8, DORA_EPROTO, 100009, 1},
    {"a frame too long", {PART(0)}, 1, "\xff\xff\xff\xff", 4, DORA_ETOOBIG, 100206, 1},
    {"no value", {PART(0)}, 1, "\0\0\0\x24" ZEROS "junk", 40, DORA_EPROTO, 100009, 1},
};
#define SCRIPTS (sizeof scripts / sizeof scripts[0])

static size_t step_of(size_t n)
{
    static const size_t steps[STEPS] = {0, 1, 7};
    return steps[n];
}

static void put_word(dr_buf *out, const word *said, const char *guid)
{
    const dora_frame_options plain = {.sign = false};
    size_t mark;
    char text[64];
    guid = said->guid != NULL ? said->guid : guid;
    dr_frame_begin(out, &plain, guid, &mark);
    dr_put_array(out, 4u + (said->part != NO_PART) + (said->more != NULL));
    dr_buf_append_slice(out, text_slice("s:4:\"guid\";"));
    dr_put_string(out, (dora_slice){guid, 32});
    snprintf(text, sizeof text, "s:4:\"code\";i:%lld;", (long long)said->code);
    dr_buf_append_slice(out, text_slice(text));
    dr_buf_append_slice(out, text_slice("s:3:\"msg\";s:1:\"m\";s:4:\"data\";"));
    dr_buf_append_slice(out, text_slice(said->data));
    if (said->part != NO_PART) {
        snprintf(text, sizeof text, "s:4:\"part\";i:%lld;", (long long)said->part);
        dr_buf_append_slice(out, text_slice(text));
    }
    dr_buf_append_slice(out, text_slice(said->more != NULL ? said->more : ""));
    dr_put_end(out);
    dr_frame_end(out, &plain, mark, NULL);
}

/* All that a script says. */
static void put_all(dr_buf *out, const script *all, const char *guid)
{
    for (size_t i = 0; i < all->count; i++) {
        put_word(out, &all->words[i], guid);
    }
    dr_buf_append_slice(out, (dora_slice){all->raw, all->raw_len});
}

/* ---- a mux ---- */

/* Says what there is to say, until the mux has enough of the connection. */
static void say_while_open(driver *d, const dr_buf *bytes, size_t step)
{
    for (size_t at = 0; at < bytes->len && d->conns[0] != 0;) {
        char *room;
        size_t room_len;
        assert_int_equal(dora_mux_room(d->mux, d->conns[0], &room, &room_len), DORA_OK);
        size_t len = bytes->len - at < room_len ? bytes->len - at : room_len;
        len = step != 0 && step < len ? step : len;
        memcpy(room, bytes->data + at, len);
        dora_mux_received(d->mux, d->conns[0], len);
        at += len;
        driver_drive(d);
    }
}

static void a_mux_ends_it_once(void **state)
{
    driver *d = *state;
    for (size_t i = 0; i < SCRIPTS * STEPS; i++) {
        const script *all = &scripts[i / STEPS];
        char guid[1][33];
        dr_buf bytes = {0};
        driver_begin(d, "a:1", 1, 0);
        driver_start(d, DORA_MUX_STREAM);
        dora_mux_connected(d->mux, d->conns[0], d->now_ns);
        driver_drive(d);
        driver_take(d, d->conns[0], guid, 1);
        put_all(&bytes, all, guid[0]);
        say_while_open(d, &bytes, step_of(i % STEPS));
        dr_buf_fini(&bytes);
        if (d->conns[0] != 0) {
            dora_mux_closed(d->mux, d->conns[0], 0, d->now_ns);
            d->conns[0] = 0;
            driver_drive(d);
        }
        if (d->done != 1 || d->err != all->err || d->code != all->code || d->parts != all->parts) {
            fail_msg("%s: ended %d times, %d, code %lld, %d parts", all->name, d->done, d->err,
                     (long long)d->code, d->parts);
        }
        assert_int_equal(d->conn_count, 1);
        assert_int_equal(dora_mux_outstanding(d->mux), 0);
        driver_end(d);
    }
}

/* ---- the blocking client ---- */

/* A server in a thread, which has one script for each connection. */
typedef struct reciter {
    int listen_fd;
    pthread_t thread;
    bool is_running;
    dora_client *client;
} reciter;

static void reciter_end(reciter *self)
{
    dora_client_free(self->client);
    if (self->is_running) {
        shutdown(self->listen_fd, SHUT_RDWR);
        pthread_join(self->thread, NULL);
    }
    unit_close(&self->listen_fd);
}
UNIT_SCENE(reciter, reciter_end)

/* Hears a request. Returns: whether it came whole; then its guid. */
static bool hear_guid(int fd, char guid[33])
{
    char bytes[4096];
    size_t len = 0;
    ssize_t got = 1;
    uint32_t whole = UINT32_MAX - 4;
    while (got > 0 && len < (size_t)whole + 4 && len < sizeof bytes) {
        got = recv(fd, bytes + len, sizeof bytes - len, 0);
        len += got > 0 ? (size_t)got : 0;
        if (len >= 4) {
            memcpy(&whole, bytes, 4);
            whole = ntohl(whole);
        }
    }
    memcpy(guid, bytes + 4, 32);
    guid[32] = '\0';
    return got > 0;
}

static void recite(int fd, const script *all, size_t step)
{
    char guid[33];
    dr_buf bytes = {0};
    if (!hear_guid(fd, guid)) {
        return;
    }
    put_all(&bytes, all, guid);
    for (size_t at = 0; at < bytes.len;) {
        const size_t left = bytes.len - at;
        const ssize_t sent =
            send(fd, bytes.data + at, step != 0 && step < left ? step : left, MSG_NOSIGNAL);
        at = sent > 0 ? at + (size_t)sent : bytes.len;
    }
    dr_buf_fini(&bytes);
}

/* Until the client has closed it: what it has not read would be lost by a reset. */
static void close_gently(int fd)
{
    char none[64];
    shutdown(fd, SHUT_WR);
    while (recv(fd, none, sizeof none, 0) > 0) {
        /* what it says to the parts */
    }
    close(fd);
}

static void *reciter_main(void *user)
{
    reciter *self = user;
    for (size_t i = 0; i < SCRIPTS * STEPS; i++) {
        const int fd = accept(self->listen_fd, NULL, NULL);
        if (fd < 0) {
            return NULL;
        }
        recite(fd, &scripts[i / STEPS], step_of(i % STEPS));
        close_gently(fd);
    }
    return NULL;
}

static void reciter_begin(reciter *self)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof at;
    char address[32];
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    self->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(self->listen_fd, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(self->listen_fd, 8), 0);
    assert_int_equal(getsockname(self->listen_fd, (struct sockaddr *)&at, &len), 0);
    snprintf(address, sizeof address, "127.0.0.1:%u", ntohs(at.sin_port));
    const dora_client_options options = {.nodes = address, .timeout_ms = 60000};
    assert_int_equal(dora_client_new(&self->client, &options, NULL), DORA_OK);
    self->is_running = pthread_create(&self->thread, NULL, reciter_main, self) == 0;
    assert_true(self->is_running);
}

static void a_blocking_client_ends_it_once(void **state)
{
    reciter *self = *state;
    const dora_call call = {.name = text_slice("/a"), .param = text_slice("i:5;")};
    reciter_begin(self);
    for (size_t i = 0; i < SCRIPTS * STEPS; i++) {
        const script *all = &scripts[i / STEPS];
        dora_stream_event event = {.what = DORA_STREAM_PART};
        dora_stream *stream = NULL;
        dora_error error = {.code = 0};
        int parts = 0;
        dora_err err = dora_client_stream(self->client, &call, NULL, &stream, &error);
        while (err == DORA_OK && event.what != DORA_STREAM_RESULT) {
            err = dora_stream_next(stream, &event, &error);
            assert_int_not_equal(event.what, err == DORA_OK ? DORA_STREAM_END : -1);
            parts += err == DORA_OK && event.what == DORA_STREAM_PART ? 1 : 0;
        }
        const int64_t code = err == DORA_OK ? event.code : error.code;
        if (err != all->err || code != all->code || parts != all->parts) {
            fail_msg("%s: %d, code %lld, %d parts", all->name, err, (long long)code, parts);
        }
        assert_int_equal(dora_stream_next(stream, &event, &error), DORA_OK);
        assert_int_equal(event.what, DORA_STREAM_END);
        dora_stream_free(stream);
        dr_conn_pool_clear(&self->client->conn_pool, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(driver, a_mux_ends_it_once),
        unit_in(reciter, a_blocking_client_ends_it_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
