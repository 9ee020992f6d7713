/* test_client_registry.c: a blocking client whose nodes come from a registry. Redis is a listener
 * that says nothing; a real one is in tests/python/test_registry.py. */
#include "scene.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/deadline.h"
#include "client/blocking/client.h"
#include "discovery/registry.h"

#define MS ((uint64_t)DR_NS_PER_MS)
#define PATIENCE_MS 60000u
#define THREADS 4
#define ROUNDS 40
#define PACE_MS 70u /* of changes: no part of the time between two looks, which meet all of them */

/* world: a node file, two servers, and a client. */
typedef struct world {
    scene s; /* its server is the first one */
    bad_server *other;
    char path[96];
    char nodes[112]; /* "file:PATH" */
    unsigned warnings;
    char warning[512]; /* the last one */
} world;

/* Writes a group of one server, or of two. */
static void write_nodes(world *w, const char *group, const bad_server *one, const bad_server *other)
{
    char text[512];
    char second[256] = "";
    if (other != NULL) {
        snprintf(second, sizeof second, ", \"second\": {\"ip\": \"127.0.0.1\", \"port\": %d}",
                 other->port);
    }
    snprintf(text, sizeof text, "{\"%s\": {\"first\": {\"ip\": \"127.0.0.1\", \"port\": %d}%s}}",
             group, one->port, second);
    unit_replace(w->path, text);
}

static void hear(void *user, const char *text)
{
    world *w = user;
    assert_int_equal(pthread_mutex_trylock(&w->s.client->lock), 0); /* nobody has it */
    pthread_mutex_unlock(&w->s.client->lock);
    w->warnings++;
    snprintf(w->warning, sizeof w->warning, "%s", text);
}

static void remake(world *w, const char *nodes, const char *group)
{
    const dora_client_options options = {
        .nodes = nodes, .group = group, .timeout_ms = 10000, .on_warning = hear, .user = w};
    scene_remake(&w->s, &options);
}

static void world_begin(world *w)
{
    unit_folder_make(&w->s.folder);
    snprintf(w->path, sizeof w->path, "%s/nodes.json", w->s.folder.path);
    snprintf(w->nodes, sizeof w->nodes, "file:%s", w->path);
    w->other = bad_server_add(&w->s.others, NULL);
    scene_begin(&w->s, NULL);
    remake(w, w->nodes, NULL);
}

static void world_end(world *w)
{
    scene_end(&w->s);
}
UNIT_SCENE(world, world_end)

/* Calls until `server` is asked, or the registry should have been looked at long ago. */
static bool reaches(world *w, const bad_server *server)
{
    uint64_t until_ns = dr_clock_ns() + PATIENCE_MS * MS;
    int before = atomic_load(&server->calls);
    while (atomic_load(&server->calls) == before && dr_clock_ns() < until_ns) {
        scene_expect_echo(&w->s);
    }
    return atomic_load(&server->calls) > before;
}

static void a_file_that_changes(void **state)
{
    world *w = *state;
    world_begin(w);
    write_nodes(w, "g", &w->s.server, NULL);
    assert_true(reaches(w, &w->s.server));
    assert_int_equal(atomic_load(&w->other->calls), 0);
    write_nodes(w, "g", w->other, NULL);
    assert_true(reaches(w, w->other));
    int before = atomic_load(&w->s.server.calls);
    scene_expect_echo(&w->s);
    assert_int_equal(atomic_load(&w->s.server.calls), before);
    size_t connections = 0; /* that to the server that left is closed */
    for (const dr_pooled_conn *peer = w->s.client->conn_pool.all; peer != NULL; peer = peer->next) {
        connections++;
    }
    assert_int_equal(connections, 1);
    write_nodes(w, "g", &w->s.server, w->other);
    assert_true(reaches(w, &w->s.server));
    assert_true(reaches(w, w->other));
    assert_int_equal(w->warnings, 0);
}

static void no_node_is_known(void **state)
{
    world *w = *state;
    world_begin(w);
    assert_int_equal(scene_call(&w->s, "/echo", "", 0), DORA_ECONNECT);
    assert_int_equal(w->s.error.code, DORA_CODE_CONNECT);
    assert_non_null(strstr(w->s.error.msg, "no server is known: "));
    assert_non_null(strstr(w->s.error.msg, w->path));
    write_nodes(w, "g", &w->s.server, NULL);
    uint64_t until_ns = dr_clock_ns() + PATIENCE_MS * MS;
    while (scene_call(&w->s, "/echo", "", 0) != DORA_OK && dr_clock_ns() < until_ns) {
    }
    scene_expect_echo(&w->s);
    /* A call that names its server asks no registry. */
    remake(w, "file:/nowhere/nodes.json", NULL);
    const dora_call call = {.name = {"/echo", 5}};
    const dora_call_options named = {.node = w->other->address};
    assert_int_equal(dora_client_call(w->s.client, &call, &named, w->s.answer, &w->s.error),
                     DORA_OK);
}

