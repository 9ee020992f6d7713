/* runtime.h: PHP as a runtime of the server: a zygote's and its workers' callbacks. */
#ifndef PHP_DORA_RUNTIME_H
#define PHP_DORA_RUNTIME_H

#include "php_dora.h"

/* php_dora_zygote_serve is the life of a zygote and of its workers. It serves what was chosen by
 * php_dora_app_choose, else it loads what the master asks for. When it comes back, the process is
 * on its way out: an exit is under way, as after PHP's exit(). */
void php_dora_zygote_serve(void);

#endif
