/* summary.h: what a handler is for, in its own words. */
#ifndef PHP_DORA_SUMMARY_H
#define PHP_DORA_SUMMARY_H

#include <dora/handler.h>

#include "handler.h"

/* php_dora_summary is the first line of a handler's doc comment, empty where it has none.
 * Ownership: borrowed from the function. */
dora_slice php_dora_summary(const php_dora_handler *handler);

#endif
