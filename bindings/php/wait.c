/* wait.c: what PHP does while a call of the core waits: handlers of signals run. */
#include "wait.h"

/* A handler may call, too, even by the same client: what the waiting call borrows from this process
 * is put aside for it. */
static void interrupt_run(php_dora_wait *wait)
{
    dora_answer *answer = DORA_G(answer);
    dora_writer *writer = DORA_G(writer);
    zend_execute_data *frame = EG(current_execute_data);

    DORA_G(answer) = NULL;
    DORA_G(writer) = NULL;
    zend_try
    {
        zend_interrupt_function(EG(current_execute_data));
    }
    zend_catch
    {
        wait->has_bailed_out = true;
        EG(current_execute_data) = frame;
    }
    zend_end_try();
    dora_answer_free(DORA_G(answer));
    dora_writer_free(DORA_G(writer));
    DORA_G(answer) = answer;
    DORA_G(writer) = writer;
}

/* Asked by the core when a signal came, and now and then. A fatal error must not jump over the
 * core's frames: it is kept for the end of the wait. */
static bool is_interrupted(void *user)
{
    php_dora_wait *wait = user;

    if (EXPECTED(!zend_atomic_bool_load_ex(&EG(vm_interrupt)))) {
        return false;
    }
    if (zend_atomic_bool_load_ex(&EG(timed_out))) {
        wait->has_timed_out = true;
        return true;
    }
    zend_atomic_bool_store_ex(&EG(vm_interrupt), false);
    if (zend_interrupt_function != NULL) {
        interrupt_run(wait);
    }
    return wait->has_bailed_out || EG(exception) != NULL;
}

void php_dora_wait_begin(php_dora_wait *wait, php_dora_shared *shared, dora_call_options *options)
{
    *wait = (php_dora_wait){.shared = shared};
    if (shared != NULL) {
        shared->refs++;
    }
    options->is_interrupted = is_interrupted;
    options->user = wait;
}

bool php_dora_wait_end(php_dora_wait *wait)
{
    php_dora_clients_give(wait->shared);
    if (UNEXPECTED(wait->has_bailed_out)) {
        zend_bailout();
    }
    if (UNEXPECTED(wait->has_timed_out)) {
        zend_timeout();
    }
    return EXPECTED(EG(exception) == NULL);
}
