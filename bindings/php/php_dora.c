/* php_dora.c: the extension's module: classes, globals, start and end. */
#include "php_dora.h"

#include "ext/standard/info.h"
#include "zend_exceptions.h"

#include "app.h"
#include "client.h"
#include "exception.h"
#include "request.h"

#include "dora_arginfo.h"

ZEND_DECLARE_MODULE_GLOBALS(dora)

static void client_free(zval *slot)
{
    dora_client_free(Z_PTR_P(slot));
}

static PHP_GINIT_FUNCTION(dora)
{
#if defined(COMPILE_DL_DORA) && defined(ZTS)
    ZEND_TSRMLS_CACHE_UPDATE();
#endif
    memset(dora_globals, 0, sizeof(*dora_globals));
    zend_hash_init(&dora_globals->clients, 0, NULL, client_free, true);
}

static PHP_GSHUTDOWN_FUNCTION(dora)
{
    zend_hash_destroy(&dora_globals->clients);
    dora_answer_free(dora_globals->answer);
    dora_writer_free(dora_globals->writer);
}

static PHP_MINIT_FUNCTION(dora)
{
    php_dora_exception_ce = register_class_Dora_Exception(zend_ce_exception);
    php_dora_timeout_ce = register_class_Dora_TimeoutException(php_dora_exception_ce);
    php_dora_connection_ce = register_class_Dora_ConnectionException(php_dora_exception_ce);
    php_dora_handler_ce = register_class_Dora_HandlerException(php_dora_exception_ce);
    php_dora_not_run_ce = register_class_Dora_NotRunException(php_dora_exception_ce);
    php_dora_client_ce = register_class_Dora_Client();
    php_dora_client_init_class();
    php_dora_request_ce = register_class_Dora_Request();
    php_dora_request_init_class();
    php_dora_app_ce = register_class_Dora_App();
    php_dora_app_init_class();
    register_class_Dora_Wire();
    return SUCCESS;
}

/* Objects go with their request. After a fatal error PHP frees them all by itself. */
static PHP_RSHUTDOWN_FUNCTION(dora)
{
    if (DORA_G(app) != NULL && !CG(unclean_shutdown)) {
        OBJ_RELEASE(&DORA_G(app)->std);
    }
    DORA_G(app) = NULL;
    return SUCCESS;
}

static PHP_MINFO_FUNCTION(dora)
{
    php_info_print_table_start();
    php_info_print_table_row(2, "Dora", "enabled");
    php_info_print_table_row(2, "Version", DORA_VERSION);
    php_info_print_table_end();
}

zend_module_entry dora_module_entry = {STANDARD_MODULE_HEADER,
                                       "dora",
                                       ext_functions,
                                       PHP_MINIT(dora),
                                       NULL,
                                       NULL,
                                       PHP_RSHUTDOWN(dora),
                                       PHP_MINFO(dora),
                                       DORA_VERSION,
                                       PHP_MODULE_GLOBALS(dora),
                                       PHP_GINIT(dora),
                                       PHP_GSHUTDOWN(dora),
                                       NULL,
                                       STANDARD_MODULE_PROPERTIES_EX};

#ifdef COMPILE_DL_DORA
#ifdef ZTS
ZEND_TSRMLS_CACHE_DEFINE()
#endif
ZEND_GET_MODULE(dora)
#endif
