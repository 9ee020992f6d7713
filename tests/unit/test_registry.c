/* test_registry.c: nodes from a file or from several Redis, the last good ones kept. */
#include "unit_folder.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "discovery/registry.h"
#include "membership_scene.h"
#include "roster_group.h"
#include "torture.h"

#define NODE(ip) "{\"node\":{\"ip\":\"" ip "\",\"port\":1},\"group\":[\"g\"]}"
#define KEY(ip) "dora.node." ip ".1"
#define REDIS_MAX 3

typedef struct fixture {
    dr_registry *registry;
    scene_redis *redis; /* one for each session */
    uint64_t now_ns;
    size_t warnings;
    char warning[8192]; /* the last */
    unit_folder folder;
    char nodes[96]; /* the path of a node file in it */
    char source[104];
    struct rlimit files; /* as it was, where a test changes it */
} fixture;

static void on_warning(void *user, const char *text)
{
    fixture *self = user;
    self->warnings++;
    snprintf(self->warning, sizeof self->warning, "%s", text);
}

static void make(fixture *self, const char *sources)
{
    const dr_registry_events events = {.on_warning = on_warning, .user = self};
    dora_error error;
    self->redis = calloc(REDIS_MAX, sizeof *self->redis);
    assert_non_null(self->redis);
    self->now_ns = 1000 * SCENE_S;
    assert_int_equal(dr_registry_new(&self->registry, sources, false, &events, &error), DORA_OK);
}

static void finish(fixture *self)
{
    if (self->files.rlim_max > 0) {
        (void)setrlimit(RLIMIT_NOFILE, &self->files);
    }
    if (self->registry != NULL) {
        dr_registry_stop(self->registry, self->now_ns);
        dr_registry_free(self->registry);
    }
    free(self->redis);
    unit_folder_remove(&self->folder);
}
UNIT_SCENE(fixture, finish)

/* has makes a Redis name these hosts, each one letter. */
static void has(fixture *self, size_t redis, const char *letters)
{
    static const char *const members[] = {NODE("a"), NODE("b"), NODE("c")};
    static const char *const keys[] = {KEY("a"), KEY("b"), KEY("c")};
    scene_redis *scene = &self->redis[redis];
    scene->count = strlen(letters);
    for (size_t i = 0; i < scene->count; i++) {
        scene->members[i] = members[letters[i] - 'a'];
        scene->nodes[i] = keys[letters[i] - 'a'];
    }
    scene->nodes[scene->count] = NULL;
}

static void move(fixture *self)
{
    for (size_t i = 0; i < dr_registry_sessions(self->registry); i++) {
        scene_move(&self->redis[i], dr_registry_session(self->registry, i), self->now_ns);
    }
}

static void start(fixture *self)
{
    dr_registry_start(self->registry, self->now_ns);
    move(self);
}

/* A second passes, and all are read. */
static void read_again(fixture *self)
{
    for (int i = 0; i < 20; i++) {
        self->now_ns += 50 * SCENE_MS;
        move(self);
    }
    dr_registry_read(self->registry, self->now_ns);
    move(self);
}

static void read_for(fixture *self, uint64_t ms)
{
    const uint64_t until_ns = self->now_ns + ms * SCENE_MS;
    while (self->now_ns < until_ns) {
        read_again(self);
    }
}

static void kill_redis(fixture *self, size_t redis)
{
    self->redis[redis].is_dead = true;
    scene_lose(dr_registry_session(self->registry, redis), self->now_ns);
}

static const char *hosts(const fixture *self)
{
    static char text[256];
    const dr_roster *roster = dr_registry_roster(self->registry);
    const dr_roster_group *group = group_of(roster, "g");
    text[0] = '\0';
    for (size_t i = 0; group != NULL && i < group->count; i++) {
        const size_t len = strlen(text);
        snprintf(text + len, sizeof text - len, "%s", group->nodes[i].address.host);
    }
    return text;
}

static void what_is_meant_is_told_apart(void **state)
{
    (void)state;
    assert_true(dr_registry_is_meant("file:/x"));
    assert_true(dr_registry_is_meant(" redis://a,redis://b"));
    assert_true(dr_registry_is_meant("rediss://a"));
    assert_true(dr_registry_is_meant("redis://a, rediss://b"));
    assert_false(dr_registry_is_meant("rediss://a,127.0.0.1:1"));
    assert_false(dr_registry_is_meant("a:1,b:2"));
    assert_false(dr_registry_is_meant("unix:/x"));
    assert_false(dr_registry_is_meant(""));
    assert_false(dr_registry_is_meant(NULL));
}

