/* async_worker.h: what the files of a worker with an event loop share: async_worker.c,
 * running.c, and plain.c for what runs in threads beside the loop. */
#ifndef DR_PY_ASYNC_WORKER_H
#define DR_PY_ASYNC_WORKER_H

#include "worker.h"

typedef struct dr_py_running dr_py_running;

/* dr_py_line is calls under way in their order. Each is owned by the line it is in. */
typedef struct dr_py_line {
    dr_py_running *first;
    dr_py_running *last;
} dr_py_line;

/* dr_py_limited is calls that may run equally long: their order is that in which they are due. */
typedef struct dr_py_limited {
    dr_py_line line;
    uint64_t limit_ns;
    struct dr_py_limited *next;
} dr_py_limited;

struct dr_py_loop {
    dr_py_state *state;
    PyObject *encode;    /* of the application, borrowed; NULL: none */
    dora_worker *worker; /* while it serves */
    PyObject *runner;    /* of dora._loop: makes the loop and closes it */
    PyObject *loop;
    PyObject *threads; /* a dora._threads.Threads; NULL: plain functions run on the loop */
    PyObject *context; /* what each call's context is a copy of */
    PyObject *wake;    /* callables for the loop */
    PyObject *turn;
    PyObject *sweep;
    PyObject *give_up;
    PyObject *grace;
    dr_py_limited *limited; /* to be answered: those with a time limit, */
    dr_py_line unlimited;   /* those that may run as long as they like, */
    dr_py_line plain;       /* and those that threads run, in turn */
    dr_py_line late;        /* answered that they were too slow, and not ended yet */
    dr_py_running *stalled; /* whose streams have no room */
    uint64_t longest_ns;    /* of the limits of calls and the pool's; 0: the pool has none */
    uint64_t shortest_ns;   /* of the limits of plain calls; 0: none has had one */
    PyObject *timer;        /* of the next sweep; NULL: none is due */
    uint64_t timer_ns;      /* when it is */
    bool is_turn_due;
    bool is_leaving;
    bool is_told;
    bool has_served; /* dr_py_loop_run has been called */
};

/* dr_py_running is one call under way, and what is called at its end: by the asyncio task with
 * itself, by a thread without an argument. */
struct dr_py_running {
    PyObject ob_base;
    dr_py_loop *owner;   /* NULL once that is gone: a thread may hang for longer */
    dora_task *task;     /* NULL once answered */
    PyObject *name;      /* of its handler, which lives for ever */
    PyObject *shown;     /* its dora.Request */
    PyObject *coroutine; /* the asyncio task */
    bool is_hit;         /* what ends it was raised in that; */
    PyObject *hit;       /* and in tasks that it has started: {task: what it waited for beside it};
                          * NULL: in none */
    dora_request *kept;  /* what the log says of it, once it was answered and runs on, */
    dora_interrupt why;  /* for this */
    uint64_t told_ns;    /* when the loop was told to end it; 0: it was not */
    uint64_t begin_ns;
    uint64_t limit_ns; /* how long it may run; 0: as long as it likes */
    dr_py_line *in;
    dr_py_running *next;
    dr_py_running *prev;
    /* Of a plain function, which a thread calls. */
    const dr_py_handler *handler;
    PyObject *arguments; /* a tuple; NULL: there is nothing to call, or it has been */
    PyObject *context;
    PyObject *result;     /* what it returned; */
    PyObject *raised;     /* or raised; both NULL: nobody waited any more when its turn came */
    unsigned long thread; /* once it has begun */
    uint64_t asked_ns;    /* to end */
    bool has_begun;
    bool has_ended;
    bool is_stuck; /* another thread has taken the place of its own */
    /* Of one that sends parts. */
    bool is_stream;
    bool is_told;       /* by a part that it sent that it has to end */
    dora_err err;       /* with which that ended */
    PyObject *room;     /* the future that waits for room; NULL: it does not */
    uint64_t paused_ns; /* since when its time stands still; 0: it does not */
    dr_py_running *next_stalled;
};

/* ---- async_worker.c, on the loop's thread ---- */

void dr_py_line_add(dr_py_line *in, dr_py_running *one);
void dr_py_line_remove(dr_py_running *one);

/* dr_py_report lets go of what a method of the loop gave; what it raised is printed, since nobody
 * waits for it. Returns: whether it went well. */
bool dr_py_report(PyObject *result, PyObject *where);

bool dr_py_call_later(dr_py_loop *self, double seconds, PyObject *callable);

/* dr_py_answer hands the reply over. dr_py_answer_result makes it of what a handler returned; NULL:
 * of the exception that it raised. Ownership: takes `result`. */
void dr_py_answer(dr_py_running *one, dora_err err);
void dr_py_answer_result(dr_py_running *one, PyObject *result);

