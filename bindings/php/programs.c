/* programs.c: what programs that exec(), system(), popen() and the like start do at signals. */
#include "programs.h"

#include <signal.h>

/* Those that a worker leaves to its master. */
static const int NUMBERS[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE};
#define NUMBER_COUNT (sizeof(NUMBERS) / sizeof(NUMBERS[0]))

static void do_nothing(int number)
{
    (void)number;
}

/* A program inherits what is ignored, while a handler becomes the default. */
void php_dora_program_call(zif_handler own, zend_execute_data *execute_data, zval *return_value)
{
    struct sigaction before[NUMBER_COUNT];
    struct sigaction handler = {.sa_handler = do_nothing, .sa_flags = SA_RESTART};
    bool is_changed[NUMBER_COUNT];

    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        is_changed[i] = sigaction(NUMBERS[i], NULL, &before[i]) == 0 &&
                        (before[i].sa_flags & SA_SIGINFO) == 0 && before[i].sa_handler == SIG_IGN &&
                        sigaction(NUMBERS[i], &handler, NULL) == 0;
    }
    own(INTERNAL_FUNCTION_PARAM_PASSTHRU);
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        struct sigaction now;
        if (is_changed[i] && sigaction(NUMBERS[i], NULL, &now) == 0 &&
            now.sa_handler == do_nothing) {
            (void)sigaction(NUMBERS[i], &before[i], NULL);
        }
    }
}
