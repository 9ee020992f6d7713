/* rpc_common.c: DoraRPC\Common: this host's private address. */
#include "rpc_common.h"

#include <dora/server.h>

zend_string *php_dora_local_ip(void)
{
    char text[DORA_LOCAL_IP_BYTES] = "127.0.0.1";

    (void)dora_local_ip(text);
    return zend_string_init(text, strlen(text), false);
}

PHP_METHOD(DoraRPC_Common, getLocalIp)
{
    ZEND_PARSE_PARAMETERS_NONE();
    RETURN_STR(php_dora_local_ip());
}
