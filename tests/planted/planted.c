/* planted.c: loaded before a test program, it fails one assertion of every test, and tells what the
 * test has left behind once it was torn down: threads, processes, descriptors, files, mappings.
 *
 *     DORA_PLANT=5 LD_PRELOAD=planted.so test_client
 *
 * fails the fifth assertion of each; the status is 1 where something is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uv.h>

#define FILES_MAX 64
#define FRAMES_MAX 64
#define LOOKS 2000

typedef struct left {
    int threads;
    int descriptors;
    int children;
} left;

static const struct CMUnitTest *tests;
static size_t running; /* which of them */
static int planted_at;
static int passed; /* assertions of this test */
static bool is_armed;
static pid_t main_pid; /* forked children, and threads, fail by themselves */
static left before;
static char *files[FILES_MAX]; /* what this test has made */
static size_t file_count;
static int guilty;

static int count_entries(const char *folder)
{
    int count = 0;
    DIR *open = opendir(folder);
    while (open != NULL && readdir(open) != NULL) {
        count++;
    }
    if (open != NULL) {
        closedir(open);
    }
    return count;
}

static left look(void)
{
    return (left){.threads = count_entries("/proc/self/task"),
                  .descriptors = count_entries("/proc/self/fd"),
                  .children = waitpid(-1, NULL, WNOHANG) >= 0};
}

/* ---- what is made ---- */

static void remember(const char *path)
{
    if (path != NULL && file_count < FILES_MAX) {
        files[file_count++] = strdup(path);
    }
}

char *mkdtemp(char *path)
{
    char *(*real)(char *) = (char *(*)(char *))dlsym(RTLD_NEXT, "mkdtemp");
    char *made = real(path);
    remember(made);
    return made;
}

int mkstemp(char *path)
{
    int (*real)(char *) = (int (*)(char *))dlsym(RTLD_NEXT, "mkstemp");
    const int fd = real(path);
    remember(fd >= 0 ? path : NULL);
    return fd;
}

/* ---- one assertion of each test ---- */

/* A jump out of a callback would leave libuv in the middle of its turn: such an assertion waits. */
static bool is_below_libuv(void)
{
    void *frames[FRAMES_MAX];
    const int count = backtrace(frames, FRAMES_MAX);
    for (int i = 0; i < count; i++) {
        Dl_info found;
        if (dladdr(frames[i], &found) != 0 && strstr(found.dli_fname, "libuv") != NULL) {
            return true;
        }
    }
    return false;
}

static void plant(const char *file, int line)
{
    if (is_armed && syscall(SYS_gettid) == main_pid && ++passed >= planted_at &&
        !is_below_libuv()) {
        is_armed = false;
        _fail(file, line);
    }
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

void _assert_true(const LargestIntegralType result, const char *const expression,
                  const char *const file, const int line)
{
    plant(file, line);
    REAL(_assert_true)(result, expression, file, line);
}

void _assert_int_equal(const LargestIntegralType a, const LargestIntegralType b,
                       const char *const file, const int line)
{
    plant(file, line);
    REAL(_assert_int_equal)(a, b, file, line);
}

void _assert_string_equal(const char *const a, const char *const b, const char *const file,
                          const int line)
{
    plant(file, line);
    REAL(_assert_string_equal)(a, b, file, line);
}

/* ---- the tests, each between two looks ---- */

static int set_up(void **state)
{
    before = look();
    file_count = 0;
    return tests[running].setup_func != NULL ? tests[running].setup_func(state) : 0;
}

static void run(void **state)
{
    passed = 0;
    is_armed = true;
    tests[running].test_func(state);
    is_armed = false;
}

static int tear_down(void **state)
{
    const struct CMUnitTest *test = &tests[running++];
    is_armed = false;
    const int status = test->teardown_func != NULL ? test->teardown_func(state) : 0;
    left after = look();
    int lasting = 0;
    /* A thread that was joined may be in /proc a moment longer. */
    for (int turn = 0; turn < LOOKS && after.threads > before.threads; turn++) {
        usleep(1000); /* between two looks */
        after.threads = count_entries("/proc/self/task");
    }
    for (; file_count > 0; free(files[file_count])) {
        lasting += access(files[--file_count], F_OK) == 0;
    }
    if (after.threads > before.threads || after.descriptors > before.descriptors ||
        after.children > before.children || lasting > 0) {
        guilty++;
        fprintf(stderr, "LEFT by %s: %d threads, %d descriptors, %s, %d files\n", test->name,
                after.threads - before.threads, after.descriptors - before.descriptors,
                after.children > before.children ? "a process" : "no process", lasting);
    }
    return status;
}

/* libuv's own threads and descriptors stay for the life of the process: they are made before. */
static void nothing(uv_work_t *work)
{
    (void)work;
}

static void warm_up(void)
{
    uv_loop_t loop;
    uv_work_t work;
    (void)uv_loop_init(&loop);
    (void)uv_queue_work(&loop, &work, nothing, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&loop);
}

int _cmocka_run_group_tests(const char *group, const struct CMUnitTest *const all,
                            const size_t count, CMFixtureFunction begin, CMFixtureFunction end)
{
    struct CMUnitTest *wrapped = calloc(count, sizeof(*wrapped));
    const char *at = getenv("DORA_PLANT");
    planted_at = at != NULL ? (int)strtol(at, NULL, 10) : 1;
    tests = all;
    main_pid = getpid();
    warm_up();
    for (size_t i = 0; i < count; i++) {
        wrapped[i] = all[i];
        wrapped[i].setup_func = set_up;
        wrapped[i].test_func = run;
        wrapped[i].teardown_func = tear_down;
    }
    (void)REAL(_cmocka_run_group_tests)(group, wrapped, count, begin, end);
    free(wrapped);
    return (running < count) + guilty > 0;
}
