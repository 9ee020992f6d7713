/* async_worker.c: a worker's event loop. A task becomes an asyncio task, whose end is the reply.
 *
 * The loop's turn takes all tasks that have come, and comes again after each has made a step; when
 * nothing has come it announces sleep, and the loop waits for whatever its tasks wait for. */
#include "worker.h"

#include <time.h>

#include <dora/runtime.h>

#define LEAVE_S 1.0 /* a handler called exit(): the others have so long to end */
#define STOP_S 2.0  /* the server wants it to leave; a second later the worker is killed */

typedef struct running_object running_object;

/* line is the calls under way in their order. Each is owned by the line it is in. */
typedef struct line {
    running_object *first;
    running_object *last;
} line;

struct dr_py_loop {
    dr_py_state *state;
    dora_worker *worker; /* while it serves */
    PyObject *runner;    /* an asyncio.Runner: makes the loop and closes it */
    PyObject *loop;
    PyObject *context; /* what each call's context is a copy of */
    PyObject *wake;    /* callables for the loop */
    PyObject *turn;
    PyObject *sweep;
    PyObject *give_up;
    line open;         /* to be answered */
    line unlimited;    /* those of them that may run as long as they like */
    line late;         /* answered that they were too slow, and not ended yet */
    uint64_t limit_ns; /* how long the others may run; 0: as long as they like */
    bool is_turn_due;
    bool is_sweep_due;
    bool is_leaving;
    bool is_told;
};

