/* unit.h: what every unit test includes first: cmocka, and the one way to set a test up.
 *
 * A failed assertion leaves the test by a jump. So what would stay behind (threads, servers,
 * processes, descriptors, files) belongs to a scene, a struct that is made, all zero, before the
 * test, and ends after it, however the test was left:
 *
 *     UNIT_SCENE(kitchen, kitchen_end)     below kitchen_end(kitchen *)
 *     kitchen *self = *state;              a test's first line; it begins what it needs itself
 *     unit_in(kitchen, a_pot_boils),       in the list of tests
 *
 * An end takes a scene that was begun by half or not at all, ends first and checks after. Where a
 * test begins again it leaves the scene zero. Memory alone may be freed by hand. Suite `unit` fails
 * an assertion of every test and looks for what is left (tests/planted). */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <dora/value.h>

/* cmocka 2 has ranges of signed and of unsigned numbers, and warns of the name that it had before.
 * Its unsigned one converts through a signed number: not without a warning of the compiler. */
#ifdef assert_int_in_range
#undef assert_in_range
#define assert_in_range(value, min, max) assert_int_in_range(value, min, max)
#endif

#define UNIT_SCENE(type, end)                                                                      \
    static inline int type##_scene_new(void **state)                                               \
    {                                                                                              \
        *state = calloc(1, sizeof(type));                                                          \
        return *state == NULL;                                                                     \
    }                                                                                              \
    static inline int type##_scene_end(void **state)                                               \
    {                                                                                              \
        end(*state);                                                                               \
        free(*state);                                                                              \
        return 0;                                                                                  \
    }
#define unit_in(type, test)                                                                        \
    cmocka_unit_test_setup_teardown(test, type##_scene_new, type##_scene_end)

/* unit_close closes a descriptor of a scene; 0 is none. */
static inline void unit_close(int *fd)
{
    if (*fd > 0) {
        close(*fd);
    }
    *fd = 0;
}

/* unit_wait waits for a child. Returns: its status as of waitpid, -1 where there is none. */
static inline int unit_wait(pid_t child)
{
    int status;
    return child > 0 && waitpid(child, &status, 0) == child ? status : -1;
}

/* text_slice is the bytes of a NUL-ended text of ours. */
static inline dora_slice text_slice(const char *text)
{
    dora_slice slice = {text, strlen(text)};
    return slice;
}

/* assert_slice checks that `slice` holds exactly `text`. */
#define assert_slice(slice, text)                                                                  \
    do {                                                                                           \
        dora_slice slice_ = (slice);                                                               \
        assert_int_equal(slice_.len, strlen(text));                                                \
        assert_memory_equal(slice_.data, (text), slice_.len);                                      \
    } while (0)

#endif
