/* options.h: the arrays of options that methods take. */
#ifndef PHP_DORA_OPTIONS_H
#define PHP_DORA_OPTIONS_H

#include "php_dora.h"

/* What a method allows; others are errors. */
#define PHP_DORA_OPTION_TIMEOUT 1u
#define PHP_DORA_OPTION_WIRE 2u      /* sign, salt, gzip */
#define PHP_DORA_OPTION_BYTES_MAX 4u /* bytesMax */

typedef struct php_dora_options {
    uint32_t timeout_ms; /* 0: not given */
    bool sign;
    bool gzip;
    zend_string *salt; /* borrowed from the array; NULL: not given */
    size_t bytes_max;  /* 0: not given */
} php_dora_options;

/* php_dora_options_read reads the array given as argument `arg` of the running method (NULL: no
 * option). Returns: false with a \ValueError or \TypeError raised. */
bool php_dora_options_read(php_dora_options *options, HashTable *given, uint32_t arg,
                           unsigned allowed);

/* php_dora_argv_from_options makes the command line {"dora", "serve", file, "--port", "0", ...}
 * from options of App::run(). Returns: its length, 0 with an exception raised.
 * Ownership: gives `*argv` and its strings; php_dora_argv_free frees them. */
int php_dora_argv_from_options(HashTable *given, const char *file, char ***argv);
void php_dora_argv_free(char **argv);

#endif
