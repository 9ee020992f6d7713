/* This is a generated file, edit the .stub.php file instead.
 * Stub hash: e3306a26165d35b09ae2add1b68815a5e28506dd */

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_DoraRPC_Monitor___construct, 0, 0, 0)
ZEND_ARG_INFO_WITH_DEFAULT_VALUE(0, ip, "\"0.0.0.0\"")
ZEND_ARG_INFO_WITH_DEFAULT_VALUE(0, port, "9569")
ZEND_ARG_INFO_WITH_DEFAULT_VALUE(0, config, "[]")
ZEND_ARG_INFO_WITH_DEFAULT_VALUE(0, file, "null")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_DoraRPC_Monitor_start, 0, 0, 0)
ZEND_END_ARG_INFO()

#define arginfo_class_DoraRPC_Monitor_discovery arginfo_class_DoraRPC_Monitor_start

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_DoraRPC_Monitor_onPacket, 0, 0, 3)
ZEND_ARG_INFO(0, server)
ZEND_ARG_INFO(0, data)
ZEND_ARG_INFO(0, client_info)
ZEND_END_ARG_INFO()

ZEND_METHOD(DoraRPC_Monitor, __construct);
ZEND_METHOD(DoraRPC_Monitor, start);
ZEND_METHOD(DoraRPC_Monitor, discovery);
ZEND_METHOD(DoraRPC_Monitor, onPacket);

static const zend_function_entry class_DoraRPC_Monitor_methods[] = {
    ZEND_ME(DoraRPC_Monitor, __construct, arginfo_class_DoraRPC_Monitor___construct,
            ZEND_ACC_PUBLIC)
        ZEND_ME(DoraRPC_Monitor, start, arginfo_class_DoraRPC_Monitor_start, ZEND_ACC_PUBLIC)
            ZEND_ME(DoraRPC_Monitor, discovery, arginfo_class_DoraRPC_Monitor_discovery,
                    ZEND_ACC_PUBLIC)
                ZEND_ME(DoraRPC_Monitor, onPacket, arginfo_class_DoraRPC_Monitor_onPacket,
                        ZEND_ACC_PUBLIC) ZEND_FE_END};

static zend_class_entry *register_class_DoraRPC_Monitor(void)
{
    zend_class_entry ce, *class_entry;

    INIT_NS_CLASS_ENTRY(ce, "DoraRPC", "Monitor", class_DoraRPC_Monitor_methods);
    class_entry = zend_register_internal_class_ex(&ce, NULL);
    class_entry->ce_flags |= ZEND_ACC_NOT_SERIALIZABLE;

    return class_entry;
}
