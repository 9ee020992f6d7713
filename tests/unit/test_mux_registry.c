/* test_mux_registry.c: nodes that a registry names, without a socket or clock: Redis is bytes, every
 * moment is given by the test. */
#include "fake_redis.h"

#include <sys/wait.h>
#include <unistd.h>

#include <dora/mux.h>

#include "client/mux.h"
#include "discovery/registry.h"
#include "torture.h"

#define MS ((uint64_t)DR_NS_PER_MS)
#define BEGIN (100000 * MS)
#define SIDES_MAX 64
#define REDIS_PORT 6379

/* A connection that the mux has asked for. */
typedef struct side {
    uint64_t id; /* 0: closed */
    uint16_t port;
    bool is_open;
    fake_redis_conn redis;
    char guids[16][33]; /* of requests to a node that were not answered */
    int guid_count;
} side;

/* Two Redis, on ports 6379 and 6380, any number of nodes, and what the mux said. */
typedef struct scene {
    dora_mux *mux;
    uint64_t now_ns;
    fake_redis redis[2];
    bool is_refusing[2]; /* connections to it fail */
    bool is_mute;        /* nodes do not answer */
    size_t step;         /* bytes of Redis that are given at a time; 0: all */
    side sides[SIDES_MAX];
    int side_count;
    int done;
    int good;
    int64_t code; /* of the last that ended */
    char msg[512];
    int warnings;
    char warning[512];
} scene;

static void on_warning(void *user, const char *text)
{
    scene *s = user;
    s->warnings++;
    snprintf(s->warning, sizeof s->warning, "%.500s", text);
}

static void begin(scene *s, const char *nodes)
{
    const dora_client_options options = {
        .nodes = nodes, .timeout_ms = 1000, .on_warning = on_warning, .user = s};
    *s = (scene){.now_ns = BEGIN};
    assert_int_equal(dora_mux_new(&s->mux, &options, NULL), DORA_OK);
}

static uint64_t start_with(scene *s, const dora_call_options *options)
{
    uint64_t id = 0;
    const dora_call call = {.name = text_slice("/a"), .param = text_slice("i:5;")};
    assert_int_equal(
        dora_mux_start(s->mux, DORA_MUX_CALL, &call, 1, options, s->now_ns, NULL, &id, NULL),
        DORA_OK);
    return id;
}

static uint64_t start(scene *s)
{
    return start_with(s, NULL);
}

static side *find(scene *s, uint64_t id)
{
    for (int i = 0; i < s->side_count; i++) {
        if (s->sides[i].id == id) {
            return &s->sides[i];
        }
    }
    fail();
    return NULL;
}

static void side_close(side *at)
{
    *at = (side){.id = 0};
}

/* Asks for the events. Returns: whether there were any. */
static bool hear(scene *s)
{
    dora_mux_event event;
    bool has_events = false;
    while (dora_mux_next(s->mux, s->now_ns, &event)) {
        has_events = true;
        if (event.what == DORA_MUX_CONNECT) {
            assert_true(s->side_count < SIDES_MAX);
            side *made = &s->sides[s->side_count++];
            *made = (side){.id = event.conn, .port = event.port};
            assert_string_equal(event.host, event.port >= REDIS_PORT ? "127.0.0.1" : "10.0.0.1");
        } else if (event.what == DORA_MUX_CLOSE) {
            side_close(find(s, event.conn));
        } else if (event.what == DORA_MUX_DONE) {
            s->done++;
            s->good += event.err == DORA_OK ? 1 : 0;
            s->code = event.error != NULL ? event.error->code : 0;
            snprintf(s->msg, sizeof s->msg, "%.500s", event.error != NULL ? event.error->msg : "");
        }
    }
    return has_events;
}

