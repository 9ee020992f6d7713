/* binding.h: what the C files of the Python extension share. All functions need the GIL. */
#ifndef DR_PY_BINDING_H
#define DR_PY_BINDING_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <dora/dora.h>
#include <dora/runtime.h>

/* dr_py_keys remembers short ASCII keys of arrays as str objects, so that the same key in the next
 * request costs a comparison, not an allocation. Direct-mapped, hence bounded. */
#define DR_PY_KEYS_MAX 512u
#define DR_PY_KEY_BYTES_MAX 32u
typedef struct dr_py_keys {
    PyObject *slots[DR_PY_KEYS_MAX];
} dr_py_keys;

/* dr_py_state is the module's state. */
typedef struct dr_py_state {
    PyTypeObject *app_type;
    PyTypeObject *client_type;
    PyTypeObject *mux_type;
    PyTypeObject *request_type;
    PyTypeObject *running_type;
    PyTypeObject *alone_type;
    PyTypeObject *stream_type;
    PyObject *progress_type; /* dora.Progress; NULL until there is some */
    PyObject *running; /* the ContextVar of the call that is running; NULL before there was one */
    PyObject *error;
    PyObject *timeout_error;
    PyObject *connection_error;
    PyObject *handler_error;
    PyObject *not_run_error;
    PyObject *time_limit; /* raised in a handler that should end */
    PyObject *cancelled;
    PyObject *plain;        /* dora._plain.plain; NULL until it is wanted */
    PyObject *misfit;       /* raised in place of calling a handler: 100210 */
    PyObject *pending_type; /* dora.PendingResult; NULL until something is submitted */
    PyObject *code_name;    /* "code", interned */
    PyObject *done_name;    /* of asyncio's futures, interned */
    PyObject *result_name;
    PyObject *exception_name;
    dr_py_keys keys;
    int child_status; /* of this process, where the application has forked it */
} dr_py_state;

extern struct PyModuleDef dr_py_module;

/* dr_py_state_of finds the state by a class of the module's, or one that an application derived
 * from it. */
dr_py_state *dr_py_state_of(PyTypeObject *type);

/* dr_py_handler is what the core gets as `handler` for one name. Members are owned. What is called
 * is the function itself, or what stands around it: middleware, and what makes members of a map its
 * named parameters. */
typedef struct dr_py_handler {
    struct dr_py_handler *next;
    PyObject *name;     /* str; empty for the fallback */
    PyObject *function; /* as it was registered */
    PyObject *options;  /* dict of what api() was told; NULL: nothing */
    PyObject *schemas;  /* (of the parameter, of the result), JSON in bytes; NULL: none */
    bool is_named;      /* its parameters are members of a map */
    bool may_be_typed;  /* it has annotations */
    PyObject *callable; /* NULL until dr_py_app_compose; of it: */
    bool takes_request;
    bool is_async; /* calling it gives a coroutine */
} dr_py_handler;

/* dr_py_app is a dora.App. Hooks are lists of (callable, takes_worker, is_async). */
typedef struct dr_py_app {
    PyObject ob_base;
    dr_py_handler *first;
    dr_py_handler *last;
    PyObject *typed;  /* whether annotations count: None, True or False; not owned */
    PyObject *encode; /* what has no place on the wire to something that has; NULL: none */
    PyObject *start_hooks;
    PyObject *stop_hooks;
    PyObject *middleware; /* list of functions, outermost first */
    PyObject *alone;      /* what dora/_call.py keeps for call() */
    bool has_async;       /* a handler or hook is async def, or wraps one */
    bool is_sealed;       /* loaded: later registrations would never reach the server */
} dr_py_app;

/* dr_py_decode builds the Python value of one whole encoded value. Returns: a new reference; NULL
 * with ValueError for malformed bytes, which the message gives the offset of. */
PyObject *dr_py_decode(dr_py_state *state, dora_slice bytes);
void dr_py_keys_clear(dr_py_keys *keys);
int dr_py_keys_visit(dr_py_keys *keys, visitproc visit, void *arg);

