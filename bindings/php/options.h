/* options.h: the arrays of options that methods take. */
#ifndef PHP_DORA_OPTIONS_H
#define PHP_DORA_OPTIONS_H

#include "tls.h"

/* What a method allows; others are errors. */
#define PHP_DORA_OPTION_CALL 1u      /* timeout, retry, wait, group, priority */
#define PHP_DORA_OPTION_WIRE 2u      /* sign, salt, gzip */
#define PHP_DORA_OPTION_BYTES_MAX 4u /* bytesMax */
#define PHP_DORA_OPTION_FRAME 8u     /* frame_bytes_max, token */
#define PHP_DORA_OPTION_ENCODE 16u   /* encode */
#define PHP_DORA_OPTION_TRACE 32u    /* trace */
#define PHP_DORA_OPTION_STREAM 128u  /* window, idle, onProgress */
#define PHP_DORA_OPTION_TLS 64u      /* tls, tls_ca, tls_crl, tls_cert, tls_key, tls_name */

/* php_dora_options is what such an array says. What is not given stays as the caller had set it, so
 * that the caller's defaults count. */
typedef struct php_dora_options {
    uint32_t timeout_ms;
    int32_t retry;
    int32_t wait_ms;
    zend_string *trace; /* borrowed from the array; NULL: none */
    zend_string *group; /* borrowed from the array; may be NULL */
    bool sign;
    bool gzip;
    const char *salt; /* NUL-ended, borrowed from the array; NULL: the protocol's */
    size_t bytes_max; /* 0: the protocol's */
    zval *encode;     /* a callable, borrowed from the array; NULL: none */
    php_dora_tls tls;
    const char *token; /* as `salt`; NULL: none */
    dora_priority priority;
    uint32_t window;
    uint32_t idle_ms;
    zval *on_progress; /* as `encode` */
} php_dora_options;

/* php_dora_options_read reads the array given as argument `arg` of the running method (NULL: no
 * option). Returns: false with a \ValueError or \TypeError raised. */
bool php_dora_options_read(php_dora_options *options, HashTable *given, uint32_t arg,
                           unsigned allowed);

/* php_dora_seconds turns seconds to milliseconds. Returns: false where they are not above 0, or
 * more than fit, which PHP_DORA_SECONDS_WANTED says to people. */
#define PHP_DORA_SECONDS_MAX 2147483.0
#define PHP_DORA_SECONDS_WANTED "a positive number of seconds (at most 2147483)"
bool php_dora_seconds(double seconds, uint32_t *ms);

/* php_dora_seconds_refuse says that `seconds`, argument `arg`, are none; `option` is the name that
 * they have there, NULL: they are the argument itself. */
void php_dora_seconds_refuse(double seconds, uint32_t arg, const char *option);

#define PHP_DORA_WINDOW_MAX 1024 /* parts of a stream that may be under way */

/* What frame_bytes_max may be: as in the server's configuration. */
#define PHP_DORA_FRAME_BYTES_MIN 1024
#define PHP_DORA_FRAME_BYTES_MAX (64 * 1024 * 1024)
#define PHP_DORA_FRAME_BYTES_DEFAULT ((size_t)2 * 1024 * 1024)

/* php_dora_run_options is what the server gets for options of App::run(): the command line
 * {"dora", "serve", file, "--port", "0", ...}, which ends with NULL, and the others as JSON. */
typedef struct php_dora_run_options {
    char **argv;
    int argc;
    smart_str settings; /* none: no text */
} php_dora_run_options;

/* php_dora_run_options_init makes it; `file` may be NULL. Returns: false with an exception raised.
 * Ownership: php_dora_run_options_fini frees it, after a failure too. */
bool php_dora_run_options_init(php_dora_run_options *self, HashTable *given, const char *file,
                               const char *door);
void php_dora_run_options_fini(php_dora_run_options *self);

#endif