static void refused_urls_are_named(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"file:", "file: the path of a node file is missing"},
        {"redis://a,redis://b:x", "redis"},
        {"redis://a,", "redis"},
        {"a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", "more than 16 Redis"},
    };
    const dr_registry_events events = {.on_warning = on_warning};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dr_registry *registry;
        dora_error error = {.err = DORA_OK};
        assert_int_equal(dr_registry_new(&registry, cases[i][0], true, &events, &error),
                         DORA_EINVAL);
        if (strcmp(cases[i][1], "redis") != 0) {
            assert_string_equal(error.msg, cases[i][1]);
        }
    }
    dr_registry *most;
    assert_int_equal(dr_registry_new(&most, "a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", true, &events, NULL),
                     DORA_OK);
    assert_int_equal(dr_registry_sessions(most), 32);
    assert_non_null(dr_registry_session(most, 31));
    dr_registry_free(most);
}

static void the_union_of_several_counts(void **state)
{
    fixture *self = *state;
    make(self, "redis://r:1, redis://r:2,r:3");
    assert_int_equal(dr_registry_sessions(self->registry), 3);
    has(self, 0, "a");
    has(self, 1, "ba");
    assert_null(dr_registry_roster(self->registry));
    start(self);
    assert_string_equal(hosts(self), "ab");
    assert_true(dr_registry_changed(self->registry));
    assert_false(dr_registry_changed(self->registry));
    assert_false(dr_registry_is_reading(self->registry));
    read_again(self);
    assert_false(dr_registry_changed(self->registry));
    /* What a lost one said counts until another one speaks. */
    kill_redis(self, 1);
    assert_string_equal(hosts(self), "ab");
    assert_string_equal(self->warning, "redis://r:2: the connection was closed");
    read_again(self);
    assert_string_equal(hosts(self), "a");
    assert_true(dr_registry_changed(self->registry));
    assert_int_equal(self->warnings, 2); /* each reason once */
    assert_string_equal(self->warning, "redis://r:2: Connection refused");
    /* It is back, and counts again. */
    self->redis[1].is_dead = false;
    for (int i = 0; i < 4; i++) {
        read_again(self);
    }
    assert_string_equal(hosts(self), "ab");
}

static void all_down(void **state)
{
    fixture *self = *state;
    make(self, "redis://r:1,redis://r:2");
    self->redis[0].is_dead = true;
    self->redis[1].is_dead = true;
    start(self);
    assert_null(dr_registry_roster(self->registry));
    assert_string_equal(dr_registry_why(self->registry),
                        "redis://r:1: Connection refused; redis://r:2: Connection refused");
    assert_int_equal(self->warnings, 2);
    self->redis[0].is_dead = false;
    self->redis[1].is_dead = false;
    has(self, 0, "a");
    has(self, 1, "b");
    for (int i = 0; i < 4; i++) {
        read_again(self);
    }
    assert_string_equal(hosts(self), "ab");
    (void)dr_registry_changed(self->registry);
    kill_redis(self, 0);
    kill_redis(self, 1);
    assert_int_equal(self->warnings, 5); /* each, and that the nodes stay */
    assert_string_equal(self->warning,
                        "no Redis can be read; the last ones stay: 2 nodes in 1 group");
    read_again(self);
    read_again(self);
    assert_string_equal(hosts(self), "ab");
    assert_false(dr_registry_changed(self->registry));
    assert_int_equal(self->warnings, 7); /* that they are refused, by now */
}

static void suddenly_empty(void **state)
{
    fixture *self = *state;
    make(self, "redis://r:1");
    start(self);
    assert_null(dr_registry_roster(self->registry));
    assert_string_equal(dr_registry_why(self->registry), "no server is registered");
    assert_int_equal(self->warnings, 0);
    has(self, 0, "ab");
    read_again(self);
    assert_string_equal(hosts(self), "ab");
    (void)dr_registry_changed(self->registry);
    has(self, 0, "");
    read_again(self);
    read_again(self);
    assert_string_equal(hosts(self), "ab");
    assert_false(dr_registry_changed(self->registry));
    assert_int_equal(self->warnings, 1);
    assert_string_equal(self->warning,
                        "no server is registered any more; the last ones stay: 2 nodes in 1 group");
    has(self, 0, "b");
    read_again(self);
    assert_string_equal(hosts(self), "ab"); /* the other one may be on its way */
    assert_false(dr_registry_changed(self->registry));
    for (int i = 0; i < 10; i++) {
        read_again(self);
    }
    assert_string_equal(hosts(self), "b");
    assert_true(dr_registry_changed(self->registry));
    has(self, 0, "");
    read_again(self);
    assert_int_equal(self->warnings, 2); /* anew */
    has(self, 0, "c");
    read_again(self);
    assert_string_equal(hosts(self), "c"); /* one took the place of one */
}