/* Levels of arrays in one body, and in a parameter or result: envelopes stand around these. */
#define DR_PY_DEPTH_MAX 512u
#define DR_PY_CALL_DEPTH_MAX (DR_PY_DEPTH_MAX - 3)

/* dr_py_encode writes `value` to `writer`. What has no place on the wire dora._plain or else `hook`
 * (may be NULL) gives one that has. Returns: DORA_OK; DORA_ETYPE with a Python exception set, which
 * names the path from `$`; any other error is the writer's, without a Python exception
 * (DORA_ETOOBIG: the value is larger than its bound). */
dora_err dr_py_encode(dr_py_state *state, dora_writer *writer, PyObject *value, PyObject *hook,
                      uint32_t depth_max);

/* dr_py_hook_read takes the argument `encode`: None (`*hook` is NULL) or a callable. Ownership:
 * gives a reference. Returns: 0, or -1 with TypeError. */
int dr_py_hook_read(PyObject *given, PyObject **hook);

/* dr_py_errors_init makes the error classes and adds them to the module. Returns: 0, or -1 with an
 * exception. */
int dr_py_errors_init(PyObject *module, dr_py_state *state);

/* dr_py_interrupt_init makes dora.Interrupted and its two kinds (interrupt.c). Returns: 0, or -1
 * with an exception. */
int dr_py_interrupt_init(PyObject *module, dr_py_state *state);

/* dr_py_error_new makes an instance of one of the error classes; the message may be any bytes. */
PyObject *dr_py_error_new(PyObject *type, int64_t code, dora_slice msg);

/* dr_py_error_from_result makes the exception for an api's outcome whose code is not 0. */
PyObject *dr_py_error_from_result(dr_py_state *state, const dora_result *result);

/* dr_py_error_from makes the dora.Error for a failed call of the library; `answer` is what it has
 * filled, NULL for none. */
PyObject *dr_py_error_from(dr_py_state *state, const dora_error *error, const dora_answer *answer);

/* dr_py_raise sets the Python exception for a failed call of the library, dr_py_raise_from with
 * what `answer` says of it (as above). Always returns NULL. */
PyObject *dr_py_raise(dr_py_state *state, const dora_error *error);
PyObject *dr_py_raise_from(dr_py_state *state, const dora_error *error, const dora_answer *answer);

/* The types, each made by its own file. Return: a new reference, or NULL with an exception. */
PyTypeObject *dr_py_app_type_new(PyObject *module);
PyTypeObject *dr_py_client_type_new(PyObject *module);
PyTypeObject *dr_py_mux_type_new(PyObject *module);
PyTypeObject *dr_py_request_type_new(PyObject *module);
PyTypeObject *dr_py_running_type_new(PyObject *module);
PyTypeObject *dr_py_alone_type_new(PyObject *module);
PyTypeObject *dr_py_stream_type_new(PyObject *module);

/* dr_py_alone_current gives the request of a call without a server, which is borrowed. NULL: it has
 * ended, or this is the thread that starts it, and knows of it by itself. */
const dora_request *dr_py_alone_current(PyObject *alone);

/* dr_py_alone_outer gives the call within which one was made; NULL: none. Ownership: borrowed. */
PyObject *dr_py_alone_outer(PyObject *alone);

/* dr_py_options_new checks what api() is told of the api `name`, and keeps it. Returns: a dict, or
 * NULL with an exception. dr_py_options_limit says whether a handler has a time limit of its
 * own; 0 is none. */
PyObject *dr_py_options_new(PyObject *name, PyObject *summary, PyObject *time_limit);
bool dr_py_options_limit(const dr_py_handler *handler, int64_t *ms);

/* dr_py_app_compose makes what is called for a handler, dora/_chain.py. Returns: 0, or -1 with an
 * exception. dr_py_app_handler finds that of a name, or the fallback, and composes it. Returns:
 * NULL where there is none, or with an exception. */
int dr_py_app_compose(dr_py_app *app, dr_py_handler *handler);
dr_py_handler *dr_py_app_handler(dr_py_app *app, dora_slice name);

