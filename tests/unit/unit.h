/* unit.h: what every unit test includes first: cmocka and what it asks for. */
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

#include <cmocka.h>

#include <dora/value.h>

/* cmocka 2 has ranges of signed and of unsigned numbers, and warns of the name that it had before.
 * Its unsigned one converts through a signed number: not without a warning of the compiler. */
#ifdef assert_int_in_range
#undef assert_in_range
#define assert_in_range(value, min, max) assert_int_in_range(value, min, max)
#endif

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
