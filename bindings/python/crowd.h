/* crowd.h: how crowded a dict is to become, counted beside it.
 *
 * A dict looks for an int by bits that everybody knows: whoever chooses the keys can have each
 * looked for behind thousands of others, which takes seconds for a megabyte. A dict does not say
 * how long it looked, so the way it goes is gone beside it, as CPython has done since 3.6. */
#ifndef DR_PY_CROWD_H
#define DR_PY_CROWD_H

#include "binding.h"

#define DR_PY_CROWD_MIN 512 /* of smaller dicts nothing is counted: they take too little time */

/* dr_py_crowd is a dict's table. Zeroed memory is an empty one. */
typedef struct dr_py_crowd {
    struct dr_py_seat *seats; /* by their order */
    int32_t *places;          /* of the table: a seat, or -1 */
    size_t mask;
    size_t used;
    size_t usable;
} dr_py_crowd;

/* dr_py_crowd_add adds a key; `passed` goes up by those that a dict has to pass to place it.
 * Returns: false with an exception set when out of memory. */
bool dr_py_crowd_add(dr_py_crowd *crowd, PyObject *key, uint64_t *passed);
void dr_py_crowd_fini(dr_py_crowd *crowd);

#endif