/* dr_py_alone_make reads the arguments of dora.Request and of Alone, `what`, and makes the call of
 * them. `writer` is where the parameter is encoded, with the hook, NULL: it is not. `*param` is the
 * parameter, as it was given: borrowed. Returns: NULL with an exception. Ownership: gives. */
dora_alone *dr_py_alone_make(dr_py_state *state, PyObject *args, PyObject *kwargs, const char *what,
                             dora_writer *writer, PyObject *hook, PyObject **param);

/* dr_py_request_begin gives the Request of the running call. dr_py_request_end copies what the
 * handler may still look at later, for the core's request goes away; it takes the reference. */
PyObject *dr_py_request_begin(dr_py_state *state, const dora_request *request, dora_reply *reply,
                              PyObject *param);
void dr_py_request_end(PyObject *request);

/* dr_py_running_request is that of the handler which runs in this context, as contextvars have it;
 * NULL: none, it has its answer, or the core knows it (a worker that runs one at a time).
 * Ownership: borrowed while the GIL is held. */
const dora_request *dr_py_running_request(dr_py_state *state);

/* dr_py_raised_take gives the exception that is set, and clears it. */
PyObject *dr_py_raised_take(void);

/* dr_py_running_due gives the request of this context's call, on an event loop, where what ends it
 * is to be raised now: it should end, and holds up the loop, which was told at `told_ns` and would
 * have ended it by itself; and it has not been hit yet, in this task. NULL: it is not. Ownership:
 * borrowed while the GIL is held. */
const dora_request *dr_py_running_due(dr_py_state *state, uint64_t told_ns);

/* dr_py_deadline_begin makes a client's call that is begun now end with the caller of the running
 * handler, where handlers share an event loop; elsewhere the core has done so. Returns: whether
 * dr_py_deadline_end has to follow, on the same thread. */
bool dr_py_deadline_begin(dr_py_state *state);
void dr_py_deadline_end(void);

/* dr_py_zygote runs the life of a zygote and its workers. `app` is None to load what the master
 * names, or the App that called run(). Returns: the exit status, -1 with an exception. */
int dr_py_zygote(PyObject *module, PyObject *app);

/* dr_py_salt_read gives the bytes of a salt: None (the default), str or bytes. Ownership: borrowed
 * from the object. Returns: 0, or -1 with an exception. */
int dr_py_salt_read(PyObject *salt, dora_slice *slice);

/* dr_py_priority_read reads one of the words for a priority (client_options.c); NULL and None leave
 * `*priority` as it is. Returns: 0, or -1 with an exception. */
int dr_py_priority_read(PyObject *given, dora_priority *priority);

/* The functions of wire.c. */
PyObject *dr_py_pack(PyObject *module, PyObject *args, PyObject *kwargs);
PyObject *dr_py_unpack(PyObject *module, PyObject *data);
PyObject *dr_py_frame_pack(PyObject *module, PyObject *args, PyObject *kwargs);
PyObject *dr_py_frame_check(PyObject *module, PyObject *args, PyObject *kwargs);
extern const char dr_py_pack_doc[];
extern const char dr_py_unpack_doc[];
extern const char dr_py_frame_pack_doc[];
extern const char dr_py_frame_check_doc[];

/* The functions of interrupt.c. */
PyObject *dr_py_guarded(PyObject *module, PyObject *args);
PyObject *dr_py_interrupt_guarded(PyObject *module, PyObject *args);
extern const char dr_py_guarded_doc[];
extern const char dr_py_interrupt_doc[];

/* The function of early.c. */
PyObject *dr_py_stuck(PyObject *module, PyObject *args);
extern const char dr_py_say_stuck_doc[];

/* The function of running.c. */
PyObject *dr_py_call_now(PyObject *module, PyObject *ignored);
extern const char dr_py_call_now_doc[];

/* The functions of log.c. */
PyObject *dr_py_log(PyObject *module, PyObject *args);
PyObject *dr_py_log_is_wanted(PyObject *module, PyObject *level);
extern const char dr_py_log_doc[];
extern const char dr_py_log_is_wanted_doc[];

#endif
