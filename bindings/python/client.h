/* client.h: what the files of dora.Client share. */
#ifndef DR_PY_CLIENT_H
#define DR_PY_CLIENT_H

#include "binding.h"

#define DR_PY_LANES_MAX 16 /* idle lanes a client keeps; more threads at once make theirs anew */

/* dr_py_lane is the memory of one call under way. `params` holds the encoded parameters in a row.
 */
typedef struct dr_py_lane {
    PyObject *encode; /* of its client, borrowed; NULL: none */
    dora_answer *answer;
    dora_writer *writer;
    char *params;
    size_t params_len;
    size_t params_cap;
} dr_py_lane;

typedef struct dr_py_stream dr_py_stream;

/* dr_py_client is a dora.Client. The GIL guards all members but `client`, which is safe anyway. */
typedef struct dr_py_client {
    PyObject ob_base;
    dora_client *client;
    size_t active; /* calls under way: close() leaves the freeing to the last of them */
    bool is_closed;
    dr_py_stream *streams; /* that go on */
    size_t idle_count;
    dr_py_lane *idle[DR_PY_LANES_MAX];
    uint32_t timeout_ms; /* of its calls */
    PyObject *encode;    /* what has no place on the wire to something that has; NULL: none */
    PyObject *keys; /* {guid: list of keys} of submit_many, until collected: 7 and "7" are one key
                       on the wire */
} dr_py_client;

/* dr_py_lane_new makes a lane, dr_py_lane_free frees it (NULL is fine). Returns: NULL when out of
 * memory, without an exception. */
dr_py_lane *dr_py_lane_new(void);
void dr_py_lane_free(dr_py_lane *lane);

dr_py_state *dr_py_client_state(dr_py_client *self);

/* dr_py_client_begin keeps the client open until dr_py_client_end. Returns: 0, or -1 with
 * RuntimeError when it is closed. */
int dr_py_client_begin(dr_py_client *self);
void dr_py_client_end(dr_py_client *self);

/* dr_py_lane_take begins a call, dr_py_lane_give_back ends it. Returns: NULL with an exception when
 * the client is closed or out of memory. */
dr_py_lane *dr_py_lane_take(dr_py_client *self);
void dr_py_lane_give_back(dr_py_client *self, dr_py_lane *lane);

/* ---- arguments, client_options.c. What returns an int: 0, or -1 with an exception. ---- */

/* dr_py_timeout_read makes seconds to milliseconds, rounded up; NULL and None are 0, the default.
 */
int dr_py_timeout_read(PyObject *timeout, uint32_t *timeout_ms);

/* dr_py_retry_read reads an int of 0 or more; NULL and None leave `*retry` as it is. */
int dr_py_retry_read(PyObject *retry, int32_t *count);

/* dr_py_wait_read makes 0 or more seconds to milliseconds; NULL and None leave `*wait_ms` as it
 * is. */
int dr_py_wait_read(PyObject *wait, int32_t *wait_ms);

/* dr_py_group_read reads a group's name; NULL and None are NULL. Ownership: borrowed from the
 * object. */
int dr_py_group_read(PyObject *group, const char **name);

/* dr_py_call_options_read reads what one call has otherwise than its client. */
int dr_py_call_options_read(PyObject *timeout, PyObject *retry, PyObject *wait, PyObject *group,
                            PyObject *trace, PyObject *priority, dora_call_options *options);

/* dr_py_stream_options_read reads what streams have beyond that: parts under way, seconds of
 * silence. */
int dr_py_stream_options_read(PyObject *window, PyObject *idle, dora_call_options *options);

/* dr_py_is_mapping says whether an object has keys; dr_py_dict_of gives such a one as a dict, as
 * itself where it is one. Returns: a new reference, or NULL with an exception. */
bool dr_py_is_mapping(PyObject *object);
PyObject *dr_py_dict_of(PyObject *mapping);

/* dr_py_settings is what a client is made with. Zeroed memory has none. */
typedef struct dr_py_settings {
    dora_client_options options; /* they point into the arguments, and into */
    dora_nodes *nodes;
    PyObject *files[4]; /* names of files as bytes; NULL: not given */
    PyObject *encode;   /* NULL: none */
} dr_py_settings;

/* dr_py_settings_read reads it; `connections` belongs to asynchronous clients only.
 * Ownership: borrows the arguments; dr_py_settings_fini lets go, after a failure too. */
int dr_py_settings_read(PyObject *args, PyObject *kwargs, bool is_async, dr_py_settings *settings);
void dr_py_settings_fini(dr_py_settings *settings);