static void groups_are_known_later(void **state)
{
    world *w = *state;
    const dora_call call = {.name = {"/echo", 5}};
    const dora_call_options other = {.group = "other"};
    world_begin(w);
    write_nodes(w, "g", &w->s.server, NULL);
    remake(w, w->nodes, "wanted");
    assert_int_equal(scene_call(&w->s, "/echo", "", 0), DORA_ECONNECT);
    assert_int_equal(w->s.error.code, DORA_CODE_CONNECT);
    assert_string_equal(w->s.error.msg, "there is no group \"wanted\"; there are: g");
    assert_int_equal(dora_client_call(w->s.client, &call, &other, w->s.answer, &w->s.error),
                     DORA_ECONNECT);
    write_nodes(w, "wanted", &w->s.server, NULL);
    uint64_t until_ns = dr_clock_ns() + PATIENCE_MS * MS;
    while (scene_call(&w->s, "/echo", "", 0) != DORA_OK && dr_clock_ns() < until_ns) {
    }
    scene_expect_echo(&w->s);
}

static void a_broken_file_is_told_once(void **state)
{
    world *w = *state;
    world_begin(w);
    write_nodes(w, "g", &w->s.server, NULL);
    scene_expect_echo(&w->s);
    unit_replace(w->path, "{\"g\": [");
    uint64_t until_ns = dr_clock_ns() + PATIENCE_MS * MS;
    while (w->warnings == 0 && dr_clock_ns() < until_ns) {
        scene_expect_echo(&w->s);
    }
    assert_non_null(strstr(w->warning, w->path));
    until_ns = dr_clock_ns() + 3 * DR_REGISTRY_FILE_MS * MS;
    while (dr_clock_ns() < until_ns) {
        scene_expect_echo(&w->s);
    }
    assert_int_equal(w->warnings, 1);
}

static void *call_often(void *user)
{
    const world *w = user;
    dora_answer *answer = dora_answer_new();
    const dora_call call = {.name = {"/echo", 5}};
    dora_error error;
    uint64_t until_ns = dr_clock_ns() + ROUNDS * PACE_MS * MS;
    while (dr_clock_ns() < until_ns) {
        if (dora_client_call(w->s.client, &call, NULL, answer, &error) != DORA_OK) {
            fprintf(stderr, "a call failed: %s\n", error.msg);
            dora_answer_free(answer);
            return user;
        }
    }
    dora_answer_free(answer);
    return NULL;
}

static void threads_while_nodes_change(void **state)
{
    world *w = *state;
    world_begin(w);
    write_nodes(w, "g", &w->s.server, NULL);
    unit_threads_start(&w->s.threads, THREADS, call_often, w);
    for (int i = 0; i < ROUNDS; i++) {
        const bad_server *one = i % 2 != 0 ? &w->s.server : w->other;
        write_nodes(w, "g", one, i % 4 == 0 ? &w->s.server : NULL);
        usleep(PACE_MS * 1000); /* nothing waits for it */
    }
    assert_int_equal(unit_threads_join(&w->s.threads), 0);
    write_nodes(w, "g", w->other, NULL);
    const uint64_t until_ns = dr_clock_ns() + 60000 * MS;
    while (atomic_load(&w->other->calls) == 0) { /* none, where all looks came between */
        assert_true(dr_clock_ns() < until_ns);
        scene_expect_echo(&w->s);
    }
}

static void a_child_goes_on_with_the_nodes(void **state)
{
    world *w = *state;
    world_begin(w);
    write_nodes(w, "g", &w->s.server, NULL);
    scene_expect_echo(&w->s);
    assert_int_equal(unlink(w->path), 0);
    pid_t child = fork();
    if (child == 0) {
        _exit(scene_call(&w->s, "/echo", "i:9;", 0) == DORA_OK ? 0 : 1);
    }
    assert_int_equal(unit_wait(child), 0);
    scene_expect_echo(&w->s);
}

/* ---- a Redis that says nothing ---- */

