/* test_mux_registry.c: nodes that a registry names, without a socket or clock: Redis is bytes, and
 * every moment is given by the test. */
#include "registry_scene.h"

#include <sys/wait.h>
#include <unistd.h>

#include "discovery/registry.h"
#include "torture.h"

static void calls_wait_for_the_first_nodes(void **state)
{
    registry_scene *s = *state;
    for (size_t step = 0; step < 20; step = step * 3 + 1) {
        registry_begin(s, "redis://127.0.0.1");
        s->step = step;
        fake_redis_join(&s->redis[0], "10.0.0.1", 1, "\"a\"");
        assert_false(registry_hear(s)); /* nothing happens before a call */
        assert_int_equal(dora_mux_deadline_ns(s->mux), 0);
        for (int i = 0; i < 5; i++) {
            registry_call(s);
        }
        assert_true(registry_hear(s));
        assert_int_equal(registry_open_to(s, REDIS_PORT), 2);
        assert_int_equal(s->side_count, 2);
        assert_int_equal(dora_mux_outstanding(s->mux), 5);
        registry_run(s);
        assert_int_equal(s->good, 5);
        assert_int_equal(registry_open_to(s, 1), 1);
        assert_int_equal(s->warnings, 0);
        registry_call(s);
        registry_run(s);
        assert_int_equal(s->good, 6);
        registry_end(s);
    }
}

static void no_redis_can_be_reached(void **state)
{
    registry_scene *s = *state;
    registry_begin(s, "redis://127.0.0.1:6379,redis://127.0.0.1:6380");
    s->is_refusing[0] = true;
    registry_call(s);
    registry_hear(s);
    for (int i = 0; i < s->side_count; i++) {
        if (s->sides[i].port == REDIS_PORT) {
            registry_connect(s, &s->sides[i]);
        }
    }
    registry_hear(s);
    assert_int_equal(s->done, 0); /* the other one may know more */
    s->is_refusing[1] = true;
    registry_run(s);
    assert_int_equal(s->done, 1);
    assert_int_equal(s->code, DORA_CODE_CONNECT);
    assert_non_null(strstr(s->msg, "no server is known: "));
    assert_non_null(strstr(s->msg, "Connection refused"));
    assert_true(s->warnings > 0);
    registry_call(s); /* one that begins now does not wait either */
    registry_run(s);
    assert_int_equal(s->done, 2);
    s->is_refusing[1] = false;
    fake_redis_join(&s->redis[1], "10.0.0.1", 1, "\"a\"");
    for (int i = 0; i < 20; i++) {
        registry_later(s, 100);
    }
    registry_call(s);
    registry_run(s);
    assert_int_equal(s->good, 1);
}

static void redis_is_silent(void **state)
{
    registry_scene *s = *state;
    const dora_call_options quick = {.timeout_ms = 50};
    registry_begin(s, "redis://127.0.0.1");
    registry_call(s);
    registry_call_with(s, &quick);
    uint64_t cancelled = registry_call_with(s, &quick);
    registry_hear(s);
    assert_int_equal(dora_mux_deadline_ns(s->mux), BEGIN + 50 * MS);
    assert_true(dora_mux_cancel(s->mux, cancelled, NULL));
    assert_false(dora_mux_cancel(s->mux, cancelled, NULL));
    s->now_ns += 50 * MS;
    dora_mux_tick(s->mux, s->now_ns);
    registry_hear(s);
    assert_int_equal(s->done, 1);
    assert_int_equal(s->code, DORA_CODE_CONNECT);
    assert_int_equal(dora_mux_outstanding(s->mux), 1);
    registry_end(s); /* which ends the one that still waits */
    assert_non_null(strstr(s->msg, "closed"));
    assert_int_equal(s->code, DORA_CODE_CONNECT);
    registry_begin(s, "redis://127.0.0.1");
    registry_call(s);
    registry_hear(s);
    dora_mux_free(s->mux);
    s->mux = NULL;
}

static void nodes_come_and_go(void **state)
{
    registry_scene *s = *state;
    registry_begin(s, "redis://127.0.0.1");
    fake_redis_join(&s->redis[0], "10.0.0.1", 1, "\"a\"");
    registry_call(s);
    registry_run(s);
    assert_int_equal(registry_open_to(s, 1), 1);
    fake_redis_join(&s->redis[0], "10.0.0.1", 2, "\"a\"");
    registry_publish(s, 0);
    for (int i = 0; i < 20; i++) {
        registry_call(s);
        registry_run(s);
    }
    assert_int_equal(registry_open_to(s, 2), 1);
    fake_redis_leave(&s->redis[0], "10.0.0.1", 1);
    registry_publish(s, 0);
    assert_int_equal(registry_open_to(s, 1), 0); /* nothing was under way there */
    s->is_mute = true;
    registry_call(s);
    registry_run(s);
    fake_redis_join(&s->redis[0], "10.0.0.1", 3, "\"a\"");
    fake_redis_leave(&s->redis[0], "10.0.0.1", 2);
    registry_publish(s, 0);
    assert_int_equal(registry_open_to(s, 2), 1); /* here something is */
    s->is_mute = false;
    for (int i = 0; i < 20; i++) {
        registry_call(s);
        registry_run(s);
    }
    assert_int_equal(s->good, 41);
    for (int i = 0; i < s->side_count; i++) {
        if (s->sides[i].port == 2 && s->sides[i].id != 0) {
            assert_int_equal(s->sides[i].guid_count, 1); /* no later call went there */
            registry_reply(s, &s->sides[i]);
        }
    }
    registry_run(s);
    assert_int_equal(s->good, 42);
    assert_int_equal(registry_open_to(s, 2), 0);
    assert_int_equal(registry_open_to(s, 3), 1);
    assert_int_equal(s->done, s->good);
}