static void say(scene *s, const side *to, dora_slice bytes)
{
    uint64_t id = to->id;
    for (size_t at = 0; at < bytes.len;) {
        char *room;
        size_t room_len;
        if (dora_mux_room(s->mux, id, &room, &room_len) != DORA_OK) {
            return;
        }
        size_t len = bytes.len - at;
        len = s->step != 0 && len > s->step ? s->step : len;
        len = len < room_len ? len : room_len;
        memcpy(room, bytes.data + at, len);
        dora_mux_received(s->mux, id, len);
        at += len;
        if (s->step != 0) {
            hear(s);
        }
    }
}

static void reply(scene *s, side *to)
{
    const dora_frame_options plain = {.sign = false};
    dr_buf out = {0};
    size_t mark;
    const char *guid = to->guids[--to->guid_count];
    dr_frame_begin(&out, &plain, guid, &mark);
    dr_reply_begin(&out, guid, 0, text_slice("OK"));
    dr_reply_begin(&out, guid, 0, text_slice("OK"));
    dr_buf_append_slice(&out, text_slice("i:5;"));
    dr_reply_end(&out);
    dr_reply_end(&out);
    assert_int_equal(dr_frame_end(&out, &plain, mark, NULL), DORA_OK);
    say(s, to, dr_buf_slice(&out));
    dr_buf_fini(&out);
}

static void take_requests(side *at, dora_slice out)
{
    const dora_frame_options plain = {.sign = false};
    while (out.len > 0) {
        dr_frame frame;
        size_t used = 0;
        assert_int_equal(dr_frame_decode(&plain, out, &frame, &used, NULL), DORA_OK);
        assert_true(at->guid_count < 16);
        memcpy(at->guids[at->guid_count], frame.guid, 32);
        at->guids[at->guid_count++][32] = '\0';
        out.data += used;
        out.len -= used;
    }
}

static bool is_redis(const side *at)
{
    return at->port >= REDIS_PORT;
}

static bool connect_side(scene *s, side *at)
{
    uint64_t id = at->id;
    if (is_redis(at) && s->is_refusing[at->port - REDIS_PORT]) {
        side_close(at);
        dora_mux_failed(s->mux, id, 111, "Connection refused", s->now_ns);
        return true;
    }
    at->is_open = true;
    if (is_redis(at)) {
        at->redis.redis = &s->redis[at->port - REDIS_PORT];
    }
    dora_mux_connected(s->mux, id, s->now_ns);
    return true;
}

/* What the other side of a connection does. Returns: whether it did something. */
static bool serve(scene *s, side *at)
{
    if (!at->is_open) {
        return connect_side(s, at);
    }
    dora_slice out = dora_mux_output(s->mux, at->id);
    if (out.len == 0) {
        return false;
    }
    if (is_redis(at)) {
        fake_redis_bytes said = {.len = 0};
        fake_redis_take(&at->redis, out, &said);
        dora_mux_sent(s->mux, at->id, out.len, s->now_ns);
        say(s, at, (dora_slice){said.data, said.len});
        return true;
    }
    take_requests(at, out);
    dora_mux_sent(s->mux, at->id, out.len, s->now_ns);
    while (!s->is_mute && at->guid_count > 0) {
        reply(s, at);
    }
    return true;
}

/* Goes on until nobody has anything to do. */
static void run(scene *s)
{
    bool is_busy = true;
    while (is_busy) {
        is_busy = hear(s);
        for (int i = 0; i < s->side_count; i++) {
            if (s->sides[i].id != 0) {
                is_busy = serve(s, &s->sides[i]) || is_busy;
            }
        }
    }
}

static void later(scene *s, uint64_t ms)
{
    s->now_ns += ms * MS;
    dora_mux_tick(s->mux, s->now_ns);
    run(s);
}

static void publish(scene *s, int redis)
{
    for (int i = 0; i < s->side_count; i++) {
        fake_redis_bytes said = {.len = 0};
        if (s->sides[i].id != 0 && s->sides[i].redis.redis == &s->redis[redis]) {
            fake_redis_publish(&s->sides[i].redis, &said);
            say(s, &s->sides[i], (dora_slice){said.data, said.len});
        }
    }
    run(s);
}

