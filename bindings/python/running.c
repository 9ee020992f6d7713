/* running.c: one call under way in a worker with an event loop, as an object: what its end calls,
 * and by which what it does knows its caller's time. */
#include "async_worker.h"

/* So long after it was told a loop would have turned, also one with much to do. */
#define BLOCKED_NS 100000000u

dr_py_running *dr_py_running_new(dr_py_loop *self, dora_task *task)
{
    dr_py_running *one = PyObject_GC_New(dr_py_running, self->state->running_type);
    if (one != NULL) {
        memset((char *)one + sizeof(PyObject), 0, sizeof(*one) - sizeof(PyObject));
        one->owner = self;
        one->task = task;
        one->name = ((const dr_py_handler *)dora_task_handler(task))->name;
        PyObject_GC_Track(one);
    }
    return one;
}

static void awaited(dr_py_running *one, PyObject *future)
{
    PyObject *result = PyObject_CallMethod(future, "result", NULL);
    if (one->task != NULL && result != NULL && dr_py_may_be_parts(result) &&
        dr_py_parts_kind_of(result) != DR_PY_PARTS_NONE) {
        Py_CLEAR(one->coroutine);
        result = dr_py_parts_await(one, result);
        if (result != NULL && dr_py_await(one, result)) {
            return;
        }
        result = NULL;
    }
    if (one->task == NULL) { /* answered already */
        Py_XDECREF(result);
        PyErr_Clear();
    } else {
        dr_py_answer_result(one, result);
    }
    Py_CLEAR(one->coroutine);
    Py_CLEAR(one->hit);
    dr_py_ended(one);
}

/* task_now is the task that runs on this thread's loop, or None. */
static PyObject *task_now(void)
{
    PyObject *asyncio = PyImport_ImportModule("asyncio");
    PyObject *task = asyncio != NULL ? PyObject_CallMethod(asyncio, "current_task", NULL) : NULL;
    PyErr_Clear(); /* no loop runs */
    Py_XDECREF(asyncio);
    return task != NULL ? task : Py_NewRef(Py_None);
}

dr_py_running *dr_py_outermost(const dr_py_state *state)
{
    PyObject *found = NULL;
    if (state->running == NULL || PyContextVar_Get(state->running, NULL, &found) < 0) {
        PyErr_Clear();
        return NULL;
    }
    while (found != NULL && Py_IS_TYPE(found, state->alone_type)) {
        Py_SETREF(found, Py_XNewRef(dr_py_alone_outer(found)));
    }
    return (dr_py_running *)found;
}

static bool is_blocking(dr_py_running *one, uint64_t told_ns)
{
    if (one->told_ns == 0) {
        one->told_ns = told_ns;
    }
    return dr_py_clock_ns() >= one->told_ns + BLOCKED_NS;
}

/* is_stepping says whether a task is in its own code: else it is in the loop's, which would lose
 * what it was about to do, or in a callback, which may be of what others share. */
static bool is_stepping(PyObject *task)
{
    if (task == Py_None) {
        return false;
    }
    PyObject *coroutine = PyObject_CallMethod(task, "get_coro", NULL);
    PyObject *said = coroutine != NULL ? PyObject_GetAttrString(coroutine, "cr_running") : NULL;
    const bool is_running = said != Py_False;
    PyErr_Clear(); /* it is none of Python's own */
    Py_XDECREF(coroutine);
    Py_XDECREF(said);
    return is_running;
}

bool dr_py_has_heard(const dr_py_running *one)
{
    if (one->hit == NULL || one->coroutine == NULL) {
        return false;
    }
    PyObject *driver = PyImport_ImportModule("dora._loop");
    PyObject *said = driver != NULL
                         ? PyObject_CallMethod(driver, "has_heard", "OO", one->coroutine, one->hit)
                         : NULL;
    const bool has_heard = said == Py_True;
    PyErr_Clear();
    Py_XDECREF(driver);
    Py_XDECREF(said);
    return has_heard;
}

/* waits_beside is what a call waits for, other than a task that it has started; None: nothing. */
static PyObject *waits_beside(const dr_py_running *one, PyObject *task)
{
    if (one->coroutine == NULL) {
        return Py_NewRef(Py_None);
    }
    PyObject *driver = PyImport_ImportModule("dora._loop");
    PyObject *found = driver != NULL
                          ? PyObject_CallMethod(driver, "waits_beside", "OO", one->coroutine, task)
                          : NULL;
    Py_XDECREF(driver);
    return found;
}

/* is_new_in notes a task that a call has started. Returns: whether it was not. */
static bool is_new_in(dr_py_running *one, PyObject *task)
{
    if (one->hit == NULL) {
        one->hit = PyDict_New();
    }
    const bool is_new = one->hit != NULL && PyDict_Contains(one->hit, task) == 0;
    PyObject *beside = is_new ? waits_beside(one, task) : NULL;
    const bool is_noted = beside != NULL && PyDict_SetItem(one->hit, task, beside) == 0;
    Py_XDECREF(beside);
    PyErr_Clear();
    return is_noted;
}

/* is_first_hit notes that what ends a call is raised in it, where it is now. */
static bool is_first_hit(dr_py_running *one)
{
    PyObject *task = task_now();
    bool is_first = false;
    if (task == one->coroutine && is_stepping(task)) {
        is_first = !one->is_hit && !one->is_told && !dr_py_has_heard(one);
        one->is_hit = true;
    } else if (is_stepping(task)) {
        is_first = is_new_in(one, task);
    }
    Py_DECREF(task);
    return is_first;
}