static void redis_is_lost(void **state)
{
    registry_scene *s = *state;
    registry_begin(s, "redis://127.0.0.1");
    fake_redis_join(&s->redis[0], "10.0.0.1", 1, "\"a\"");
    registry_call(s);
    registry_run(s);
    s->is_refusing[0] = true;
    for (int i = 0; i < s->side_count; i++) {
        uint64_t id = s->sides[i].id;
        if (registry_is_redis(&s->sides[i])) {
            registry_drop(&s->sides[i]);
            dora_mux_closed(s->mux, id, i == 0 ? 0 : 104, s->now_ns);
        }
    }
    registry_run(s);
    assert_true(s->warnings > 0);
    int warnings = s->warnings;
    for (int i = 0; i < 30; i++) {
        registry_call(s);
        registry_later(s, 100);
    }
    assert_int_equal(s->good, 31);
    assert_int_equal(s->warnings, warnings + 1); /* once that it is gone, once that none is there */
    s->is_refusing[0] = false;
    fake_redis_leave(&s->redis[0], "10.0.0.1", 1);
    fake_redis_join(&s->redis[0], "10.0.0.1", 2, "\"a\"");
    for (int i = 0; i < 60; i++) {
        registry_later(s, 100);
    }
    assert_int_equal(registry_open_to(s, 1), 0);
    registry_call(s);
    registry_run(s);
    assert_int_equal(s->good, 32);
    assert_int_equal(registry_open_to(s, 2), 1);
    s->redis[0].members[0][0] = '\0'; /* nobody: that is hardly ever true */
    registry_publish(s, 0);
    registry_call(s);
    registry_run(s);
    assert_int_equal(s->good, 33);
}

static void each_group_has_its_nodes(void **state)
{
    registry_scene *s = *state;
    const dora_call_options b = {.group = "b"};
    const dora_call_options c = {.group = "c"};
    registry_begin(s, "redis://127.0.0.1");
    fake_redis_join(&s->redis[0], "10.0.0.1", 1, "\"a\"");
    fake_redis_join(&s->redis[0], "10.0.0.1", 2, "\"b\"");
    registry_call_with(s, &b);
    registry_call_with(s, &c);
    registry_run(s);
    assert_int_equal(s->done, 2);
    assert_int_equal(s->good, 1);
    assert_int_equal(registry_open_to(s, 1), 0);
    assert_int_equal(registry_open_to(s, 2), 1);
    registry_call_with(s, &c);
    registry_run(s);
    assert_int_equal(s->code, DORA_CODE_CONNECT);
    assert_string_equal(s->msg, "there is no group \"c\"; there are: a, b");
    fake_redis_join(&s->redis[0], "10.0.0.1", 3, "\"c\"");
    registry_publish(s, 0);
    registry_call_with(s, &c);
    registry_run(s);
    assert_int_equal(s->good, 2);
    assert_int_equal(registry_open_to(s, 3), 1);
}

static void a_node_that_is_named(void **state)
{
    registry_scene *s = *state;
    const dora_call_options named = {.node = "10.0.0.1:7"};
    registry_begin(s, "redis://127.0.0.1");
    s->is_refusing[0] = true;
    registry_call_with(s, &named);
    registry_run(s);
    assert_int_equal(s->good, 1);
}

/* Who hears a warning may use the mux: nothing is half changed then. */
static void call_on_warning(void *user, const char *text)
{
    registry_scene *s = user;
    registry_on_warning(user, text);
    if (s->warnings == 1) {
        uint64_t id = registry_call(s);
        registry_call(s);
        assert_true(dora_mux_cancel(s->mux, id, NULL));
    }
}

static void warnings_are_said_once(void **state)
{
    registry_scene *s = *state;
    const dora_client_options options = {
        .nodes = "redis://127.0.0.1", .on_warning = call_on_warning, .user = s};
    *s = (registry_scene){.now_ns = BEGIN};
    assert_int_equal(dora_mux_new(&s->mux, &options, NULL), DORA_OK);
    fake_redis_join(&s->redis[0], "10.0.0.1", 1, "\"a\"");
    snprintf(s->redis[0].members[1], 256, "%s", "nonsense");
    registry_call(s);
    registry_run(s);
    assert_int_equal(s->warnings, 1);
    assert_non_null(strstr(s->warning, "nonsense"));
    assert_int_equal(s->good, 2);
    registry_later(s, 5000);
    assert_int_equal(s->warnings, 1);
    registry_end(s);
    const dora_client_options silent = {.nodes = "redis://127.0.0.1"};
    *s = (registry_scene){.now_ns = BEGIN, .is_refusing = {true}};
    assert_int_equal(dora_mux_new(&s->mux, &silent, NULL), DORA_OK);
    registry_call(s);
    registry_run(s);
    assert_int_equal(s->done, 1);
}

