/* handler.h: one registered callable: what it takes, and calling it. */
#ifndef PHP_DORA_HANDLER_H
#define PHP_DORA_HANDLER_H

#include "typed.h"

/* The parameter by name that gets the request, where others are members. */
#define PHP_DORA_REQUEST_NAME "request"

/* php_dora_takes is what a callable is registered for. */
typedef enum php_dora_takes {
    PHP_DORA_TAKES_CALL,    /* (param, request) */
    PHP_DORA_TAKES_MEMBERS, /* members of the parameter, by their names */
    PHP_DORA_TAKES_NEXT,    /* middleware: (next, param, request) */
    PHP_DORA_TAKES_WORKER   /* a hook: (worker) */
} php_dora_takes;

/* php_dora_handler is one registered callable, looked up once. */
typedef struct php_dora_handler {
    zval callable;
    zend_fcall_info_cache cache;
    bool is_looked_up;  /* false for __call and __callStatic: they are looked up at each call */
    bool has_default;   /* it has a value of its own where its call has no parameter */
    bool takes_null;    /* its first parameter may be null */
    bool by_reference;  /* a parameter of it is a reference */
    bool is_named;      /* its parameters are members of a map */
    bool makes_param;   /* its first parameter is made of what a call has: see typed.h */
    bool is_wrapped;    /* it is called by php_dora_chain_call: for what is above, or middleware */
    uint32_t arg_count; /* how many of (param, request), or of what it takes else */
    zend_string *summary;  /* what it does, for people; may be NULL */
    php_dora_typed *typed; /* NULL: its declarations say nothing that has to be looked at */
    bool has_limit;        /* its own: */
    int64_t limit_ms;      /* how long it may run; 0: as long as it likes */
} php_dora_handler;

/* php_dora_handler_new looks at `callable`, argument `arg` of the running method. Returns: NULL
 * with a \TypeError raised where it can never be called, which names the callable's file and line
 * and says what would do. Ownership: gives; php_dora_handler_free frees. */
php_dora_handler *php_dora_handler_new(zval *callable, php_dora_takes takes, uint32_t arg);

/* php_dora_handler_of_method is a method of an object, by its name in small letters, that takes one
 * argument. Ownership: as php_dora_handler_new. */
php_dora_handler *php_dora_handler_of_method(zend_object *object, const char *method);

void php_dora_handler_free(php_dora_handler *handler);

/* php_dora_handler_yields says whether it is a generator. */
bool php_dora_handler_yields(const php_dora_handler *handler);

/* php_dora_handler_prepare reads a typed handler's declarations, the first time. Returns: NULL, or
 * what is wrong with them, with its place; or NULL with an exception raised. Ownership: gives. */
zend_string *php_dora_handler_prepare(php_dora_handler *handler);

/* php_dora_handler_call calls a handler with as many of `args` as it takes; one that is undefined
 * is left to the handler's default. `*result` is undefined when an exception was raised, else owned
 * by the caller. */
void php_dora_handler_call(php_dora_handler *handler, zval *args, zval *result);

/* php_dora_handler_tell_misfit makes the exception that a call has raised a Dora\MisfitException,
 * where it is PHP's \TypeError of a `param` that the handler's declaration does not take. */
void php_dora_handler_tell_misfit(const php_dora_handler *handler, const zval *param);

/* php_dora_handler_call_named calls it with named arguments, of which it may make references.
 * Ownership: as above. */
void php_dora_handler_call_named(php_dora_handler *handler, HashTable *named, zval *result);

#endif