/* How many connections there are to a port. */
static int open_to(const scene *s, uint16_t port)
{
    int count = 0;
    for (int i = 0; i < s->side_count; i++) {
        count += s->sides[i].id != 0 && s->sides[i].port == port ? 1 : 0;
    }
    return count;
}

static void end(scene *s)
{
    int done = s->done;
    size_t outstanding = dora_mux_outstanding(s->mux);
    dora_mux_end(s->mux);
    hear(s);
    assert_int_equal(s->done, done + (int)outstanding);
    for (int i = 0; i < s->side_count; i++) {
        assert_int_equal(s->sides[i].id, 0);
    }
    assert_int_equal(dora_mux_deadline_ns(s->mux), 0);
    dora_mux_free(s->mux);
}

static void test_calls_wait_for_the_first_nodes(void **state)
{
    (void)state;
    for (size_t step = 0; step < 20; step = step * 3 + 1) {
        scene s;
        begin(&s, "redis://127.0.0.1");
        s.step = step;
        fake_redis_join(&s.redis[0], "10.0.0.1", 1, "\"a\"");
        assert_false(hear(&s)); /* nothing happens before a call */
        assert_int_equal(dora_mux_deadline_ns(s.mux), 0);
        for (int i = 0; i < 5; i++) {
            start(&s);
        }
        assert_true(hear(&s));
        assert_int_equal(open_to(&s, REDIS_PORT), 2);
        assert_int_equal(s.side_count, 2);
        assert_int_equal(dora_mux_outstanding(s.mux), 5);
        run(&s);
        assert_int_equal(s.good, 5);
        assert_int_equal(open_to(&s, 1), 1);
        assert_int_equal(s.warnings, 0);
        start(&s);
        run(&s);
        assert_int_equal(s.good, 6);
        end(&s);
    }
}

static void test_no_redis_can_be_reached(void **state)
{
    (void)state;
    scene s;
    begin(&s, "redis://127.0.0.1:6379,redis://127.0.0.1:6380");
    s.is_refusing[0] = true;
    start(&s);
    hear(&s);
    for (int i = 0; i < s.side_count; i++) {
        if (s.sides[i].port == REDIS_PORT) {
            connect_side(&s, &s.sides[i]);
        }
    }
    hear(&s);
    assert_int_equal(s.done, 0); /* the other one may know more */
    s.is_refusing[1] = true;
    run(&s);
    assert_int_equal(s.done, 1);
    assert_int_equal(s.code, DORA_CODE_CONNECT);
    assert_non_null(strstr(s.msg, "no server is known: "));
    assert_non_null(strstr(s.msg, "Connection refused"));
    assert_true(s.warnings > 0);
    start(&s); /* one that begins now does not wait either */
    run(&s);
    assert_int_equal(s.done, 2);
    s.is_refusing[1] = false;
    fake_redis_join(&s.redis[1], "10.0.0.1", 1, "\"a\"");
    for (int i = 0; i < 20; i++) {
        later(&s, 100);
    }
    start(&s);
    run(&s);
    assert_int_equal(s.good, 1);
    end(&s);
}

static void test_redis_is_silent(void **state)
{
    (void)state;
    scene s;
    const dora_call_options quick = {.timeout_ms = 50};
    begin(&s, "redis://127.0.0.1");
    start(&s);
    start_with(&s, &quick);
    uint64_t cancelled = start_with(&s, &quick);
    hear(&s);
    assert_int_equal(dora_mux_deadline_ns(s.mux), BEGIN + 50 * MS);
    assert_true(dora_mux_cancel(s.mux, cancelled, NULL));
    assert_false(dora_mux_cancel(s.mux, cancelled, NULL));
    s.now_ns += 50 * MS;
    dora_mux_tick(s.mux, s.now_ns);
    hear(&s);
    assert_int_equal(s.done, 1);
    assert_int_equal(s.code, DORA_CODE_CONNECT);
    assert_int_equal(dora_mux_outstanding(s.mux), 1);
    end(&s); /* which ends the one that still waits */
    assert_non_null(strstr(s.msg, "closed"));
    assert_int_equal(s.code, DORA_CODE_CONNECT);
    begin(&s, "redis://127.0.0.1");
    start(&s);
    hear(&s);
    dora_mux_free(s.mux);
}