/* running_object is one call under way, and what the asyncio task calls at its end. */
struct running_object {
    PyObject ob_base;
    dr_py_loop *owner;
    dora_task *task;     /* NULL once answered */
    PyObject *shown;     /* its dora.Request */
    PyObject *coroutine; /* the asyncio task */
    uint64_t begin_ns;
    line *in;
    running_object *next;
    running_object *prev;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void line_add(line *in, running_object *one)
{
    one->in = in;
    one->next = NULL;
    one->prev = in->last;
    if (in->last != NULL) {
        in->last->next = one;
    } else {
        in->first = one;
    }
    in->last = one;
}

static void line_remove(running_object *one)
{
    line *in = one->in;
    if (one->prev != NULL) {
        one->prev->next = one->next;
    } else {
        in->first = one->next;
    }
    if (one->next != NULL) {
        one->next->prev = one->prev;
    } else {
        in->last = one->prev;
    }
    one->in = NULL;
}

/* ---- the loop's own methods. What goes wrong in them is printed: nobody waits for it. ---- */

static bool report(PyObject *result, PyObject *where)
{
    if (result == NULL) {
        PyErr_WriteUnraisable(where);
        return false;
    }
    Py_DECREF(result);
    return true;
}

static void stop(dr_py_loop *self)
{
    (void)report(PyObject_CallMethod(self->loop, "stop", NULL), self->loop);
}

static bool call_later(dr_py_loop *self, double seconds, PyObject *callable)
{
    return report(PyObject_CallMethod(self->loop, "call_later", "dO", seconds, callable),
                  self->loop);
}

static void turn_soon(dr_py_loop *self)
{
    if (!self->is_turn_due) {
        self->is_turn_due =
            report(PyObject_CallMethod(self->loop, "call_soon", "O", self->turn), self->loop);
    }
}

/* ---- one call ---- */

/* Hands the reply over. */
static void answer(running_object *one, dora_err err)
{
    dora_task *task = one->task;
    one->task = NULL;
    if (one->shown != NULL) {
        dr_py_request_end(one->shown);
        one->shown = NULL;
    }
    dora_task_done(task, err);
}

static void leave(dr_py_loop *self)
{
    if (!self->is_leaving) {
        self->is_leaving = true;
        dora_worker_leave(self->worker);
        (void)call_later(self, LEAVE_S, self->give_up);
    }
}

/* Ends the loop when there is nothing more to do. */
static void end_if_done(dr_py_loop *self)
{
    if ((self->is_leaving || self->is_told) && dora_worker_running(self->worker) == 0) {
        stop(self);
    }
}

static void arm(dr_py_loop *self)
{
    if (self->limit_ns == 0 || self->is_sweep_due || self->open.first == NULL) {
        return;
    }
    const uint64_t end_ns = self->open.first->begin_ns + self->limit_ns;
    const uint64_t now = now_ns();
    self->is_sweep_due =
        call_later(self, end_ns > now ? (double)(end_ns - now) * 1e-9 : 0.0, self->sweep);
}

/* Makes what the handler returned an asyncio task; NULL with an exception. A handler that is not
 * async def may return something to await, too. */
static PyObject *start(dr_py_loop *self, PyObject *awaitable)
{
    if (PyCoro_CheckExact(awaitable)) {
        return PyObject_CallMethod(self->loop, "create_task", "O", awaitable);
    }
    PyObject *asyncio = PyImport_ImportModule("asyncio");
    PyObject *future =
        asyncio != NULL ? PyObject_CallMethod(asyncio, "ensure_future", "O", awaitable) : NULL;
    Py_XDECREF(asyncio);
    return future;
}

bool dr_py_is_awaitable(PyObject *object)
{
    const PyAsyncMethods *methods = Py_TYPE(object)->tp_as_async;
    return methods != NULL && methods->am_await != NULL;
}

/* Calls the handler in a context of its own. Returns: true when it runs on; its answer comes later.
 */
static bool call(running_object *one)
{
    dr_py_loop *self = one->owner;
    dora_reply *reply = dora_task_reply(one->task);
    PyObject *context = PyContext_Copy(self->context);
    if (context == NULL || PyContext_Enter(context) < 0) {
        Py_XDECREF(context);
        answer(one, dr_py_reply_exception(self->state, reply));
        return false;
    }
    PyObject *token = PyContextVar_Set(self->state->running, (PyObject *)one);
    PyObject *result = token == NULL ? NULL
                                     : dr_py_call(self->state, dora_task_handler(one->task),
                                                  dora_task_request(one->task), &one->shown);
    bool runs_on = result != NULL && dr_py_is_awaitable(result);
    if (runs_on) {
        one->coroutine = start(self, result);
        Py_DECREF(result);
        result = NULL;
        PyObject *added = one->coroutine != NULL
                              ? PyObject_CallMethod(one->coroutine, "add_done_callback", "O", one)
                              : NULL;
        runs_on = added != NULL;
        Py_XDECREF(added);
    }
    (void)PyContext_Exit(context);
    Py_XDECREF(token);
    Py_DECREF(context);
    if (!runs_on) {
        const dora_err err = dr_py_reply_result(self->state, reply, result);
        answer(one, err);
        if (err == DORA_EEXIT) {
            leave(self);
        }
    }
    return runs_on;
}

/* Begins a task. Returns: whether the handler has run to its end, so that others get their turn. */
static bool begin(dr_py_loop *self, dora_task *task)
{
    running_object *one = PyObject_GC_New(running_object, self->state->running_type);
    if (one == NULL) {
        dora_task_done(task, dr_py_reply_exception(self->state, dora_task_reply(task)));
        return true;
    }
    one->owner = self;
    one->task = task;
    one->shown = NULL;
    one->coroutine = NULL;
    one->in = NULL;
    line *in = dora_task_has_limit(task) ? &self->open : &self->unlimited;
    one->begin_ns = in == &self->open ? now_ns() : 0;
    PyObject_GC_Track(one);
    if (!call(one)) {
        Py_DECREF(one);
        return true;
    }
    line_add(in, one);
    arm(self);
    return false;
}

/* Takes what has come. Returns: whether there was anything. */
static bool take(dr_py_loop *self)
{
    bool has_taken = false;
    bool has_run = false;
    dora_task *task;
    while (!has_run && (task = dora_worker_take(self->worker)) != NULL) {
        has_taken = true;
        has_run = begin(self, task);
    }
    return has_taken;
}

/* ---- what the loop calls ---- */

static dr_py_loop *loop_of(PyObject *capsule)
{
    return PyCapsule_GetPointer(capsule, NULL);
}

static PyObject *on_turn(PyObject *capsule, PyObject *Py_UNUSED(ignored))
{
    dr_py_loop *self = loop_of(capsule);
    self->is_turn_due = false;
    if (self->worker == NULL) {
        Py_RETURN_NONE; /* it has left; its loop turns once more while it is closed */
    }
    const bool has_taken = take(self);
    if (!self->is_told && dora_worker_is_told(self->worker)) {
        self->is_told = true;
        (void)call_later(self, STOP_S, self->give_up);
    }
    if (has_taken || !dora_worker_sleep(self->worker)) {
        turn_soon(self);
    } else {
        end_if_done(self);
    }
    Py_RETURN_NONE;
}

static PyObject *on_wake(PyObject *capsule, PyObject *ignored)
{
    dora_worker_wake(loop_of(capsule)->worker);
    return on_turn(capsule, ignored);
}

static PyObject *on_leave(PyObject *capsule, PyObject *Py_UNUSED(ignored))
{
    leave(loop_of(capsule));
    turn_soon(loop_of(capsule));
    Py_RETURN_NONE;
}

static void cancel(running_object *one)
{
    (void)report(PyObject_CallMethod(one->coroutine, "cancel", NULL), one->coroutine);
}

/* Answers those past their time, and ends them: what they do to end is beyond their place. */
static PyObject *on_sweep(PyObject *capsule, PyObject *Py_UNUSED(ignored))
{
    dr_py_loop *self = loop_of(capsule);
    const uint64_t now = now_ns();
    self->is_sweep_due = false;
    while (self->open.first != NULL && now - self->open.first->begin_ns >= self->limit_ns) {
        running_object *one = self->open.first;
        line_remove(one);
        line_add(&self->late, one);
        answer(one, dora_reply_overran(dora_task_reply(one->task)));
        cancel(one);
    }
    arm(self);
    turn_soon(self);
    Py_RETURN_NONE;
}

static void answer_all_died(dr_py_loop *self, line *calls)
{
    static const char text[] = "the worker left before the handler ended";
    while (calls->first != NULL) {
        running_object *one = calls->first;
        line_remove(one);
        line_add(&self->late, one);
        answer(one, dora_reply_died(dora_task_reply(one->task), text, sizeof(text) - 1));
    }
}

/* The worker leaves, and some calls do not end. */
static PyObject *on_give_up(PyObject *capsule, PyObject *Py_UNUSED(ignored))
{
    dr_py_loop *self = loop_of(capsule);
    answer_all_died(self, &self->open);
    answer_all_died(self, &self->unlimited);
    stop(self);
    Py_RETURN_NONE;
}

static PyMethodDef wake_def = {"wake", on_wake, METH_NOARGS, "The server has something."};
static PyMethodDef turn_def = {"turn", on_turn, METH_NOARGS, "Take what the server has."};
static PyMethodDef leave_def = {"leave", on_leave, METH_NOARGS, "Take no more, and end."};
static PyMethodDef sweep_def = {"sweep", on_sweep, METH_NOARGS, "End calls past their time."};
static PyMethodDef give_up_def = {"give_up", on_give_up, METH_NOARGS, "End all calls."};

/* ---- the end of an asyncio task ---- */

static PyObject *running_call(running_object *one, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    dr_py_loop *self = one->owner;
    PyObject *future = NULL;
    if (!PyArg_UnpackTuple(args, "running", 1, 1, &future)) {
        return NULL;
    }
    PyObject *result = PyObject_CallMethod(future, "result", NULL);
    if (one->task == NULL) { /* answered already */
        Py_XDECREF(result);
        PyErr_Clear();
    } else {
        const dora_err err = dr_py_reply_result(self->state, dora_task_reply(one->task), result);
        answer(one, err);
        if (err == DORA_EEXIT) {
            leave(self);
        }
    }
    Py_CLEAR(one->coroutine);
    if (one->in != NULL) {
        line_remove(one);
        Py_DECREF(one); /* the line's; the caller has its own */
    }
    if (self->worker != NULL) {
        if (take(self)) { /* there may have been no room for it before */
            turn_soon(self);
        }
        end_if_done(self);
    }
    Py_RETURN_NONE;
}

/* Until when the caller of the running handler waits; 0: it does not say, or has its answer. */
static uint64_t current_deadline(dr_py_state *state)
{
    PyObject *found = NULL;
    if (PyContextVar_Get(state->running, NULL, &found) < 0 || found == NULL) {
        PyErr_Clear();
        return 0;
    }
    const dora_task *task = ((running_object *)found)->task;
    const uint64_t deadline_ns =
        task != NULL ? dora_request_deadline_ns(dora_task_request(task)) : 0;
    Py_DECREF(found);
    return deadline_ns;
}

bool dr_py_deadline_begin(dr_py_state *state)
{
    const uint64_t deadline_ns = state->running != NULL ? current_deadline(state) : 0;
    if (deadline_ns != 0) {
        dora_deadline_set(deadline_ns);
    }
    return deadline_ns != 0;
}

void dr_py_deadline_end(void)
{
    dora_deadline_set(0);
}

static int running_traverse(running_object *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->shown);
    Py_VISIT(self->coroutine);
    return 0;
}

