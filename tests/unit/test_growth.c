/* test_growth.c: a worker has grown when it alone holds more than when it was young. */
#include "unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/limits.h"
#include "task/growth.h"

#define MORE_BYTES (DR_GROWN_BYTES + (256u << 10))

/* scene: a worker that was looked at when it was young, and what it came to hold since. */
typedef struct scene {
    dr_growth growth;
    char *more;
    int files[DR_GROWN_FILES + 1];
    size_t file_count;
} scene;

static void scene_end(scene *self)
{
    if (self->more != NULL) {
        munmap(self->more, MORE_BYTES);
    }
    while (self->file_count > 0) {
        close(self->files[--self->file_count]);
    }
}

UNIT_SCENE(scene, scene_end)

static void become_young(scene *self)
{
    self->growth = dr_growth_begin();
    assert_int_equal(self->growth.look_at, DR_YOUNG_TASKS);
    assert_false(dr_growth_look(&self->growth));
}

static void open_one(scene *self)
{
    const int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    self->files[self->file_count++] = file;
    assert_true(file >= 0);
}

static void looks_once_when_young_and_then_after_as_many_again(void **state)
{
    static const uint64_t lives[] = {1, 2, 4, 8, 12, 16};
    scene *self = *state;
    become_young(self);
    for (size_t i = 0; i < sizeof lives / sizeof lives[0]; i++) {
        assert_int_equal(self->growth.look_at, lives[i] * DR_LIFE_TASKS);
        assert_false(dr_growth_look(&self->growth));
    }
}

static void memory_is_growth_once_it_is_written_to(void **state)
{
    scene *self = *state;
    become_young(self);
    void *more = mmap(NULL, MORE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(more != MAP_FAILED);
    self->more = more;
    assert_false(dr_growth_look(&self->growth)); /* reserved, and not there yet */
    memset(self->more, 1, MORE_BYTES);
    assert_true(dr_growth_look(&self->growth));
}

static void descriptors_are_growth_past_what_is_allowed(void **state)
{
    scene *self = *state;
    become_young(self);
    for (uint32_t i = 0; i < DR_GROWN_FILES; i++) {
        open_one(self);
    }
    assert_false(dr_growth_look(&self->growth));
    open_one(self);
    assert_true(dr_growth_look(&self->growth));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(scene, looks_once_when_young_and_then_after_as_many_again),
        unit_in(scene, memory_is_growth_once_it_is_written_to),
        unit_in(scene, descriptors_are_growth_past_what_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