static void test_nodes_come_and_go(void **state)
{
    (void)state;
    scene s;
    begin(&s, "redis://127.0.0.1");
    fake_redis_join(&s.redis[0], "10.0.0.1", 1, "\"a\"");
    start(&s);
    run(&s);
    assert_int_equal(open_to(&s, 1), 1);
    fake_redis_join(&s.redis[0], "10.0.0.1", 2, "\"a\"");
    publish(&s, 0);
    for (int i = 0; i < 20; i++) {
        start(&s);
        run(&s);
    }
    assert_int_equal(open_to(&s, 2), 1);
    fake_redis_leave(&s.redis[0], "10.0.0.1", 1);
    publish(&s, 0);
    assert_int_equal(open_to(&s, 1), 0); /* nothing was under way there */
    s.is_mute = true;
    start(&s);
    run(&s);
    fake_redis_join(&s.redis[0], "10.0.0.1", 3, "\"a\"");
    fake_redis_leave(&s.redis[0], "10.0.0.1", 2);
    publish(&s, 0);
    assert_int_equal(open_to(&s, 2), 1); /* here something is */
    s.is_mute = false;
    for (int i = 0; i < 20; i++) {
        start(&s);
        run(&s);
    }
    assert_int_equal(s.good, 41);
    for (int i = 0; i < s.side_count; i++) {
        if (s.sides[i].port == 2 && s.sides[i].id != 0) {
            assert_int_equal(s.sides[i].guid_count, 1); /* no later call went there */
            reply(&s, &s.sides[i]);
        }
    }
    run(&s);
    assert_int_equal(s.good, 42);
    assert_int_equal(open_to(&s, 2), 0);
    assert_int_equal(open_to(&s, 3), 1);
    assert_int_equal(s.done, s.good);
    end(&s);
}

static void test_redis_is_lost(void **state)
{
    (void)state;
    scene s;
    begin(&s, "redis://127.0.0.1");
    fake_redis_join(&s.redis[0], "10.0.0.1", 1, "\"a\"");
    start(&s);
    run(&s);
    s.is_refusing[0] = true;
    for (int i = 0; i < s.side_count; i++) {
        uint64_t id = s.sides[i].id;
        if (is_redis(&s.sides[i])) {
            side_close(&s.sides[i]);
            dora_mux_closed(s.mux, id, i == 0 ? 0 : 104, s.now_ns);
        }
    }
    run(&s);
    assert_true(s.warnings > 0);
    int warnings = s.warnings;
    for (int i = 0; i < 30; i++) {
        start(&s);
        later(&s, 100);
    }
    assert_int_equal(s.good, 31);
    assert_int_equal(s.warnings, warnings); /* said once */
    s.is_refusing[0] = false;
    fake_redis_leave(&s.redis[0], "10.0.0.1", 1);
    fake_redis_join(&s.redis[0], "10.0.0.1", 2, "\"a\"");
    for (int i = 0; i < 60; i++) {
        later(&s, 100);
    }
    assert_int_equal(open_to(&s, 1), 0);
    start(&s);
    run(&s);
    assert_int_equal(s.good, 32);
    assert_int_equal(open_to(&s, 2), 1);
    s.redis[0].members[0][0] = '\0'; /* nobody: that is hardly ever true */
    publish(&s, 0);
    start(&s);
    run(&s);
    assert_int_equal(s.good, 33);
    end(&s);
}