static void back_one_by_one(void **state)
{
    fixture *self = *state;
    make(self, "redis://r:1");
    has(self, 0, "ab");
    start(self);
    kill_redis(self, 0);
    self->redis[0].is_dead = false;
    has(self, 0, "");
    read_again(self);
    assert_string_equal(hosts(self), "ab");
    has(self, 0, "c"); /* one more comes before those that were there */
    read_again(self);
    assert_string_equal(hosts(self), "abc");
    has(self, 0, "abc");
    read_again(self);
    has(self, 0, "bc"); /* all were back: who goes now is gone */
    read_again(self);
    assert_string_equal(hosts(self), "bc");
}

/* All are emptied, and one answers later than the others: it still names who left meanwhile. */
static void one_is_late(void **state)
{
    fixture *self = *state;
    make(self, "redis://r:1,redis://r:2");
    has(self, 0, "abc");
    has(self, 1, "c");
    start(self);
    has(self, 0, "");
    read_again(self);
    assert_string_equal(hosts(self), "abc");
    has(self, 0, "ab");
    has(self, 1, "");
    read_again(self);
    has(self, 0, "a"); /* b and c were back, or never missed, and went */
    read_again(self);
    assert_string_equal(hosts(self), "a");
    has(self, 0, "");
    has(self, 1, "b");
    read_again(self);
    assert_string_equal(hosts(self), "b"); /* one took the place of one */
}

static void who_goes_while_others_come_back(void **state)
{
    fixture *self = *state;
    make(self, "redis://r:1,redis://r:2");
    has(self, 0, "ab");
    start(self);
    has(self, 0, "");
    read_again(self);
    has(self, 0, "c");
    read_again(self);
    assert_string_equal(hosts(self), "abc");
    has(self, 0, "bc");
    read_again(self);
    assert_string_equal(hosts(self), "abc");
    has(self, 0, "b"); /* c was never missed */
    read_again(self);
    assert_string_equal(hosts(self), "ab");
    read_for(self, DR_REGISTRY_RETURN_MS); /* a never came */
    assert_string_equal(hosts(self), "b");
}

/* ---- the file ---- */

static void make_folder(fixture *self)
{
    unit_folder_make(&self->folder);
    snprintf(self->nodes, sizeof self->nodes, "%s/nodes.json", self->folder.path);
    snprintf(self->source, sizeof self->source, "file:%s", self->nodes);
}

static void later(fixture *self)
{
    self->now_ns += DR_REGISTRY_FILE_MS * SCENE_MS;
    dr_registry_read(self->registry, self->now_ns);
}

static void a_node_file_is_watched(void **state)
{
    fixture *self = *state;
    make_folder(self);
    char expected[256];
    make(self, self->source);
    assert_int_equal(dr_registry_sessions(self->registry), 0);
    dr_registry_start(self->registry, self->now_ns);
    snprintf(expected, sizeof expected, "file %s: No such file or directory", self->nodes);
    assert_string_equal(dr_registry_why(self->registry), expected);
    assert_string_equal(self->warning, expected);
    later(self);
    assert_int_equal(self->warnings, 1);
    unit_replace(self->nodes, "{}");
    later(self);
    assert_string_equal(dr_registry_why(self->registry), "no server is registered");
    unit_replace(self->nodes,
                 "{\"g\": [{\"ip\": \"b\", \"port\": 1}, {\"ip\": \"a\", \"port\": 1}]}");
    dr_registry_read(self->registry, self->now_ns + 1); /* it was looked at just now */
    assert_null(dr_registry_roster(self->registry));
    later(self);
    assert_string_equal(hosts(self), "ba"); /* the file's order */
    assert_true(dr_registry_changed(self->registry));
    later(self);
    assert_false(dr_registry_changed(self->registry));
    unit_replace(self->nodes, "{\"g\": [{]}");
    later(self);
    later(self);
    assert_string_equal(hosts(self), "ba");
    assert_int_equal(self->warnings, 2);
    snprintf(expected, sizeof expected,
             "file %s: line 1, column 9: this is no JSON; a node file is what `dora monitor --out "
             "nodes.json` writes; the last ones stay: 2 nodes in 1 group",
             self->nodes);
    assert_string_equal(self->warning, expected);
    assert_int_equal(unlink(self->nodes), 0);
    later(self);
    later(self);
    assert_int_equal(self->warnings, 3);
    unit_replace(self->nodes, "{}");
    later(self);
    assert_string_equal(hosts(self), "ba");
    snprintf(expected, sizeof expected,
             "file %s: no server stands there any more; the last ones stay: 2 nodes in 1 group",
             self->nodes);
    assert_string_equal(self->warning, expected);
    unit_replace(self->nodes, "{\"g\": [{\"ip\": \"c\", \"port\": 1}]}");
    later(self);
    assert_string_equal(hosts(self), "c");
    assert_true(dr_registry_changed(self->registry));
}