const dora_request *dr_py_running_due(dr_py_state *state, uint64_t told_ns)
{
    const dora_request *request = NULL;
    dr_py_running *one = dr_py_outermost(state);
    if (one != NULL && one->task != NULL && dora_task_interrupt(one->task) != DORA_INTERRUPT_NONE &&
        is_blocking(one, told_ns) && is_first_hit(one)) {
        request = dora_task_request(one->task);
    }
    Py_XDECREF((PyObject *)one);
    return request;
}

static PyObject *running_call(dr_py_running *one, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    PyObject *future = NULL;
    if (!PyArg_UnpackTuple(args, "running", 0, 1, &future)) {
        return NULL;
    }
    if (one->owner == NULL) {
        Py_RETURN_NONE;
    }
    if (future != NULL) {
        awaited(one, future);
    } else {
        dr_py_plain_done(one);
    }
    Py_RETURN_NONE;
}

/* The request of what runs; NULL: it has its answer. */
static const dora_request *request_of(const dr_py_state *state, PyObject *running)
{
    if (Py_IS_TYPE(running, state->alone_type)) {
        return dr_py_alone_current(running);
    }
    const dora_task *task = ((dr_py_running *)running)->task;
    return task != NULL ? dora_task_request(task) : NULL;
}

const dora_request *dr_py_running_request(dr_py_state *state)
{
    PyObject *found = NULL;
    if (state->running == NULL) {
        return NULL;
    }
    if (PyContextVar_Get(state->running, NULL, &found) < 0 || found == NULL) {
        PyErr_Clear();
        return NULL;
    }
    const dora_request *request = request_of(state, found);
    Py_DECREF(found); /* the context has it still */
    return request;
}

bool dr_py_deadline_begin(dr_py_state *state)
{
    const dora_request *request = dr_py_running_request(state);
    if (request == NULL) {
        return false;
    }
    dora_deadline_set(dora_request_deadline_ns(request));
    dora_priority_set(dora_request_priority(request));
    dora_trace_set(request);
    return true;
}

void dr_py_deadline_end(void)
{
    dora_deadline_set(0);
    dora_priority_set(DORA_PRIORITY_DEFAULT);
    dora_trace_set(NULL);
}

static int running_traverse(dr_py_running *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->shown);
    Py_VISIT(self->coroutine);
    Py_VISIT(self->hit);
    Py_VISIT(self->arguments);
    Py_VISIT(self->context);
    Py_VISIT(self->result);
    Py_VISIT(self->raised);
    Py_VISIT(self->room);
    return 0;
}

static int running_clear(dr_py_running *self)
{
    Py_CLEAR(self->coroutine);
    Py_CLEAR(self->hit);
    Py_CLEAR(self->arguments);
    Py_CLEAR(self->context);
    Py_CLEAR(self->result);
    Py_CLEAR(self->raised);
    Py_CLEAR(self->room);
    return 0;
}

static void running_dealloc(dr_py_running *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_CLEAR(self->shown);
    (void)running_clear(self);
    dora_request_free(self->kept);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

const char dr_py_call_now_doc[] = "call_now($module, /)\n--\n\n"
                                  "The call whose handler runs in this context, or None.";

PyObject *dr_py_call_now(PyObject *module, PyObject *Py_UNUSED(ignored))
{
    const dr_py_state *state = PyModule_GetState(module);
    PyObject *found = NULL;
    if (state->running != NULL && PyContextVar_Get(state->running, Py_None, &found) < 0) {
        return NULL;
    }
    return found != NULL ? found : Py_NewRef(Py_None);
}

static PyMethodDef running_methods[] = {
    {"gives_parts", (PyCFunction)dr_py_parts_are_given, METH_O,
     "Whether what the handler returned is a generator, whose parts are to be sent."},
    {"run", (PyCFunction)dr_py_plain_run, METH_NOARGS, "Call the handler, in a thread."},
    {"part", (PyCFunction)dr_py_parts_part, METH_O, "Send a part."},
    {"again", (PyCFunction)dr_py_parts_again, METH_NOARGS, "Send the part that had no room."},
    {NULL, NULL, 0, NULL},
};

static PyObject *running_name(dr_py_running *one, void *Py_UNUSED(closure))
{
    return Py_NewRef(one->name);
}

static PyObject *running_is_stalled(dr_py_running *one, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(one->paused_ns != 0);
}

static PyGetSetDef running_getset[] = {
    {"is_stalled", (getter)running_is_stalled, NULL, "Whether it waits for room to send.", NULL},
    {"name", (getter)running_name, NULL, "The name that its handler is registered for.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot running_slots[] = {
    {Py_tp_methods, running_methods},
    {Py_tp_call, running_call},
    {Py_tp_dealloc, running_dealloc},
    {Py_tp_traverse, running_traverse},
    {Py_tp_clear, running_clear},
    {Py_tp_getset, running_getset},
    {0, NULL},
};

static PyType_Spec running_spec = {
    .name = "dora._dora.Running",
    .basicsize = sizeof(dr_py_running),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = running_slots,
};

PyTypeObject *dr_py_running_type_new(PyObject *module)
{
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &running_spec, NULL);
}
