/* php_dora.h: what the files of the extension share: module globals and the module entry. */
#ifndef PHP_DORA_H
#define PHP_DORA_H

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "php.h"
#include "zend_smart_str.h"

#include "versions.h"

#include <dora/dora.h>
#include <dora/runtime.h>

/* php_dora_slice is a string's bytes; of NULL none. Ownership: borrows. */
static inline dora_slice php_dora_slice(const zend_string *text)
{
    return text != NULL ? (dora_slice){ZSTR_VAL(text), ZSTR_LEN(text)} : (dora_slice){NULL, 0};
}

extern zend_module_entry dora_module_entry;
#define phpext_dora_ptr &dora_module_entry

typedef struct php_dora_app php_dora_app;
typedef struct php_dora_output php_dora_output;
typedef struct php_dora_watch php_dora_watch;

/* php_dora_role is what this process is for Dora. A process that only has clients stays PLAIN. */
typedef enum php_dora_role {
    PHP_DORA_PLAIN = 0,
    PHP_DORA_MASTER,
    PHP_DORA_LOADING, /* a zygote that runs the application's file */
    PHP_DORA_SERVING  /* a zygote after that, or a worker */
} php_dora_role;

/* The settings of TLS, all of them texts: names of files, but the last one. */
enum {
    PHP_DORA_TLS_CA,
    PHP_DORA_TLS_CRL,
    PHP_DORA_TLS_CERT,
    PHP_DORA_TLS_KEY,
    PHP_DORA_TLS_NAME,
    PHP_DORA_TLS_COUNT
};
typedef const char *php_dora_tls_texts[PHP_DORA_TLS_COUNT];

ZEND_BEGIN_MODULE_GLOBALS(dora)
HashTable clients;      /* of Dora\Client, for the life of the process: see clients.h */
HashTable rpc_clients;  /* of DoraRPC\Client */
uint64_t clients_taken; /* how often one was taken from either */
bool has_submitted;     /* this request may have left something to collect */
dora_answer *answer;    /* the last call's results; NULL until the first call */
dora_writer *writer;    /* parameters of calls; NULL until the first call */
smart_str warnings;     /* lines for after the call: see warnings.h */
bool sign;              /* settings: see ini.h */
bool gzip;
const char *salt;
uint32_t timeout_ms;
size_t frame_bytes_max;
php_dora_tls_texts tls;
php_dora_role role;
php_dora_app *app;           /* of a zygote: what it serves; holds a reference */
php_dora_watch *watch;       /* of a zygote: what PHP's functions leave behind */
HashTable *watched;          /* of a zygote: those functions, for the life of the process */
void *worker_frame;          /* of a worker: what stands below its handlers */
bool is_zygote;              /* started to be one */
bool is_worker;              /* forked by a zygote */
const dora_request *running; /* of a worker: its handler runs, and may be interrupted */
bool is_interrupted;         /* that has been thrown in it */
bool is_handling;            /* of a worker: a handler runs, whose reply says what is fatal */
bool has_bailed_out;         /* of a worker: out of a handler, whose requests have no reply now */
HashTable *loaded_shutdown;  /* of a worker: functions that its zygote runs */
php_dora_output *output;     /* of a zygote or worker: what it prints */
ZEND_END_MODULE_GLOBALS(dora)

ZEND_EXTERN_MODULE_GLOBALS(dora)
#define DORA_G(v) ZEND_MODULE_GLOBALS_ACCESSOR(dora, v)

#if defined(ZTS) && defined(COMPILE_DL_DORA)
ZEND_TSRMLS_CACHE_EXTERN()
#endif

/* php_dora_writer gives this process's writer, emptied. Returns: NULL when out of memory.
 * Ownership: borrowed until the next call. */
dora_writer *php_dora_writer(void);

#endif
