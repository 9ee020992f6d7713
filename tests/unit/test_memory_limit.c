/* test_memory_limit.c: what a process that crashes at its memory limit leaves behind. */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

#include "task/memory_limit.h"

#define LIMIT_MB (1u << 20) /* far above what a test holds, under a sanitizer too */

typedef struct crashing {
    dr_shared_worker *shared; /* with the process that crashes */
} crashing;

static void crashing_end(crashing *self)
{
    if (self->shared != NULL) {
        (void)munmap(self->shared, sizeof(*self->shared));
    }
}
UNIT_SCENE(crashing, crashing_end)

/* end has a child end by a signal, or with status 1. Returns: its wait status. */
static int end(crashing *self, uint32_t limit_mb, int last_error, int number)
{
    static volatile char much[2 << 20] = {1}; /* data that every process here holds */
    int status = 0;
    assert_int_equal(much[0], 1);
    self->shared = mmap(NULL, sizeof(*self->shared), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(self->shared, MAP_FAILED);
    const pid_t pid = fork();
    if (pid == 0) {
        (void)signal(SIGABRT, SIG_DFL); /* cmocka and sanitizers have their own */
        dr_memory_limit_begin(limit_mb);
        dr_memory_limit_watch(self->shared);
        errno = last_error;
#ifdef __x86_64__
        if (number == SIGTRAP) {
            __asm__ volatile("int3");
            exit(2); /* it went on behind it */
        }
#endif
        if (number != 0) {
            (void)raise(number);
        }
        exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static int crash(crashing *self, uint32_t limit_mb, int last_error)
{
    const int status = end(self, limit_mb, last_error, SIGABRT);
    return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
}

static void who_was_refused_memory_leaves_what_it_held_and_dies_of_its_signal(void **state)
{
    crashing *self = *state;
    assert_int_equal(crash(self, LIMIT_MB, ENOMEM), SIGABRT);
    assert_true(atomic_load(&self->shared->starved_kb) > 100);
}

static void who_meets_a_breakpoint_dies_of_it(void **state)
{
    crashing *self = *state;
    const int status = end(self, LIMIT_MB, ENOMEM, SIGTRAP);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTRAP);
}

static void who_exits_where_there_is_no_memory_leaves_it_too(void **state)
{
    crashing *self = *state;
    const int status = end(self, LIMIT_MB, ENOMEM, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    assert_true(atomic_load(&self->shared->starved_kb) > 100);
}

static void who_has_memory_to_spare_leaves_nothing(void **state)
{
    crashing *self = *state;
    assert_int_equal(crash(self, UINT32_MAX, 0), SIGABRT);
    assert_int_equal(atomic_load(&self->shared->starved_kb), 0);
}

static void who_is_close_to_the_limit_was_stopped_by_it(void **state)
{
    crashing *self = *state;
    assert_int_equal(crash(self, 1, 0), SIGABRT); /* it holds 2 MiB */
    assert_true(atomic_load(&self->shared->starved_kb) >= 2048);
}

static void without_a_limit_nothing_is_watched(void **state)
{
    crashing *self = *state;
    assert_int_equal(crash(self, 0, ENOMEM), SIGABRT);
    assert_int_equal(atomic_load(&self->shared->starved_kb), 0);
}

static void the_limit_is_named_with_what_was_held(void **state)
{
    (void)state;
    char text[DR_MEMORY_LIMIT_TEXT_MAX];
    (void)dr_memory_limit_name(96, 95 * 1024 + 1023, text, sizeof(text));
    assert_string_equal(text, "memory_hard_mb (96; it held 95 MiB)");
    assert_int_equal(dr_memory_limit_name(UINT32_MAX, UINT32_MAX, text, sizeof(text)),
                     strlen("memory_hard_mb (4294967295; it held 4194303 MiB)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(crashing, who_was_refused_memory_leaves_what_it_held_and_dies_of_its_signal),
        unit_in(crashing, who_meets_a_breakpoint_dies_of_it),
        unit_in(crashing, who_exits_where_there_is_no_memory_leaves_it_too),
        unit_in(crashing, who_has_memory_to_spare_leaves_nothing),
        unit_in(crashing, who_is_close_to_the_limit_was_stopped_by_it),
        unit_in(crashing, without_a_limit_nothing_is_watched),
        cmocka_unit_test(the_limit_is_named_with_what_was_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
