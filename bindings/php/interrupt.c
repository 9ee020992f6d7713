/* interrupt.c: what ends a handler before it has ended by itself: Dora\Interrupted.
 *
 * The core's signal sets the flag that PHP looks at between two steps of a program, and has what
 * waits in the system return; there the exception is thrown. Out of a function of an extension that
 * goes on by itself nothing comes: where it is, its frames say, which stand still then. */
#include "interrupt.h"

#include <signal.h>

#include "zend_exceptions.h"

#define LINES_MAX 64

zend_class_entry *php_dora_interrupted_ce;

static void (*before)(zend_execute_data *);

void php_dora_interrupt_begin(const dora_request *request)
{
    DORA_G(running) = request;
    DORA_G(is_interrupted) = false;
}

void php_dora_interrupt_end(void)
{
    DORA_G(running) = NULL;
}

/* ---- where it is: also within a signal handler, so nothing here allocates or formats ---- */

/* lines is text that is cut where it is full. */
typedef struct lines {
    char text[DORA_STACK_BYTES];
    size_t len;
} lines;

static void add(lines *self, const char *text, size_t len)
{
    const size_t room = sizeof(self->text) - self->len;
    const size_t kept = len < room ? len : room;
    memcpy(self->text + self->len, text, kept);
    self->len += kept;
}

static void add_number(lines *self, uint32_t number)
{
    char digits[10];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    add(self, digits + at, sizeof(digits) - at);
}

static void add_string(lines *self, const zend_string *text)
{
    if (text != NULL) {
        add(self, ZSTR_VAL(text), ZSTR_LEN(text));
    }
}

/* What has no name is called by its file, which is said already and is not for callers: a class
 * behind a NUL, a closure behind a colon, since PHP 8.4. */
static void add_class_name(lines *self, const zend_string *name)
{
    add(self, ZSTR_VAL(name), strlen(ZSTR_VAL(name)));
}

static void add_function_name(lines *self, const zend_string *name)
{
    static const char closure[] = "{closure";
    const char *found = strstr(ZSTR_VAL(name), closure);
    if (found != NULL) {
        add(self, ZSTR_VAL(name), (size_t)(found - ZSTR_VAL(name)) + sizeof(closure) - 1);
        add(self, "}", 1);
    } else {
        add_string(self, name);
    }
}

static uint32_t line_of(const zend_execute_data *frame)
{
    const zend_op *at = frame->opline;
    if (at != NULL && at->opcode == ZEND_HANDLE_EXCEPTION) {
        at = EG(opline_before_exception);
    }
    return at != NULL ? at->lineno : 0;
}

/* A function of an extension stands in no file: it is where it was called. */
static void add_frame(lines *self, const zend_execute_data *frame, const zend_execute_data *user)
{
    const zend_function *function = frame->func;
    add_string(self, user->func->op_array.filename);
    add(self, ":", 1);
    add_number(self, line_of(user));
    add(self, " in ", 4);
    if (function->common.scope != NULL) {
        add_class_name(self, function->common.scope->name);
        add(self, "::", 2);
    }
    if (function->common.function_name != NULL) {
        add_function_name(self, function->common.function_name);
    } else {
        add(self, "{main}", 6);
    }
    add(self, "\n", 1);
}

static const zend_execute_data *user_frame(const zend_execute_data *frame)
{
    while (frame != NULL && (frame->func == NULL || !ZEND_USER_CODE(frame->func->type))) {
        frame = frame->prev_execute_data;
    }
    return frame;
}

static void put_stack(void)
{
    lines stack = {.len = 0};
    const zend_execute_data *frame = EG(current_execute_data);
    for (int i = 0; i < LINES_MAX && frame != NULL && frame != DORA_G(worker_frame); i++) {
        const zend_execute_data *user = user_frame(frame);
        if (user != NULL && frame->func != NULL) {
            add_frame(&stack, frame, user);
        }
        frame = frame->prev_execute_data;
    }
    dora_stack_put(stack.text, stack.len);
}

/* ---- within a signal handler ---- */

void php_dora_interrupt(void *host, bool is_again)
{
    (void)host;
    if (DORA_G(running) == NULL) {
        return;
    }
    if (is_again) { /* PHP has not come to look: it is in a function that goes on by itself */
        put_stack();
    }
    zend_atomic_bool_store_ex(&EG(vm_interrupt), true);
}

/* ---- between two steps of a program ---- */

static void on_interrupt(zend_execute_data *frame)
{
    if (before != NULL) {
        before(frame);
    }
    const dora_request *request = DORA_G(running);
    if (request == NULL || DORA_G(is_interrupted)) {
        return;
    }
    const dora_interrupt why = dora_request_interrupt(request);
    if (why == DORA_INTERRUPT_NONE) {
        return;
    }
    if (EG(exception) != NULL) { /* who was asked before has thrown: once that is on its way */
        zend_atomic_bool_store_ex(&EG(vm_interrupt), true);
        return;
    }
    const dora_code code =
        why == DORA_INTERRUPT_TIME_LIMIT ? DORA_CODE_TIME_LIMIT : DORA_CODE_CANCELLED;
    char text[DORA_INTERRUPT_TEXT_BYTES];
    (void)dora_interrupt_text(request, text, sizeof(text));
    DORA_G(is_interrupted) = true; /* once, so that it may clean up */
    put_stack();
    zend_throw_exception(php_dora_interrupted_ce, text, code);
}

void php_dora_interrupt_init(void)
{
    before = zend_interrupt_function;
    zend_interrupt_function = on_interrupt;
}
