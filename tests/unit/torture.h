/* torture.h: allocation failure for unit tests, through the door in base/mem.h. */
#ifndef TORTURE_H
#define TORTURE_H

#include <stdbool.h>
#include <stddef.h>

/* torture_arm makes the `nth` allocation from now on fail (1 is the next one), and none after it;
 * 0 lets all succeed. */
void torture_arm(size_t nth);

/* torture_has_failed says whether the armed failure has happened. */
bool torture_has_failed(void);

/* torture_run calls `step` with its 1st, 2nd, ... allocation failing, until one run needs no more.
 * `step` returns whether it succeeded; it must fail exactly when an allocation did, and leak
 * nothing (the sanitizers watch). Returns: how many allocations a whole run makes. */
size_t torture_run(bool (*step)(void *user), void *user);

#endif