static void node_file(void **state)
{
    registry_scene *s = *state;
    char nodes[128];
    unit_folder folder = {.path = ""};
    unit_folder_make(&folder);
    const char *path = unit_folder_path(&folder, "nodes.json");
    snprintf(nodes, sizeof nodes, "file:%s", path);
    registry_begin(s, nodes);
    s->folder = folder;
    registry_call(s);
    registry_run(s);
    assert_int_equal(s->done, 1); /* there is nothing to wait for */
    assert_int_equal(s->code, DORA_CODE_CONNECT);
    assert_non_null(strstr(s->msg, path));
    unit_replace(path, "{\"a\": [{\"ip\": \"10.0.0.1\", \"port\": 1}]}");
    registry_later(s, DR_REGISTRY_FILE_MS);
    registry_call(s);
    registry_run(s);
    assert_int_equal(s->good, 1);
    assert_int_equal(dora_mux_deadline_ns(s->mux), 0); /* it needs no time of its own */
    unit_replace(path, "{\"a\": {\"x\": {\"ip\": \"10.0.0.1\", \"port\": \"22\"}}}");
    registry_call(s);
    registry_run(s);
    assert_int_equal(registry_open_to(s, 22), 0); /* not looked at so soon */
    registry_later(s, DR_REGISTRY_FILE_MS);
    registry_call(s);
    registry_run(s);
    assert_int_equal(registry_open_to(s, 22), 1);
    assert_int_equal(registry_open_to(s, 1), 0);
    unlink(path);
    registry_later(s, DR_REGISTRY_FILE_MS);
    registry_call(s);
    registry_run(s);
    assert_int_equal(s->good, 4); /* the last good nodes stay */
    assert_true(s->warnings > 0);
}

static void wrong_options_are_refused(void **state)
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

static void a_forked_child_may_not_use_it(void **state)
{
    registry_scene *s = *state;
    registry_begin(s, "redis://127.0.0.1");
    fake_redis_join(&s->redis[0], "10.0.0.1", 1, "\"a\"");
    registry_call(s);
    registry_run(s);
    registry_call(s);
    pid_t child = fork();
    if (child == 0) {
        bool is_left_alone = !dora_mux_is_usable(s->mux) && !registry_hear(s);
        dora_mux_free(s->mux);
        _exit(is_left_alone ? 0 : 1);
    }
    assert_int_equal(unit_wait(child), 0);
    registry_run(s);
    assert_int_equal(s->good, 2);
}

/* One conversation in which one allocation fails: nothing is lost, and each call ends once. */
static void converse(size_t nth, registry_scene *s)
{
    const dora_client_options options = {
        .nodes = "redis://127.0.0.1", .on_warning = registry_on_warning, .user = s};
    const dora_call call = {.name = text_slice("/a"), .param = text_slice("i:5;")};
    const dora_call_options a = {.group = "a"};
    uint64_t id;
    *s = (registry_scene){.now_ns = BEGIN, .is_mute = true};
    fake_redis_join(&s->redis[0], "10.0.0.1", 1, "\"a\"");
    torture_arm(nth);
    dora_err err = dora_mux_new(&s->mux, &options, NULL);
    if (err == DORA_OK) {
        err = dora_mux_start(s->mux, DORA_MUX_CALL, &call, 1, &a, s->now_ns, NULL, &id, NULL);
    }
    for (int i = 0; err == DORA_OK && i < 3; i++) {
        registry_run(s);
        s->now_ns += 100 * MS;
        dora_mux_tick(s->mux, s->now_ns);
    }
    torture_arm(0);
    s->is_mute = false;
    for (int i = 0; i < s->side_count; i++) {
        while (s->sides[i].guid_count > 0) {
            registry_reply(s, &s->sides[i]);
        }
    }
    if (s->mux != NULL) {
        registry_run(s);
        registry_end(s);
        assert_int_equal(s->done, err == DORA_OK ? 1 : 0);
    }
}

static void out_of_memory(void **state)
{
    registry_scene *s = *state;
    size_t nth = 0;
    do {
        converse(++nth, s);
    } while (nth < 400);
    assert_int_equal(s->good, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(registry_scene, calls_wait_for_the_first_nodes),
        unit_in(registry_scene, no_redis_can_be_reached),
        unit_in(registry_scene, redis_is_silent),
        unit_in(registry_scene, nodes_come_and_go),
        unit_in(registry_scene, redis_is_lost),
        unit_in(registry_scene, each_group_has_its_nodes),
        unit_in(registry_scene, a_node_that_is_named),
        unit_in(registry_scene, warnings_are_said_once),
        unit_in(registry_scene, node_file),
        cmocka_unit_test(wrong_options_are_refused),
        unit_in(registry_scene, a_forked_child_may_not_use_it),
        unit_in(registry_scene, out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