static void test_groups(void **state)
{
    (void)state;
    scene s;
    const dora_call_options b = {.group = "b"};
    const dora_call_options c = {.group = "c"};
    begin(&s, "redis://127.0.0.1");
    fake_redis_join(&s.redis[0], "10.0.0.1", 1, "\"a\"");
    fake_redis_join(&s.redis[0], "10.0.0.1", 2, "\"b\"");
    start_with(&s, &b);
    start_with(&s, &c);
    run(&s);
    assert_int_equal(s.done, 2);
    assert_int_equal(s.good, 1);
    assert_int_equal(open_to(&s, 1), 0);
    assert_int_equal(open_to(&s, 2), 1);
    start_with(&s, &c);
    run(&s);
    assert_int_equal(s.code, DORA_CODE_CONNECT);
    assert_string_equal(s.msg, "there is no group \"c\"; there are: a, b");
    fake_redis_join(&s.redis[0], "10.0.0.1", 3, "\"c\"");
    publish(&s, 0);
    start_with(&s, &c);
    run(&s);
    assert_int_equal(s.good, 2);
    assert_int_equal(open_to(&s, 3), 1);
    end(&s);
}

static void test_a_node_that_is_named(void **state)
{
    (void)state;
    scene s;
    const dora_call_options named = {.node = "10.0.0.1:7"};
    begin(&s, "redis://127.0.0.1");
    s.is_refusing[0] = true;
    start_with(&s, &named);
    run(&s);
    assert_int_equal(s.good, 1);
    end(&s);
}

/* Who hears a warning may use the mux: nothing is half changed then. */
static void call_on_warning(void *user, const char *text)
{
    scene *s = user;
    on_warning(user, text);
    if (s->warnings == 1) {
        uint64_t id = start(s);
        start(s);
        assert_true(dora_mux_cancel(s->mux, id, NULL));
    }
}

static void test_warnings(void **state)
{
    (void)state;
    scene s;
    const dora_client_options options = {
        .nodes = "redis://127.0.0.1", .on_warning = call_on_warning, .user = &s};
    s = (scene){.now_ns = BEGIN};
    assert_int_equal(dora_mux_new(&s.mux, &options, NULL), DORA_OK);
    fake_redis_join(&s.redis[0], "10.0.0.1", 1, "\"a\"");
    snprintf(s.redis[0].members[1], 256, "%s", "nonsense");
    start(&s);
    run(&s);
    assert_int_equal(s.warnings, 1);
    assert_non_null(strstr(s.warning, "nonsense"));
    assert_int_equal(s.good, 2);
    later(&s, 5000);
    assert_int_equal(s.warnings, 1);
    end(&s);
    const dora_client_options silent = {.nodes = "redis://127.0.0.1"};
    s = (scene){.now_ns = BEGIN, .is_refusing = {true}};
    assert_int_equal(dora_mux_new(&s.mux, &silent, NULL), DORA_OK);
    start(&s);
    run(&s);
    assert_int_equal(s.done, 1);
    end(&s);
}