static void mute_begin(world *w, char nodes[64])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    int fd = w->s.fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    snprintf(nodes, 64, "redis://127.0.0.1:%d", ntohs(address.sin_port));
}

static uint32_t call_ms(world *w, uint32_t timeout_ms, dora_err expected)
{
    uint64_t begun_ns = dr_clock_ns();
    assert_int_equal(scene_call(&w->s, "/echo", "", timeout_ms), expected);
    return (uint32_t)((dr_clock_ns() - begun_ns) / MS);
}

static void a_mute_redis_delays_the_first_call_only(void **state)
{
    world *w = *state;
    char nodes[64];
    world_begin(w);
    mute_begin(w, nodes);
    remake(w, nodes, NULL);
    assert_in_range(call_ms(w, 300, DORA_ECONNECT), 290, 10000);
    assert_non_null(strstr(w->s.error.msg, "no server is known"));
    uint32_t least_ms = UINT32_MAX; /* of the others: a busy machine may be late now and then */
    for (int i = 0; i < 5; i++) {
        const uint32_t ms = call_ms(w, 300, DORA_ECONNECT);
        least_ms = ms < least_ms ? ms : least_ms;
    }
    assert_in_range(least_ms, 0, 150);
    /* A handler's own caller waits no longer than it said. */
    least_ms = UINT32_MAX;
    for (int i = 0; i < 5 && least_ms > 1500; i++) {
        remake(w, nodes, NULL);
        dr_deadline_set(dr_clock_ns() + 50 * MS);
        least_ms = call_ms(w, 0, DORA_ECONNECT);
        dr_deadline_set(0);
    }
    assert_in_range(least_ms, 0, 1500); /* else two seconds, each time */
}

static bool say_yes(void *user)
{
    (void)user;
    return true;
}

static bool fork_once(void *user)
{
    pid_t *child = user;
    if (*child == -1) {
        *child = fork();
    }
    return false;
}

static void the_first_look_can_be_interrupted(void **state)
{
    world *w = *state;
    char nodes[64];
    pid_t child = -1;
    const dora_call call = {.name = {"/echo", 5}};
    const dora_call_options options = {.is_interrupted = say_yes};
    const dora_call_options forking = {.is_interrupted = fork_once, .user = &child};
    world_begin(w);
    mute_begin(w, nodes);
    uint64_t took_ns = UINT64_MAX;
    for (int i = 0; i < 5 && took_ns > 1500 * MS; i++) {
        remake(w, nodes, NULL);
        const uint64_t begun_ns = dr_clock_ns();
        assert_int_equal(dora_client_call(w->s.client, &call, &options, w->s.answer, &w->s.error),
                         DORA_EINTERRUPTED);
        took_ns = dr_clock_ns() - begun_ns;
    }
    assert_true(took_ns <= 1500 * MS);
    /* Who forks there gets a child that fails its own call, and a parent that goes on. */
    remake(w, nodes, NULL);
    dora_err err = dora_client_call(w->s.client, &call, &forking, w->s.answer, &w->s.error);
    if (child == 0) {
        _exit(err == DORA_ECONNECT ? 0 : 1);
    }
    assert_int_equal(err, DORA_ECONNECT);
    assert_int_equal(unit_wait(child), 0);
}

static void wrong_registries(void **state)
{
    (void)state;
    static const char *const wrong[] = {"redis://", "redis://h:99999", "rediss://h/x",
                                        "file:", "redis://h,127.0.0.1:1"};
    dora_client *client = NULL;
    dora_error error;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const dora_client_options options = {.nodes = wrong[i]};
        error.msg[0] = '\0';
        assert_int_equal(dora_client_new(&client, &options, &error), DORA_EINVAL);
        assert_true(error.msg[0] != '\0');
    }
    const dora_group group = {"g", "file:/tmp/nodes.json"};
    const dora_client_options grouped = {.groups = &group, .group_count = 1};
    assert_int_equal(dora_client_new(&client, &grouped, &error), DORA_EINVAL);
    assert_non_null(strstr(error.msg, "group \"g\" is a registry"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(world, a_file_that_changes),
        unit_in(world, no_node_is_known),
        unit_in(world, groups_are_known_later),
        unit_in(world, a_broken_file_is_told_once),
        unit_in(world, threads_while_nodes_change),
        unit_in(world, a_child_goes_on_with_the_nodes),
        unit_in(world, a_mute_redis_delays_the_first_call_only),
        unit_in(world, the_first_look_can_be_interrupted),
        cmocka_unit_test(wrong_registries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
