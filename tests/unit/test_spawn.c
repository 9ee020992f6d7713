/* test_spawn.c: a zygote that cannot be started: is its program to blame, and what helps? */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

#include "task/spawn.h"

#define FILES 64

typedef struct scene {
    struct rlimit files; /* as they were; none: not changed */
    int open[FILES];
    int count;
    dora_error error;
} scene;

static void scene_end(scene *self)
{
    if (self->files.rlim_max != 0) {
        (void)setrlimit(RLIMIT_NOFILE, &self->files);
    }
    while (self->count > 0) {
        close(self->open[--self->count]);
    }
}
UNIT_SCENE(scene, scene_end)

static dora_err spawn(scene *self, const char *program)
{
    const dr_rights rights = {.mask = DR_RIGHTS_UNSET,
                              .core_bytes_max = DR_RIGHTS_UNSET,
                              .data_bytes_max = DR_RIGHTS_UNSET};
    pid_t pid = 0;
    const char *const argv[] = {program, NULL};
    const dr_spawn order = {.argv = argv, .control_fd = 0, .output_fd = 1, .rights = &rights};
    return dr_spawn_zygote(&order, &pid, &self->error);
}

static void a_missing_program_is_to_blame(void **state)
{
    scene *self = *state;
    assert_int_equal(spawn(self, "/no/program"), DORA_ELOAD);
    assert_string_equal(self->error.msg, "cannot start /no/program: No such file or directory");
}

static void without_descriptors_their_limit_is_named(void **state)
{
    scene *self = *state;
    struct rlimit few;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &self->files), 0);
    few = self->files;
    few.rlim_cur = FILES;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    int fd;
    while ((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0) {
        self->open[self->count++] = fd;
    }
    assert_int_equal(errno, EMFILE);
    assert_int_equal(spawn(self, "/bin/true"), DORA_EIO);
    assert_non_null(strstr(self->error.msg, "cannot start /bin/true: "));
    assert_non_null(strstr(self->error.msg, "Too many open files; raise the limit of open files"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(scene, a_missing_program_is_to_blame),
        unit_in(scene, without_descriptors_their_limit_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
