/* early.c: calls on a worker's event loop that end before they have ended by themselves. */
#include "async_worker.h"

/* stack_of tells where a call stands, as dora_stack_put takes it. NULL, without an exception:
 * nobody knows. */
static PyObject *stack_of(const dr_py_running *one)
{
    PyObject *driver = PyImport_ImportModule("dora._loop");
    PyObject *text = driver == NULL ? NULL
                     : one->coroutine != NULL
                         ? PyObject_CallMethod(driver, "stack", "O", one->coroutine)
                         : PyObject_CallMethod(driver, "stack_in", "k", one->thread);
    PyObject *bytes =
        text != NULL ? PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace") : NULL;
    Py_XDECREF(driver);
    Py_XDECREF(text);
    PyErr_Clear();
    return bytes;
}

void dr_py_end_early(dr_py_running *one, dora_interrupt why)
{
    dr_py_loop *self = one->owner;
    const bool has_thread = one->has_begun && !one->has_ended && one->coroutine == NULL;
    PyObject *stack = one->coroutine != NULL || has_thread ? stack_of(one) : NULL;
    const char *text = stack != NULL ? PyBytes_AS_STRING(stack) : "";
    dr_py_line_remove(one);
    dr_py_line_add(&self->late, one);
    dr_py_answer(one, dora_task_interrupted(one->task, why, text, strlen(text)));
    Py_XDECREF(stack);
    if (one->coroutine != NULL && (one->is_told || one->is_hit)) { /* it cleans up */
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
