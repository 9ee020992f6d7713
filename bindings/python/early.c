/* early.c: calls on a worker's event loop that end before they have ended by themselves. */
#include "async_worker.h"

/* As long as the core gives a loop to end a task, where a pool has no kill_after_ms. */
#define GRACE_NS 1000000000u

PyObject *dr_py_where(PyObject *task, unsigned long thread)
{
    PyObject *module = PyImport_ImportModule("dora._stack");
    PyObject *text = module == NULL ? NULL
                     : task != NULL ? PyObject_CallMethod(module, "stack", "O", task)
                                    : PyObject_CallMethod(module, "stack_in", "k", thread);
    PyObject *bytes =
        text != NULL ? PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace") : NULL;
    Py_XDECREF(module);
    Py_XDECREF(text);
    PyErr_Clear();
    return bytes;
}

static int64_t code_of(dora_interrupt why)
{
    return why == DORA_INTERRUPT_TIME_LIMIT ? DORA_CODE_TIME_LIMIT : DORA_CODE_CANCELLED;
}

/* say logs that what a call runs does not end, `bytes` being where that is: NULL, nobody knows. */
static void say(const dr_py_running *one, PyObject *name, const char *what, PyObject *bytes)
{
    char text[512];
    const char *known = PyUnicode_AsUTF8(name);
    const int len = PyOS_snprintf(text, sizeof(text), "%.255s %s",
                                  known == NULL || known[0] == '\0' ? "the fallback" : known, what);
    const dora_fault fault = {.size = sizeof fault,
                              .msg = {text, len > 0 ? (size_t)len : 0},
                              .traceback = {bytes != NULL ? PyBytes_AS_STRING(bytes) : "",
                                            bytes != NULL ? (size_t)PyBytes_GET_SIZE(bytes) : 0}};
    PyErr_Clear();
    if (one != NULL && one->kept != NULL) {
        (void)dora_log_late(one->kept, code_of(one->why), &fault);
    } else {
        (void)dora_log(DORA_LOG_ERROR, NULL, NULL, 0, text, fault.msg.len);
    }
}

void dr_py_say_stuck(const dr_py_running *one, PyObject *name, PyObject *bytes)
{
    say(one, name,
        "hangs, though it should have ended, in a thread that cannot be ended: the worker takes no "
        "more calls, and ends once its others have",
        bytes);
}

const char dr_py_say_stuck_doc[] =
    "say_stuck($module, name, thread, /)\n--\n\n"
    "Log that `name`, which the call of this context runs in a thread, does not end.";

PyObject *dr_py_stuck(PyObject *module, PyObject *args)
{
    PyObject *name;
    unsigned long thread;
    if (!PyArg_ParseTuple(args, "Uk:say_stuck", &name, &thread)) {
        return NULL;
    }
    dr_py_running *one = dr_py_outermost(PyModule_GetState(module));
    PyObject *bytes = dr_py_where(NULL, thread);
    dr_py_say_stuck(one, name, bytes);
    Py_XDECREF(bytes);
    Py_XDECREF((PyObject *)one);
    Py_RETURN_NONE;
}

uint64_t dr_py_grace_ns(const dr_py_loop *self)
{
    const uint32_t ms = dora_worker_kill_after_ms(self->worker);
    return ms != 0 ? (uint64_t)ms * 1000000u : GRACE_NS;
}

/* has_grace has a task looked at when it should have ended. */
static void has_grace(dr_py_running *one)
{
    one->asked_ns = dr_py_clock_ns();
    (void)dr_py_call_later(one->owner, (double)dr_py_grace_ns(one->owner) * 1e-9,
                           one->owner->grace);
}

void dr_py_see_late(dr_py_loop *self)
{
    const uint64_t now_ns = dr_py_clock_ns();
    for (dr_py_running *one = self->late.first; one != NULL; one = one->next) {
        if (one->coroutine == NULL || one->is_stuck || one->asked_ns == 0 ||
            one->why == DORA_INTERRUPT_STOP || /* its worker leaves as it is */
            now_ns < one->asked_ns + dr_py_grace_ns(self)) {
            continue;
        }
        PyObject *bytes = dr_py_where(one->coroutine, 0);
        say(one, one->name, "goes on, though it should have ended: its worker is replaced", bytes);
        Py_XDECREF(bytes);
        one->is_stuck = true;
        dora_worker_renew(self->worker);
    }
}

void dr_py_end_early(dr_py_running *one, dora_interrupt why)
{
    dr_py_loop *self = one->owner;
    const bool has_thread = one->has_begun && !one->has_ended && one->coroutine == NULL;
    PyObject *stack =
        one->coroutine != NULL || has_thread ? dr_py_where(one->coroutine, one->thread) : NULL;
    const char *text = stack != NULL ? PyBytes_AS_STRING(stack) : "";
    one->kept = dora_request_keep(dora_task_request(one->task));
    one->why = why;
    dr_py_line_remove(one);
    dr_py_line_add(&self->late, one);
    dr_py_answer(one, dora_task_interrupted(one->task, why, text, strlen(text)));
    Py_XDECREF(stack);
    if (one->coroutine != NULL) {
        has_grace(one);
    }
    if (one->coroutine != NULL &&
        (one->is_told || one->is_hit || dr_py_has_heard(one))) { /* it cleans up */
        return;
    }
    if (one->coroutine != NULL) {
        (void)dr_py_report(
            PyObject_CallMethod(one->coroutine, "cancel", "s", dr_py_interrupt_text(why)),
            one->coroutine);
    } else if (has_thread) {
        dr_py_plain_end_early(one, why);
    }
}

/* heed_line ends the calls that the server wants to end. */
static void heed_line(dr_py_line *calls)
{
    dr_py_running *next = NULL;
    for (dr_py_running *one = calls->first; one != NULL; one = next) {
        const dora_interrupt why = dora_task_interrupt(one->task);
        next = one->next;
        if (why != DORA_INTERRUPT_NONE) {
            dr_py_end_early(one, why);
        }
    }
}

void dr_py_heed(dr_py_loop *self)
{
    for (dr_py_limited *at = self->limited; at != NULL; at = at->next) {
        heed_line(&at->line);
    }
    heed_line(&self->unlimited);
    heed_line(&self->plain);
}