/* dr_py_client_warn tells logger "dora" what is wrong with a registry; the on_warning of all
 * clients. What the logger's handlers raise is printed. Thread: any, with the GIL or without. */
void dr_py_client_warn(void *user, const char *text);

/* ---- a call without the GIL, client_call.c ---- */

/* dr_py_wait stands for the time in which a call has given up the GIL. */
typedef struct dr_py_wait {
    PyThreadState *saved;
    bool has_raised; /* a Python signal handler raised: its exception is set */
    bool has_deadline;
} dr_py_wait;

/* dr_py_wait_begin gives up the GIL and makes the call interruptible by Python's signal handlers;
 * in an async def handler the call ends with the handler's caller. dr_py_wait_end takes the GIL
 * back; `answer` is what the call has filled, NULL for none. Returns: 0 where the call succeeded,
 * else -1 with an exception. */
void dr_py_wait_begin(dr_py_wait *wait, dr_py_state *state, dora_call_options *options);
int dr_py_wait_end(dr_py_wait *wait, dr_py_state *state, dora_err err, dora_error *error,
                   const dora_answer *answer);

/* dr_py_name_read gives the UTF-8 of an api name or key, borrowed from the object. Returns: 0, or
 * -1 with an exception. */
int dr_py_name_read(PyObject *name, dora_slice *slice);

/* dr_py_param_encode encodes one parameter into the lane's writer. Ownership: the slice is
 * borrowed from it. Returns: 0, or -1 with an exception. */
int dr_py_param_encode(dr_py_state *state, dr_py_lane *lane, PyObject *param, dora_slice *encoded);

/* dr_py_data_read builds a handler's data; dr_py_result_read that, or the dora.Error of a result
 * whose code is not 0. Return: a new reference, or NULL with an exception. */
PyObject *dr_py_data_read(dr_py_state *state, const dora_result *result);
PyObject *dr_py_result_read(dr_py_state *state, const dora_result *result);

/* dr_py_progress_read gives what a stream says of how far it is: a Progress. Returns: a new
 * reference, or NULL with an exception. */
PyObject *dr_py_progress_read(dr_py_state *state, const dora_stream_event *event);

/* dr_py_streams_cut ends the streams of a client that is closed, but those that a thread waits for,
 * which hear of it within half a second. */
void dr_py_streams_cut(dr_py_client *client);

/* dr_py_results_read gives {key: data or Error} for the results of a call of many, in order. With
 * `keys` NULL the keys are those that travelled. Returns: as above. */
PyObject *dr_py_results_read(dr_py_state *state, const dora_answer *answer, PyObject *keys);

/* dr_py_many is a call of many while it is made. */
typedef struct dr_py_many {
    const char *method;
    PyObject *keys;    /* a list; the caller's dict may change while the call waits */
    PyObject *holders; /* a list of the strings that slices point into */
    dora_call *calls;
    size_t count;
} dr_py_many;

/* dr_py_many_read reads {key: (name, param)}; the lane holds the parameters. `method` is set by the
 * caller. Returns: 0, or -1 with an exception; dr_py_many_fini is called in either case. */
int dr_py_many_read(dr_py_many *all, dr_py_state *state, dr_py_lane *lane, PyObject *entries);
void dr_py_many_fini(dr_py_many *all);

/* ---- the methods ---- */

#define DR_PY_METHOD_ONE(name)                                                                     \
    PyObject *dr_py_client_##name(dr_py_client *self, PyObject *const *args, Py_ssize_t count,     \
                                  PyObject *keywords);                                             \
    extern const char dr_py_client_##name##_doc[];

#define DR_PY_METHOD_MANY(name)                                                                    \
    PyObject *dr_py_client_##name(dr_py_client *self, PyObject *args, PyObject *kwargs);           \
    extern const char dr_py_client_##name##_doc[];

DR_PY_METHOD_ONE(call)
DR_PY_METHOD_ONE(send)
DR_PY_METHOD_ONE(submit)
DR_PY_METHOD_MANY(call_many)
DR_PY_METHOD_MANY(send_many)
DR_PY_METHOD_MANY(submit_many)
DR_PY_METHOD_MANY(collect)
DR_PY_METHOD_MANY(result)
DR_PY_METHOD_MANY(stream)

PyObject *dr_py_client_is_done(dr_py_client *self, PyObject *guid);
extern const char dr_py_client_is_done_doc[];

/* dr_py_pending_new makes the PendingResult of a submission. Returns: a new reference, or NULL with
 * an exception. */
PyObject *dr_py_pending_new(dr_py_client *self, const char *guid);

#endif
