/* php_dora.c: the extension's module: classes, globals, start and end. */
#include "php_dora.h"

#include <unistd.h>

#include "ext/json/php_json.h"
#include "ext/standard/info.h"
#include "zend_exceptions.h"

#include "app.h"
#include "chain.h"
#include "client.h"
#include "client_stream.h"
#include "clients.h"
#include "exception.h"
#include "fault.h"
#include "fork.h"
#include "ini.h"
#include "interrupt.h"
#include "output.h"
#include "request.h"
#include "rpc_client.h"
#include "rpc_monitor.h"
#include "rpc_server.h"
#include "warnings.h"
#include "watch.h"

#include "dora_arginfo.h"
#include "dorarpc_arginfo.h"

ZEND_DECLARE_MODULE_GLOBALS(dora)

static PHP_GINIT_FUNCTION(dora)
{
#if defined(COMPILE_DL_DORA) && defined(ZTS)
    ZEND_TSRMLS_CACHE_UPDATE();
#endif
    memset(dora_globals, 0, sizeof(*dora_globals));
    php_dora_clients_init(&dora_globals->clients);
    php_dora_clients_init(&dora_globals->rpc_clients);
}

static PHP_GSHUTDOWN_FUNCTION(dora)
{
    php_dora_clients_fini(&dora_globals->clients);
    php_dora_clients_fini(&dora_globals->rpc_clients);
    dora_answer_free(dora_globals->answer);
    dora_writer_free(dora_globals->writer);
}

static PHP_MINIT_FUNCTION(dora)
{
    php_dora_ini_register(module_number, type);
    php_dora_exception_ce =
        register_class_Dora_Exception(zend_ce_exception, php_json_serializable_ce);
    php_dora_timeout_ce = register_class_Dora_TimeoutException(php_dora_exception_ce);
    php_dora_connection_ce = register_class_Dora_ConnectionException(php_dora_exception_ce);
    php_dora_handler_ce = register_class_Dora_HandlerException(php_dora_exception_ce);
    php_dora_not_run_ce = register_class_Dora_NotRunException(php_dora_exception_ce);
    php_dora_misfit_ce = register_class_Dora_MisfitException(php_dora_not_run_ce);
    php_dora_interrupted_ce = register_class_Dora_Interrupted(zend_ce_error);
    php_dora_http_status_ce = register_class_Dora_HttpStatus();
    php_dora_stream_ce = register_class_Dora_Stream(zend_ce_iterator);
    php_dora_stream_init_class();
    php_dora_client_ce = register_class_Dora_Client(register_class_Dora_ClientInterface());
    php_dora_client_init_class();
    php_dora_request_ce = register_class_Dora_Request();
    php_dora_request_init_class();
    php_dora_app_ce = register_class_Dora_App();
    php_dora_app_init_class();
    php_dora_next_ce = register_class_Dora_Next();
    php_dora_chain_init_class();
    register_class_Dora_Wire();
    zend_class_entry *constants = register_class_DoraRPC_DoraConst();
    php_dora_rpc_client_ce = register_class_DoraRPC_Client();
    /* Names that a development state of the original had. */
    zend_register_class_alias("DoraRPC\\RpcConst", constants);
    zend_register_class_alias("DoraRPC\\RpcClient", php_dora_rpc_client_ce);
    php_dora_rpc_client_init_class();
    register_class_DoraRPC_Packet();
    register_class_DoraRPC_Common();
    php_dora_rpc_init();
    php_dora_rpc_monitor_init();
    DORA_G(is_zygote) = dora_is_zygote();
    if (DORA_G(is_zygote)) {
        php_dora_output_init();
        php_dora_fault_init();
        php_dora_interrupt_init();
    }
    return SUCCESS;
}

/* A worker leaves here, after the end of its request: its functions and classes are the zygote's,
 * and taking them apart would first copy the pages they lie in. */
static PHP_MSHUTDOWN_FUNCTION(dora)
{
    if (DORA_G(is_worker)) {
        (void)fflush(NULL);
        _exit(EG(exit_status));
    }
    php_dora_watch_shutdown();
    php_dora_ini_unregister(module_number, type);
    return SUCCESS;
}

/* A zygote watches its application from the first line of its file. A thread of a thread-safe PHP
 * that began before the module was loaded was not there for its globals. */
static PHP_RINIT_FUNCTION(dora)
{
    (void)type;
    (void)module_number;
#if defined(COMPILE_DL_DORA) && defined(ZTS)
    ZEND_TSRMLS_CACHE_UPDATE();
#endif
    if (DORA_G(is_zygote)) {
        php_dora_output_begin();
        php_dora_watch_begin();
    }
    return SUCCESS;
}

/* Objects go with their request, and so do submissions: the next request is somebody else's. After
 * a fatal error PHP frees all objects by itself. */
static PHP_RSHUTDOWN_FUNCTION(dora)
{
    if (DORA_G(has_submitted)) {
        php_dora_clients_forget(&DORA_G(clients));
        php_dora_clients_forget(&DORA_G(rpc_clients));
        DORA_G(has_submitted) = false;
    }
    php_dora_warnings_drop();
    php_dora_output_flush();
    if (!CG(unclean_shutdown)) {
        php_dora_fork_free();
        php_dora_watch_end();
    }
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
    php_info_print_table_row(2, "Program dora",
                             "not of the extension: Debian's package dora; in the sources "
                             "`pip install .` or `cmake --install`");
    php_info_print_table_end();
    php_dora_ini_display(zend_module);
}

zend_module_entry dora_module_entry = {STANDARD_MODULE_HEADER,
                                       "dora",
                                       ext_functions,
                                       PHP_MINIT(dora),
                                       PHP_MSHUTDOWN(dora),
                                       PHP_RINIT(dora),
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