/* dr_py_await has the loop await what a handler returned, in the context that is entered. Returns:
 * whether it does, else with an exception. Ownership: takes `awaitable`. */
bool dr_py_await(dr_py_running *one, PyObject *awaitable);

/* dr_py_open puts a call that the loop runs among those of its limit. */
void dr_py_open(dr_py_running *one);

/* dr_py_leave makes the worker take no more, and end once its calls have, within `seconds`; 0:
 * whenever that is. */
void dr_py_leave(dr_py_loop *self, double seconds);

/* dr_py_ended lets go of a call that has ended, and sees what is to be done next. */
void dr_py_ended(dr_py_running *one);

/* dr_py_arm has calls which run past their time looked for at `due_ns`, or before; 0: never. */
void dr_py_arm(dr_py_loop *self, uint64_t due_ns);

/* dr_py_sooner is the earlier of two times, of which 0 is never. */
static inline uint64_t dr_py_sooner(uint64_t one, uint64_t other)
{
    return one == 0 || (other != 0 && other < one) ? other : one;
}

/* ---- early.c ---- */

/* dr_py_say_stuck logs that what a call runs does not end, `bytes` being where that is: NULL,
 * nobody knows. It has its api, guid and trace by what was kept. */
void dr_py_say_stuck(const dr_py_running *one, PyObject *name, PyObject *bytes);

/* dr_py_grace_ns is how long what should end has for it. With a kill_after_ms of 0 a loop is asked
 * all the same, and has a second. */
uint64_t dr_py_grace_ns(const dr_py_loop *self);

/* dr_py_see_late has the worker replaced where a task of the loop has not ended in its grace. */
void dr_py_see_late(dr_py_loop *self);

/* dr_py_where tells where a task waits, or where it is NULL where a thread is, as dora_stack_put
 * takes it. NULL, without an exception: nobody knows. */
PyObject *dr_py_where(PyObject *task, unsigned long thread);

/* dr_py_end_early answers a call that should end, and ends it: what it does to end is beyond its
 * place. dr_py_heed does so with those that the server wants to end. */
void dr_py_end_early(dr_py_running *one, dora_interrupt why);
void dr_py_heed(dr_py_loop *self);

/* ---- running.c ---- */

/* dr_py_running_new gives the object of a task; NULL with an exception. */
dr_py_running *dr_py_running_new(dr_py_loop *self, dora_task *task);

/* dr_py_has_heard says whether a call knows by the end of a task that it has started, in which what
 * ends it was raised. */
bool dr_py_has_heard(const dr_py_running *one);

/* dr_py_outermost gives the call in whose context this is; of one within another the outer one.
 * NULL: none. Ownership: gives. */
dr_py_running *dr_py_outermost(const dr_py_state *state);

/* ---- parts.c ---- */

/* dr_py_parts_await makes what sends a generator's parts on the loop, to be awaited. Ownership:
 * takes `generator`. Returns: NULL with an exception. */
PyObject *dr_py_parts_await(dr_py_running *one, PyObject *generator);

/* dr_py_parts_look has those go on for whom there is room now, dr_py_parts_wake one that waits for
 * it. */
void dr_py_parts_look(dr_py_loop *self);
void dr_py_parts_wake(dr_py_running *one);

/* These are methods of a call: see dora/_parts.py. */
PyObject *dr_py_parts_are_given(dr_py_running *one, PyObject *result);
PyObject *dr_py_parts_part(dr_py_running *one, PyObject *value);
PyObject *dr_py_parts_again(dr_py_running *one, PyObject *ignored);

/* ---- plain.c ---- */

/* dr_py_plain_begin puts a call into the threads' queue. Returns: false where it has ended already,
 * answered. */
bool dr_py_plain_begin(dr_py_running *one);

/* dr_py_plain_run is what a thread does with it; dr_py_plain_done what the loop does then. */
PyObject *dr_py_plain_run(dr_py_running *one, PyObject *ignored);
void dr_py_plain_done(dr_py_running *one);

/* dr_py_plain_due_ns is when the first of them may be past its time, 0: never. dr_py_plain_sweep
 * answers those that are. */
uint64_t dr_py_plain_due_ns(const dr_py_loop *self, uint64_t now_ns);
void dr_py_plain_sweep(dr_py_loop *self, uint64_t now_ns);

/* dr_py_plain_end_early raises what ends it in the thread of one that has been answered. */
void dr_py_plain_end_early(dr_py_running *one, dora_interrupt why);

/* dr_py_plain_give_up gives the stop hooks a thread in place of each that a late call keeps. */
void dr_py_plain_give_up(dr_py_loop *self);

/* dr_py_plain_grace looks whether those have ended meanwhile. */
void dr_py_plain_grace(dr_py_loop *self);

#endif