static int running_clear(running_object *self)
{
    Py_CLEAR(self->coroutine);
    return 0;
}

static void running_dealloc(running_object *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_CLEAR(self->shown);
    Py_CLEAR(self->coroutine);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyType_Slot running_slots[] = {
    {Py_tp_call, running_call},
    {Py_tp_dealloc, running_dealloc},
    {Py_tp_traverse, running_traverse},
    {Py_tp_clear, running_clear},
    {0, NULL},
};

static PyType_Spec running_spec = {
    .name = "dora._dora.Running",
    .basicsize = sizeof(running_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = running_slots,
};

PyTypeObject *dr_py_running_type_new(PyObject *module)
{
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &running_spec, NULL);
}

/* ---- the loop's life ---- */

static PyObject *runner_new(void)
{
    PyObject *asyncio = PyImport_ImportModule("asyncio");
    PyObject *runner = asyncio != NULL ? PyObject_CallMethod(asyncio, "Runner", NULL) : NULL;
    Py_XDECREF(asyncio);
    return runner;
}

static void loop_free(dr_py_loop *self)
{
    Py_XDECREF(self->runner);
    Py_XDECREF(self->loop);
    Py_XDECREF(self->context);
    Py_XDECREF(self->wake);
    Py_XDECREF(self->turn);
    Py_XDECREF(self->sweep);
    Py_XDECREF(self->give_up);
    PyMem_Free(self);
}

dr_py_loop *dr_py_loop_open(dr_py_state *state)
{
    dr_py_loop *self = PyMem_Calloc(1, sizeof(*self));
    if (self == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    self->state = state;
    if (state->running == NULL) {
        state->running = PyContextVar_New("dora.running", NULL);
    }
    self->runner = runner_new();
    self->loop = self->runner != NULL ? PyObject_CallMethod(self->runner, "get_loop", NULL) : NULL;
    if (state->running == NULL || self->loop == NULL) {
        loop_free(self);
        return NULL;
    }
    return self;
}

PyObject *dr_py_loop_complete(dr_py_loop *self, PyObject *awaitable, PyObject *context)
{
    PyObject *driver = PyImport_ImportModule("dora._loop");
    PyObject *result = driver != NULL ? PyObject_CallMethod(driver, "complete", "OOO", self->loop,
                                                            awaitable, context)
                                      : NULL;
    Py_XDECREF(driver);
    return result;
}

static int loop_prepare(dr_py_loop *self, PyObject *capsule, PyObject *context)
{
    self->context = Py_NewRef(context);
    self->wake = PyCFunction_New(&wake_def, capsule);
    self->turn = PyCFunction_New(&turn_def, capsule);
    self->sweep = PyCFunction_New(&sweep_def, capsule);
    self->give_up = PyCFunction_New(&give_up_def, capsule);
    return self->wake == NULL || self->turn == NULL || self->sweep == NULL || self->give_up == NULL
               ? -1
               : 0;
}

int dr_py_loop_run(dr_py_loop *self, dora_worker *worker, PyObject *context)
{
    PyObject *capsule = PyCapsule_New(self, NULL, NULL);
    PyObject *driver = PyImport_ImportModule("dora._loop");
    PyObject *leaver = capsule != NULL ? PyCFunction_New(&leave_def, capsule) : NULL;
    PyObject *done = NULL;
    self->worker = worker;
    self->limit_ns = (uint64_t)dora_worker_time_limit_ms(worker) * 1000000u;
    if (driver != NULL && leaver != NULL && loop_prepare(self, capsule, context) == 0) {
        done = PyObject_CallMethod(driver, "run", "OiOOO", self->loop, dora_worker_fd(worker),
                                   self->wake, self->turn, leaver);
    }
    self->worker = NULL;
    Py_XDECREF(capsule);
    Py_XDECREF(driver);
    Py_XDECREF(leaver);
    Py_XDECREF(done);
    return done != NULL ? 0 : -1;
}

void dr_py_loop_close(dr_py_loop *self)
{
    if (self == NULL) {
        return;
    }
    (void)report(PyObject_CallMethod(self->runner, "close", NULL), self->runner);
    while (self->late.first != NULL) { /* they did not end even now */
        running_object *one = self->late.first;
        line_remove(one);
        Py_DECREF(one);
    }
    loop_free(self);
}
