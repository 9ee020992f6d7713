/* torture.c: decides which allocation fails. */
#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"

static atomic_size_t countdown;
static atomic_bool has_failed;

bool dr_mem_is_allowed(size_t size)
{
    (void)size;
    size_t left = atomic_load(&countdown);
    while (left > 0) {
        if (atomic_compare_exchange_weak(&countdown, &left, left - 1)) {
            if (left == 1) {
                atomic_store(&has_failed, true);
                return false;
            }
            break;
        }
    }
    return true;
}

void torture_arm(size_t nth)
{
    atomic_store(&has_failed, false);
    atomic_store(&countdown, nth);
}

bool torture_has_failed(void)
{
    return atomic_load(&has_failed);
}

size_t torture_run(bool (*step)(void *user), void *user)
{
    for (size_t nth = 1;; nth++) {
        torture_arm(nth);
        bool is_ok = step(user);
        bool is_failed = torture_has_failed();
        torture_arm(0);
        assert_int_equal(is_ok, !is_failed);
        if (!is_failed) {
            return nth - 1;
        }
        assert_true(nth < 10000);
    }
}