static void file_odd(void **state)
{
    fixture *self = *state;
    make_folder(self);
    char expected[256];
    assert_int_equal(mkfifo(self->nodes, 0600), 0); /* nobody writes there: that must not block */
    make(self, self->source);
    dr_registry_start(self->registry, self->now_ns);
    snprintf(expected, sizeof expected, "file %s: it is no regular file", self->nodes);
    assert_string_equal(dr_registry_why(self->registry), expected);
    assert_int_equal(unlink(self->nodes), 0);
    unit_replace(self->nodes, "");
    assert_int_equal(truncate(self->nodes, DR_REGISTRY_FILE_BYTES_MAX + 1), 0);
    later(self);
    snprintf(expected, sizeof expected, "file %s: it is longer than 4194304 bytes", self->nodes);
    assert_string_equal(dr_registry_why(self->registry), expected);
    assert_int_equal(truncate(self->nodes, DR_REGISTRY_FILE_BYTES_MAX), 0);
    later(self);
    assert_null(strstr(dr_registry_why(self->registry), "longer"));
}

/* What keeps the file from being opened may pass without a change of the file. */
static void file_not_opened(void **state)
{
    fixture *self = *state;
    make_folder(self);
    char expected[256];
    unit_replace(self->nodes, "{\"g\": [{\"ip\": \"a\", \"port\": 1}]}");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &self->files), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = self->files.rlim_max};
    make(self, self->source);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    dr_registry_start(self->registry, self->now_ns);
    later(self);
    later(self);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &self->files), 0);
    snprintf(expected, sizeof expected, "file %s: Too many open files", self->nodes);
    assert_string_equal(self->warning, expected);
    assert_int_equal(self->warnings, 1);
    assert_null(dr_registry_roster(self->registry));
    later(self);
    assert_string_equal(hosts(self), "a");
}

/* Written in place with as many bytes, and its time set back. */
static void file_time_set_back(void **state)
{
    fixture *self = *state;
    make_folder(self);
    struct stat before;
    unit_replace(self->nodes, "{\"g\": [{\"ip\": \"a\", \"port\": 1}]}");
    make(self, self->source);
    dr_registry_start(self->registry, self->now_ns);
    assert_int_equal(stat(self->nodes, &before), 0);
    struct stat after = before;
    while (memcmp(&after.st_ctim, &before.st_ctim, sizeof before.st_ctim) == 0) {
        const struct timespec times[2] = {before.st_atim, before.st_mtim};
        FILE *file = fopen(self->nodes, "r+");
        assert_non_null(file);
        assert_int_equal(fseek(file, 15, SEEK_SET), 0);
        assert_int_equal(fputc('b', file), 'b');
        fclose(file);
        assert_int_equal(utimensat(AT_FDCWD, self->nodes, times, 0), 0);
        assert_int_equal(stat(self->nodes, &after), 0);
    }
    later(self);
    assert_string_equal(hosts(self), "b");
}

static bool torture_step(void *user)
{
    const dr_registry_events events = {.on_warning = on_warning};
    dr_registry *registry;
    if (dr_registry_new(&registry, user, true, &events, NULL) != DORA_OK) {
        return false;
    }
    dr_registry_free(registry);
    return true;
}

static void out_of_memory(void **state)
{
    (void)state;
    assert_true(torture_run(torture_step, (void *)(uintptr_t) "redis://a,redis://b") >= 7);
    assert_int_equal(torture_run(torture_step, (void *)(uintptr_t) "file:/x"), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_meant_is_told_apart),
        cmocka_unit_test(refused_urls_are_named),
        unit_in(fixture, the_union_of_several_counts),
        unit_in(fixture, all_down),
        unit_in(fixture, suddenly_empty),
        unit_in(fixture, back_one_by_one),
        unit_in(fixture, one_is_late),
        unit_in(fixture, who_goes_while_others_come_back),
        unit_in(fixture, a_node_file_is_watched),
        unit_in(fixture, file_odd),
        unit_in(fixture, file_not_opened),
        unit_in(fixture, file_time_set_back),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