static void put_file(const char *path, const char *text)
{
    char beside[128];
    snprintf(beside, sizeof beside, "%s.new", path);
    FILE *file = fopen(beside, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(rename(beside, path), 0);
}

static void test_node_file(void **state)
{
    (void)state;
    scene s;
    char path[] = "/tmp/dora-nodes-XXXXXX";
    char nodes[64];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    unlink(path);
    snprintf(nodes, sizeof nodes, "file:%s", path);
    begin(&s, nodes);
    start(&s);
    run(&s);
    assert_int_equal(s.done, 1); /* there is nothing to wait for */
    assert_int_equal(s.code, DORA_CODE_CONNECT);
    assert_non_null(strstr(s.msg, path));
    put_file(path, "{\"a\": [{\"ip\": \"10.0.0.1\", \"port\": 1}]}");
    later(&s, DR_REGISTRY_FILE_MS);
    start(&s);
    run(&s);
    assert_int_equal(s.good, 1);
    assert_int_equal(dora_mux_deadline_ns(s.mux), 0); /* it needs no time of its own */
    put_file(path, "{\"a\": {\"x\": {\"ip\": \"10.0.0.1\", \"port\": \"22\"}}}");
    start(&s);
    run(&s);
    assert_int_equal(open_to(&s, 22), 0); /* not looked at so soon */
    later(&s, DR_REGISTRY_FILE_MS);
    start(&s);
    run(&s);
    assert_int_equal(open_to(&s, 22), 1);
    assert_int_equal(open_to(&s, 1), 0);
    unlink(path);
    later(&s, DR_REGISTRY_FILE_MS);
    start(&s);
    run(&s);
    assert_int_equal(s.good, 4); /* the last good nodes stay */
    assert_true(s.warnings > 0);
    end(&s);
}

static void test_options(void **state)
{
    (void)state;
    dora_mux *mux = NULL;
    dora_error error;
    const dora_group group = {.name = "a", .nodes = "a:1"};
    const dora_client_options both = {
        .nodes = "redis://127.0.0.1", .groups = &group, .group_count = 1};
    const dora_client_options wrong = {.nodes = "redis://127.0.0.1:0x"};
    const dora_client_options many = {.nodes = "redis://127.0.0.1", .connections = 65};
    assert_int_equal(dora_mux_new(&mux, &both, &error), DORA_EINVAL);
    assert_int_equal(dora_mux_new(&mux, &wrong, &error), DORA_EINVAL);
    assert_int_equal(dora_mux_new(&mux, &many, &error), DORA_EINVAL);
    assert_null(mux);
}

static void test_fork(void **state)
{
    (void)state;
    scene s;
    begin(&s, "redis://127.0.0.1");
    fake_redis_join(&s.redis[0], "10.0.0.1", 1, "\"a\"");
    start(&s);
    run(&s);
    start(&s);
    pid_t child = fork();
    if (child == 0) {
        bool is_left_alone = !dora_mux_is_usable(s.mux) && !hear(&s);
        dora_mux_free(s.mux);
        _exit(is_left_alone ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    run(&s);
    assert_int_equal(s.good, 2);
    end(&s);
}

/* One conversation in which one allocation fails: nothing is lost, and each call ends once. */
static void converse(size_t nth, scene *s)
{
    const dora_client_options options = {
        .nodes = "redis://127.0.0.1", .on_warning = on_warning, .user = s};
    const dora_call call = {.name = text_slice("/a"), .param = text_slice("i:5;")};
    const dora_call_options a = {.group = "a"};
    uint64_t id;
    *s = (scene){.now_ns = BEGIN, .is_mute = true};
    fake_redis_join(&s->redis[0], "10.0.0.1", 1, "\"a\"");
    torture_arm(nth);
    dora_err err = dora_mux_new(&s->mux, &options, NULL);
    if (err == DORA_OK) {
        err = dora_mux_start(s->mux, DORA_MUX_CALL, &call, 1, &a, s->now_ns, NULL, &id, NULL);
    }
    for (int i = 0; err == DORA_OK && i < 3; i++) {
        run(s);
        s->now_ns += 100 * MS;
        dora_mux_tick(s->mux, s->now_ns);
    }
    torture_arm(0);
    s->is_mute = false;
    for (int i = 0; i < s->side_count; i++) {
        while (s->sides[i].guid_count > 0) {
            reply(s, &s->sides[i]);
        }
    }
    if (s->mux != NULL) {
        run(s);
        end(s);
        assert_int_equal(s->done, err == DORA_OK ? 1 : 0);
    }
}

static void test_out_of_memory(void **state)
{
    (void)state;
    scene s;
    size_t nth = 0;
    do {
        converse(++nth, &s);
    } while (nth < 400);
    assert_int_equal(s.good, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_wait_for_the_first_nodes),
        cmocka_unit_test(test_no_redis_can_be_reached),
        cmocka_unit_test(test_redis_is_silent),
        cmocka_unit_test(test_nodes_come_and_go),
        cmocka_unit_test(test_redis_is_lost),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_a_node_that_is_named),
        cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_node_file),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
