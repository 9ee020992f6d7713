/* async_worker.c: a worker's event loop. A task becomes an asyncio task, whose end is the reply.
 *
 * The loop's turn takes all tasks that have come, and comes again after each has made a step; when
 * nothing has come it announces sleep, and the loop waits for whatever its tasks wait for. */
#include "async_worker.h"

#define LEAVE_S 1.0 /* a handler called exit(): the others have so long to end */
#define STOP_S 2.0  /* the server wants it to leave; a second later the worker is killed */

/* insert puts a call behind another one of the line; NULL: first. */
static void insert(dr_py_line *in, dr_py_running *before, dr_py_running *one)
{
    one->in = in;
    one->prev = before;
    one->next = before != NULL ? before->next : in->first;
    if (one->next != NULL) {
        one->next->prev = one;
    } else {
        in->last = one;
    }
    if (before != NULL) {
        before->next = one;
    } else {
        in->first = one;
    }
}

void dr_py_line_add(dr_py_line *in, dr_py_running *one)
{
    insert(in, in->last, one);
}

void dr_py_line_remove(dr_py_running *one)
{
    dr_py_line *in = one->in;
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

bool dr_py_report(PyObject *result, PyObject *where)
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
    (void)dr_py_report(PyObject_CallMethod(self->loop, "stop", NULL), self->loop);
}

bool dr_py_call_later(dr_py_loop *self, double seconds, PyObject *callable)
{
    return dr_py_report(PyObject_CallMethod(self->loop, "call_later", "dO", seconds, callable),
                        self->loop);
}

static void turn_soon(dr_py_loop *self)
{
    if (!self->is_turn_due) {
        self->is_turn_due =
            dr_py_report(PyObject_CallMethod(self->loop, "call_soon", "O", self->turn), self->loop);
    }
}

/* ---- one call ---- */

/* Hands the reply over. */
void dr_py_answer(dr_py_running *one, dora_err err)
{
    dora_task *task = one->task;
    one->task = NULL;
    if (one->room != NULL) {
        dr_py_parts_wake(one);
    }
    if (one->shown != NULL) {
        dr_py_request_end(one->shown);
        one->shown = NULL;
    }
    dora_task_done(task, err);
}

void dr_py_leave(dr_py_loop *self, double seconds)
{
    if (!self->is_leaving && self->worker != NULL) { /* while its stop hooks run it has left */
        self->is_leaving = true;
        dora_worker_leave(self->worker);
        if (seconds > 0.0) {
            (void)dr_py_call_later(self, seconds, self->give_up);
        }
    }
}

/* Ends the loop when there is nothing more to do. */
static void end_if_done(dr_py_loop *self)
{
    if ((self->is_leaving || self->is_told) && dora_worker_running(self->worker) == 0) {
        stop(self);
    }
}

void dr_py_arm(dr_py_loop *self, uint64_t due_ns)
{
    if (due_ns == 0 || (self->timer != NULL && self->timer_ns <= due_ns)) {
        return;
    }
    if (self->timer != NULL) {
        (void)dr_py_report(PyObject_CallMethod(self->timer, "cancel", NULL), self->timer);
        Py_CLEAR(self->timer);
    }
    const uint64_t now = dr_py_clock_ns();
    self->timer_ns = due_ns;
    self->timer =
        PyObject_CallMethod(self->loop, "call_later", "dO",
                            due_ns > now ? (double)(due_ns - now) * 1e-9 : 0.0, self->sweep);
    if (self->timer == NULL) {
        PyErr_WriteUnraisable(self->loop);
    }
}

/* line_of is where calls with a limit stand. Without memory nobody here ends them in time, but the
 * master does. */
static dr_py_line *line_of(dr_py_loop *self, uint64_t limit_ns)
{
    dr_py_limited **at = &self->limited;
    while (*at != NULL && (*at)->limit_ns != limit_ns) {
        at = &(*at)->next;
    }
    if (*at == NULL) {
        *at = PyMem_Calloc(1, sizeof(**at));
        if (*at == NULL) {
            return &self->unlimited;
        }
        (*at)->limit_ns = limit_ns;
    }
    return &(*at)->line;
}

