/* client.h: what client.c and client_call.c share. */
#ifndef DR_PY_CLIENT_H
#define DR_PY_CLIENT_H

#include "binding.h"

#define DR_PY_LANES_MAX 16 /* idle lanes a client keeps; more threads at once make theirs anew */

/* dr_py_lane is the memory of one call under way. `params` holds the encoded parameters in a row.
 */
typedef struct dr_py_lane {
    dora_answer *answer;
    dora_writer *writer;
    char *params;
    size_t params_len;
    size_t params_cap;
} dr_py_lane;

/* dr_py_client is a dora.Client. The GIL guards all members but `client`, which is safe anyway. */
typedef struct dr_py_client {
    PyObject ob_base;
    dora_client *client;
    size_t active; /* calls under way: close() leaves the freeing to the last of them */
    bool is_closed;
    size_t idle_count;
    dr_py_lane *idle[DR_PY_LANES_MAX];
} dr_py_client;

dr_py_state *dr_py_client_state(dr_py_client *self);

/* dr_py_lane_take begins a call, dr_py_lane_give_back ends it. Returns: NULL with an exception when
 * the client is closed or out of memory. */
dr_py_lane *dr_py_lane_take(dr_py_client *self);
void dr_py_lane_give_back(dr_py_client *self, dr_py_lane *lane);

/* dr_py_timeout_read makes seconds to milliseconds, rounded up; NULL and None are 0, the default.
 * Returns: 0, or -1 with an exception. */
int dr_py_timeout_read(PyObject *timeout, uint32_t *timeout_ms);

/* dr_py_check_retry accepts NULL, None and 0. Returns: -1 with ValueError for any other. */
int dr_py_check_retry(PyObject *retry);

/* The methods of client_call.c. */
PyObject *dr_py_client_call(dr_py_client *self, PyObject *const *args, Py_ssize_t count,
                            PyObject *keywords);
PyObject *dr_py_client_call_many(dr_py_client *self, PyObject *args, PyObject *kwargs);
extern const char dr_py_client_call_doc[];
extern const char dr_py_client_call_many_doc[];

#endif