void dr_py_open(dr_py_running *one)
{
    dr_py_loop *self = one->owner;
    if (one->limit_ns == 0) {
        dr_py_line_add(&self->unlimited, one);
        return;
    }
    dr_py_line *line = line_of(self, one->limit_ns);
    dr_py_running *before = line->last; /* one whose time stood still has begun before others */
    while (before != NULL && before->begin_ns > one->begin_ns) {
        before = before->prev;
    }
    insert(line, before, one);
    dr_py_arm(self, one->begin_ns + one->limit_ns);
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

bool dr_py_await(dr_py_running *one, PyObject *awaitable)
{
    one->is_hit = false;
    one->coroutine = start(one->owner, awaitable);
    Py_DECREF(awaitable);
    PyObject *added = one->coroutine != NULL
                          ? PyObject_CallMethod(one->coroutine, "add_done_callback", "O", one)
                          : NULL;
    Py_XDECREF(added);
    return added != NULL;
}

void dr_py_answer_result(dr_py_running *one, PyObject *result)
{
    dr_py_loop *self = one->owner;
    const dora_request *request = dora_task_request(one->task);
    dora_reply *reply = dora_task_reply(one->task);
    const dora_err err =
        one->is_stream
            ? dr_py_parts_reply(self->state, request, reply, result, self->encode, one->err)
            : dr_py_reply_result(self->state, request, reply, result, self->encode);
    dr_py_answer(one, err);
    if (err == DORA_EEXIT) {
        dr_py_leave(self, LEAVE_S);
    }
}

/* Calls the handler in a context of its own. Returns: true when it runs on; its answer comes later.
 */
static bool call(dr_py_running *one)
{
    dr_py_loop *self = one->owner;
    PyObject *context = PyContext_Copy(self->context);
    if (context == NULL || PyContext_Enter(context) < 0) {
        Py_XDECREF(context);
        dr_py_answer_result(one, NULL);
        return false;
    }
    PyObject *token = PyContextVar_Set(self->state->running, (PyObject *)one);
    PyObject *result = token == NULL ? NULL
                                     : dr_py_call(self->state, dora_task_handler(one->task),
                                                  dora_task_request(one->task),
                                                  dora_task_reply(one->task), &one->shown);
    if (result != NULL && dr_py_may_be_parts(result) &&
        dr_py_parts_kind_of(result) != DR_PY_PARTS_NONE) {
        result = dr_py_parts_await(one, result);
    }
    bool runs_on = result != NULL && dr_py_is_awaitable(result);
    if (runs_on) {
        runs_on = dr_py_await(one, result);
        result = NULL;
    }
    (void)PyContext_Exit(context);
    Py_XDECREF(token);
    Py_DECREF(context);
    if (!runs_on) {
        dr_py_answer_result(one, result);
    }
    return runs_on;
}

/* Begins a task. Returns: whether the handler has run to its end, so that others get their turn. */
static bool begin(dr_py_loop *self, dora_task *task)
{
    const dr_py_handler *handler = dora_task_handler(task);
    dr_py_running *one = dr_py_running_new(self, task);
    if (one == NULL) {
        dora_task_done(task, dr_py_reply_exception(self->state, dora_task_request(task),
                                                   dora_task_reply(task)));
        return true;
    }
    const bool is_plain = self->threads != NULL && !handler->is_async;
    one->limit_ns = (uint64_t)dora_task_limit_ms(task) * 1000000u;
    one->begin_ns = one->limit_ns != 0 ? dr_py_clock_ns() : 0;
    if (self->longest_ns != 0 && self->longest_ns < one->limit_ns) {
        self->longest_ns = one->limit_ns;
    }
    if (is_plain ? !dr_py_plain_begin(one) : !call(one)) {
        Py_DECREF(one);
        return true;
    }
    if (!is_plain) {
        dr_py_open(one);
    }
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
    if (self->stalled != NULL) {
        dr_py_parts_look(self);
    }
    const bool has_taken = take(self);
    if (dora_worker_has_interrupts(self->worker)) {
        dr_py_heed(self);
    }
    if (!self->is_told && dora_worker_is_told(self->worker)) {
        self->is_told = true;
        (void)dr_py_call_later(self, STOP_S, self->give_up);
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
    dr_py_loop *self = loop_of(capsule);
    if (self->worker != NULL) {
        dora_worker_wake(self->worker);
    }
    return on_turn(capsule, ignored);
}

static PyObject *on_leave(PyObject *capsule, PyObject *Py_UNUSED(ignored))
{
    dr_py_leave(loop_of(capsule), LEAVE_S);
    turn_soon(loop_of(capsule));
    Py_RETURN_NONE;
}

/* Answers those past their time, and ends them: what they do to end is beyond their place. Returns:
 * when the next of them is due, 0: never. */
static uint64_t sweep(dr_py_limited *calls, uint64_t now)
{
    dr_py_running *one;
    while ((one = calls->line.first) != NULL && now >= one->begin_ns + calls->limit_ns) {
        dr_py_end_early(one, DORA_INTERRUPT_TIME_LIMIT);
    }
    return one != NULL ? one->begin_ns + calls->limit_ns : 0;
}

static PyObject *on_sweep(PyObject *capsule, PyObject *Py_UNUSED(ignored))
{
    dr_py_loop *self = loop_of(capsule);
    const uint64_t now = dr_py_clock_ns();
    Py_CLEAR(self->timer);
    dr_py_plain_sweep(self, now);
    uint64_t due_ns = dr_py_plain_due_ns(self, now);
    for (dr_py_limited *at = self->limited; at != NULL; at = at->next) {
        due_ns = dr_py_sooner(due_ns, sweep(at, now));
    }
    dr_py_arm(self, due_ns);
    turn_soon(self);
    Py_RETURN_NONE;
}

static void answer_all_died(dr_py_loop *self, dr_py_line *calls)
{
    static const char text[] = "the worker left before the handler ended";
    while (calls->first != NULL) {
        dr_py_running *one = calls->first;
        dr_py_line_remove(one);
        dr_py_line_add(&self->late, one);
        dr_py_answer(one, dora_reply_died(dora_task_reply(one->task), text, sizeof(text) - 1));
    }
}

static void give_up(dr_py_loop *self)
{
    for (dr_py_limited *at = self->limited; at != NULL; at = at->next) {
        answer_all_died(self, &at->line);
    }
    answer_all_died(self, &self->unlimited);
    answer_all_died(self, &self->plain);
    dr_py_plain_give_up(self);
}

/* The worker leaves, and some calls do not end. */
static PyObject *on_give_up(PyObject *capsule, PyObject *Py_UNUSED(ignored))
{
    dr_py_loop *self = loop_of(capsule);
    if (self->worker != NULL) { /* else its stop hooks run in the loop */
        give_up(self);
        stop(self);
    }
    Py_RETURN_NONE;
}

/* Some were answered that they are too slow: do they end? */
static PyObject *on_grace(PyObject *capsule, PyObject *Py_UNUSED(ignored))
{
    if (loop_of(capsule)->worker != NULL) { /* else its stop hooks run, and have a thread */
        dr_py_plain_grace(loop_of(capsule));
        dr_py_see_late(loop_of(capsule));
    }
    turn_soon(loop_of(capsule));
    Py_RETURN_NONE;
}

static PyMethodDef wake_def = {"wake", on_wake, METH_NOARGS, "The server has something."};
static PyMethodDef turn_def = {"turn", on_turn, METH_NOARGS, "Take what the server has."};
static PyMethodDef leave_def = {"leave", on_leave, METH_NOARGS, "Take no more, and end."};
static PyMethodDef sweep_def = {"sweep", on_sweep, METH_NOARGS, "End calls past their time."};
static PyMethodDef grace_def = {"grace", on_grace, METH_NOARGS, "See who does not end."};
static PyMethodDef give_up_def = {"give_up", on_give_up, METH_NOARGS, "End all calls."};

/* ---- the end of a call ---- */

void dr_py_ended(dr_py_running *one)
{
    dr_py_loop *self = one->owner;
    if (one->in != NULL) {
        dr_py_line_remove(one);
        Py_DECREF(one); /* the line's; the caller has its own */
    }
    if (self->worker != NULL) {
        if (take(self)) { /* there may have been no room for it before */
            turn_soon(self);
        }
        end_if_done(self);
    }
}

/* ---- the loop's life ---- */

static PyObject *new_of(const char *name, const char *type)
{
    PyObject *module = PyImport_ImportModule(name);
    PyObject *made = module != NULL ? PyObject_CallMethod(module, type, NULL) : NULL;
    Py_XDECREF(module);
    return made;
}

static void loop_free(dr_py_loop *self)
{
    while (self->limited != NULL) {
        dr_py_limited *next = self->limited->next;
        PyMem_Free(self->limited);
        self->limited = next;
    }
    Py_XDECREF(self->runner);
    Py_XDECREF(self->loop);
    Py_XDECREF(self->threads);
    Py_XDECREF(self->context);
    Py_XDECREF(self->wake);
    Py_XDECREF(self->turn);
    Py_XDECREF(self->sweep);
    Py_XDECREF(self->timer);
    Py_XDECREF(self->give_up);
    Py_XDECREF(self->grace);
    PyMem_Free(self);
}

dr_py_loop *dr_py_loop_open(dr_py_state *state, PyObject *encode, bool has_threads)
{
    dr_py_loop *self = PyMem_Calloc(1, sizeof(*self));
    if (self == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    self->state = state;
    self->encode = encode;
    if (state->running == NULL) {
        state->running = PyContextVar_New("dora.running", NULL);
    }
    self->runner = new_of("dora._loop", "Runner");
    self->loop = self->runner != NULL ? PyObject_CallMethod(self->runner, "get_loop", NULL) : NULL;
    self->threads = self->loop != NULL && has_threads ? new_of("dora._threads", "Threads") : NULL;
    if (state->running == NULL || self->loop == NULL || (has_threads && self->threads == NULL)) {
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

void dr_py_loop_finish(dr_py_loop *self)
{
    if (self == NULL || self->has_served) {
        return;
    }
    PyObject *driver = PyImport_ImportModule("dora._loop");
    (void)dr_py_report(
        driver != NULL ? PyObject_CallMethod(driver, "finish", "O", self->loop) : NULL, driver);
    Py_XDECREF(driver);
}

PyObject *dr_py_loop_object(const dr_py_loop *self)
{
    return self->loop;
}

bool dr_py_loop_has_threads(const dr_py_loop *self)
{
    return self != NULL && self->threads != NULL;
}

PyObject *dr_py_loop_call(dr_py_loop *self, PyObject *callable, PyObject *argument,
                          PyObject *context)
{
    return PyObject_CallMethod(self->threads, "call", argument != NULL ? "OOO" : "OO", context,
                               callable, argument);
}

static int loop_prepare(dr_py_loop *self, PyObject *capsule, PyObject *context)
{
    self->context = Py_NewRef(context);
    self->wake = PyCFunction_New(&wake_def, capsule);
    self->turn = PyCFunction_New(&turn_def, capsule);
    self->sweep = PyCFunction_New(&sweep_def, capsule);
    self->give_up = PyCFunction_New(&give_up_def, capsule);
    self->grace = PyCFunction_New(&grace_def, capsule);
    if (self->wake == NULL || self->turn == NULL || self->sweep == NULL || self->give_up == NULL ||
        self->grace == NULL) {
        return -1;
    }
    if (self->threads == NULL) {
        return 0;
    }
    PyObject *more = PyObject_CallMethod(self->threads, "start_others", "Id",
                                         (unsigned)dora_worker_threads(self->worker),
                                         (double)dr_py_grace_ns(self) * 1e-9);
    Py_XDECREF(more);
    return more != NULL ? 0 : -1;
}

int dr_py_loop_run(dr_py_loop *self, dora_worker *worker, PyObject *context)
{
    PyObject *capsule = PyCapsule_New(self, NULL, NULL);
    PyObject *driver = PyImport_ImportModule("dora._loop");
    PyObject *leaver = capsule != NULL ? PyCFunction_New(&leave_def, capsule) : NULL;
    PyObject *done = NULL;
    self->worker = worker;
    self->has_served = true;
    self->longest_ns = (uint64_t)dora_worker_time_limit_ms(worker) * 1000000u;
    if (driver != NULL && leaver != NULL && loop_prepare(self, capsule, context) == 0) {
        done = PyObject_CallMethod(driver, "run", "OiOOO", self->loop, dora_worker_fd(worker),
                                   self->wake, self->turn, leaver);
    }
    if (!dora_is_forked()) { /* the application may have stopped the loop under its calls */
        give_up(self);
    }
    self->worker = NULL;
    Py_XDECREF(capsule);
    Py_XDECREF(driver);
    Py_XDECREF(leaver);
    Py_XDECREF(done);
    return done != NULL ? 0 : -1;
}

/* Those that do not end even now outlive the loop. */
static void let_go(dr_py_line *calls)
{
    while (calls->first != NULL) {
        dr_py_running *one = calls->first;
        dr_py_line_remove(one);
        one->owner = NULL;
        Py_DECREF(one);
    }
}

void dr_py_loop_close(dr_py_loop *self)
{
    if (self == NULL) {
        return;
    }
    PyObject *driver = PyImport_ImportModule("dora._loop");
    PyObject *closed = driver != NULL
                           ? PyObject_CallMethod(driver, "close", "OO", self->runner, self->loop)
                           : NULL;
    const bool is_closed = closed == Py_True;
    (void)dr_py_report(closed, self->runner);
    Py_XDECREF(driver);
    if (self->threads != NULL) {
        (void)dr_py_report(PyObject_CallMethod(self->threads, "close", NULL), self->threads);
    }
    for (dr_py_limited *at = self->limited; at != NULL; at = at->next) {
        let_go(&at->line);
    }
    let_go(&self->unlimited);
    let_go(&self->plain);
    let_go(&self->late);
    if (is_closed) { /* else what is to be called later has it: an atexit function may turn it */
        loop_free(self);
    }
}
