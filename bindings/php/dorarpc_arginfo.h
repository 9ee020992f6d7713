/* This is a generated file, edit the .stub.php file instead.
 * Stub hash: 8e8b7bb060c9863eb61eaed02e84b3870c8db41e */

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_DoraRPC_Client___construct, 0, 0, 1)
ZEND_ARG_TYPE_INFO(0, serverConfig, IS_ARRAY, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_DoraRPC_Client_changeMode, 0, 0, 1)
ZEND_ARG_INFO(0, param)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_DoraRPC_Client_getConnectMode, 0, 0, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_DoraRPC_Client_singleAPI, 0, 0, 2)
ZEND_ARG_INFO(0, name)
ZEND_ARG_INFO(0, param)
ZEND_ARG_INFO_WITH_DEFAULT_VALUE(0, mode, "DoraRPC\\DoraConst::SW_MODE_WAITRESULT")
ZEND_ARG_INFO_WITH_DEFAULT_VALUE(0, retry, "0")
ZEND_ARG_INFO_WITH_DEFAULT_VALUE(0, ip, "\"\"")
ZEND_ARG_INFO_WITH_DEFAULT_VALUE(0, port, "\"\"")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_DoraRPC_Client_multiAPI, 0, 0, 1)
ZEND_ARG_INFO(0, params)
ZEND_ARG_INFO_WITH_DEFAULT_VALUE(0, mode, "DoraRPC\\DoraConst::SW_MODE_WAITRESULT")
ZEND_ARG_INFO_WITH_DEFAULT_VALUE(0, retry, "0")
ZEND_ARG_INFO_WITH_DEFAULT_VALUE(0, ip, "\"\"")
ZEND_ARG_INFO_WITH_DEFAULT_VALUE(0, port, "\"\"")
ZEND_END_ARG_INFO()

#define arginfo_class_DoraRPC_Client_getAsyncData arginfo_class_DoraRPC_Client_getConnectMode

#define arginfo_class_DoraRPC_Client_clearAsyncData arginfo_class_DoraRPC_Client_getConnectMode

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_DoraRPC_Client_getStat, 0, 0, 0)
ZEND_ARG_INFO_WITH_DEFAULT_VALUE(0, ip, "\"\"")
ZEND_ARG_INFO_WITH_DEFAULT_VALUE(0, port, "\"\"")
ZEND_END_ARG_INFO()

#define arginfo_class_DoraRPC_Client_reloadServerTask arginfo_class_DoraRPC_Client_getStat

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_DoraRPC_Packet_packFormat, 0, 0, 1)
ZEND_ARG_INFO(0, guid)
ZEND_ARG_INFO_WITH_DEFAULT_VALUE(0, msg, "\"OK\"")
ZEND_ARG_INFO_WITH_DEFAULT_VALUE(0, code, "0")
ZEND_ARG_INFO_WITH_DEFAULT_VALUE(0, data, "[]")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_DoraRPC_Packet_packEncode, 0, 0, 1)
ZEND_ARG_INFO(0, data)
ZEND_ARG_INFO_WITH_DEFAULT_VALUE(0, type, "\"tcp\"")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_DoraRPC_Packet_packDecode, 0, 0, 1)
ZEND_ARG_INFO(0, str)
ZEND_END_ARG_INFO()

#define arginfo_class_DoraRPC_Common_getLocalIp arginfo_class_DoraRPC_Client_getConnectMode

ZEND_METHOD(DoraRPC_Client, __construct);
ZEND_METHOD(DoraRPC_Client, changeMode);
ZEND_METHOD(DoraRPC_Client, getConnectMode);
ZEND_METHOD(DoraRPC_Client, singleAPI);
ZEND_METHOD(DoraRPC_Client, multiAPI);
ZEND_METHOD(DoraRPC_Client, getAsyncData);
ZEND_METHOD(DoraRPC_Client, clearAsyncData);
ZEND_METHOD(DoraRPC_Client, getStat);
ZEND_METHOD(DoraRPC_Client, reloadServerTask);
ZEND_METHOD(DoraRPC_Packet, packFormat);
ZEND_METHOD(DoraRPC_Packet, packEncode);
ZEND_METHOD(DoraRPC_Packet, packDecode);
ZEND_METHOD(DoraRPC_Common, getLocalIp);

static const zend_function_entry class_DoraRPC_DoraConst_methods[] = {ZEND_FE_END};

static const zend_function_entry class_DoraRPC_Client_methods[] = {
    ZEND_ME(DoraRPC_Client, __construct, arginfo_class_DoraRPC_Client___construct, ZEND_ACC_PUBLIC)
        ZEND_ME(DoraRPC_Client, changeMode, arginfo_class_DoraRPC_Client_changeMode,
                ZEND_ACC_PUBLIC) ZEND_ME(DoraRPC_Client, getConnectMode,
                                         arginfo_class_DoraRPC_Client_getConnectMode,
                                         ZEND_ACC_PUBLIC)
            ZEND_ME(DoraRPC_Client, singleAPI, arginfo_class_DoraRPC_Client_singleAPI,
                    ZEND_ACC_PUBLIC) ZEND_ME(DoraRPC_Client, multiAPI,
                                             arginfo_class_DoraRPC_Client_multiAPI, ZEND_ACC_PUBLIC)
                ZEND_ME(DoraRPC_Client, getAsyncData, arginfo_class_DoraRPC_Client_getAsyncData,
                        ZEND_ACC_PUBLIC) ZEND_ME(DoraRPC_Client, clearAsyncData,
                                                 arginfo_class_DoraRPC_Client_clearAsyncData,
                                                 ZEND_ACC_PUBLIC)
                    ZEND_ME(DoraRPC_Client, getStat, arginfo_class_DoraRPC_Client_getStat,
                            ZEND_ACC_PUBLIC) ZEND_ME(DoraRPC_Client, reloadServerTask,
                                                     arginfo_class_DoraRPC_Client_reloadServerTask,
                                                     ZEND_ACC_PUBLIC) ZEND_FE_END};

static const zend_function_entry class_DoraRPC_Packet_methods[] = {
    ZEND_ME(DoraRPC_Packet, packFormat, arginfo_class_DoraRPC_Packet_packFormat,
            ZEND_ACC_PUBLIC | ZEND_ACC_STATIC)
        ZEND_ME(DoraRPC_Packet, packEncode, arginfo_class_DoraRPC_Packet_packEncode,
                ZEND_ACC_PUBLIC | ZEND_ACC_STATIC)
            ZEND_ME(DoraRPC_Packet, packDecode, arginfo_class_DoraRPC_Packet_packDecode,
                    ZEND_ACC_PUBLIC | ZEND_ACC_STATIC) ZEND_FE_END};

static const zend_function_entry class_DoraRPC_Common_methods[] = {
    ZEND_ME(DoraRPC_Common, getLocalIp, arginfo_class_DoraRPC_Common_getLocalIp, ZEND_ACC_PUBLIC)
        ZEND_FE_END};

static zend_class_entry *register_class_DoraRPC_DoraConst(void)
{
    zend_class_entry ce, *class_entry;

    INIT_NS_CLASS_ENTRY(ce, "DoraRPC", "DoraConst", class_DoraRPC_DoraConst_methods);
    class_entry = zend_register_internal_class_ex(&ce, NULL);

    zval const_SW_MODE_WAITRESULT_value;
    ZVAL_LONG(&const_SW_MODE_WAITRESULT_value, 0);
    zend_string *const_SW_MODE_WAITRESULT_name =
        zend_string_init_interned("SW_MODE_WAITRESULT", sizeof("SW_MODE_WAITRESULT") - 1, 1);
    zend_declare_class_constant_ex(class_entry, const_SW_MODE_WAITRESULT_name,
                                   &const_SW_MODE_WAITRESULT_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(const_SW_MODE_WAITRESULT_name);

    zval const_SW_MODE_NORESULT_value;
    ZVAL_LONG(&const_SW_MODE_NORESULT_value, 1);
    zend_string *const_SW_MODE_NORESULT_name =
        zend_string_init_interned("SW_MODE_NORESULT", sizeof("SW_MODE_NORESULT") - 1, 1);
    zend_declare_class_constant_ex(class_entry, const_SW_MODE_NORESULT_name,
                                   &const_SW_MODE_NORESULT_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(const_SW_MODE_NORESULT_name);

    zval const_SW_MODE_ASYNCRESULT_value;
    ZVAL_LONG(&const_SW_MODE_ASYNCRESULT_value, 2);
    zend_string *const_SW_MODE_ASYNCRESULT_name =
        zend_string_init_interned("SW_MODE_ASYNCRESULT", sizeof("SW_MODE_ASYNCRESULT") - 1, 1);
    zend_declare_class_constant_ex(class_entry, const_SW_MODE_ASYNCRESULT_name,
                                   &const_SW_MODE_ASYNCRESULT_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(const_SW_MODE_ASYNCRESULT_name);

    zval const_SW_MODE_WAITRESULT_SINGLE_value;
    zend_string *const_SW_MODE_WAITRESULT_SINGLE_value_str =
        zend_string_init("W_S", strlen("W_S"), 1);
    ZVAL_STR(&const_SW_MODE_WAITRESULT_SINGLE_value, const_SW_MODE_WAITRESULT_SINGLE_value_str);
    zend_string *const_SW_MODE_WAITRESULT_SINGLE_name = zend_string_init_interned(
        "SW_MODE_WAITRESULT_SINGLE", sizeof("SW_MODE_WAITRESULT_SINGLE") - 1, 1);
    zend_declare_class_constant_ex(class_entry, const_SW_MODE_WAITRESULT_SINGLE_name,
                                   &const_SW_MODE_WAITRESULT_SINGLE_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(const_SW_MODE_WAITRESULT_SINGLE_name);

    zval const_SW_MODE_WAITRESULT_MULTI_value;
    zend_string *const_SW_MODE_WAITRESULT_MULTI_value_str =
        zend_string_init("W_M", strlen("W_M"), 1);
    ZVAL_STR(&const_SW_MODE_WAITRESULT_MULTI_value, const_SW_MODE_WAITRESULT_MULTI_value_str);
    zend_string *const_SW_MODE_WAITRESULT_MULTI_name = zend_string_init_interned(
        "SW_MODE_WAITRESULT_MULTI", sizeof("SW_MODE_WAITRESULT_MULTI") - 1, 1);
    zend_declare_class_constant_ex(class_entry, const_SW_MODE_WAITRESULT_MULTI_name,
                                   &const_SW_MODE_WAITRESULT_MULTI_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(const_SW_MODE_WAITRESULT_MULTI_name);

    zval const_SW_MODE_NORESULT_SINGLE_value;
    zend_string *const_SW_MODE_NORESULT_SINGLE_value_str =
        zend_string_init("AN_S", strlen("AN_S"), 1);
    ZVAL_STR(&const_SW_MODE_NORESULT_SINGLE_value, const_SW_MODE_NORESULT_SINGLE_value_str);
    zend_string *const_SW_MODE_NORESULT_SINGLE_name = zend_string_init_interned(
        "SW_MODE_NORESULT_SINGLE", sizeof("SW_MODE_NORESULT_SINGLE") - 1, 1);
    zend_declare_class_constant_ex(class_entry, const_SW_MODE_NORESULT_SINGLE_name,
                                   &const_SW_MODE_NORESULT_SINGLE_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(const_SW_MODE_NORESULT_SINGLE_name);

    zval const_SW_MODE_NORESULT_MULTI_value;
    zend_string *const_SW_MODE_NORESULT_MULTI_value_str =
        zend_string_init("AN_M", strlen("AN_M"), 1);
    ZVAL_STR(&const_SW_MODE_NORESULT_MULTI_value, const_SW_MODE_NORESULT_MULTI_value_str);
    zend_string *const_SW_MODE_NORESULT_MULTI_name = zend_string_init_interned(
        "SW_MODE_NORESULT_MULTI", sizeof("SW_MODE_NORESULT_MULTI") - 1, 1);
    zend_declare_class_constant_ex(class_entry, const_SW_MODE_NORESULT_MULTI_name,
                                   &const_SW_MODE_NORESULT_MULTI_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(const_SW_MODE_NORESULT_MULTI_name);

    zval const_SW_MODE_ASYNCRESULT_SINGLE_value;
    zend_string *const_SW_MODE_ASYNCRESULT_SINGLE_value_str =
        zend_string_init("AM_S", strlen("AM_S"), 1);
    ZVAL_STR(&const_SW_MODE_ASYNCRESULT_SINGLE_value, const_SW_MODE_ASYNCRESULT_SINGLE_value_str);
    zend_string *const_SW_MODE_ASYNCRESULT_SINGLE_name = zend_string_init_interned(
        "SW_MODE_ASYNCRESULT_SINGLE", sizeof("SW_MODE_ASYNCRESULT_SINGLE") - 1, 1);
    zend_declare_class_constant_ex(class_entry, const_SW_MODE_ASYNCRESULT_SINGLE_name,
                                   &const_SW_MODE_ASYNCRESULT_SINGLE_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(const_SW_MODE_ASYNCRESULT_SINGLE_name);

    zval const_SW_MODE_ASYNCRESULT_MULTI_value;
    zend_string *const_SW_MODE_ASYNCRESULT_MULTI_value_str =
        zend_string_init("AM_M", strlen("AM_M"), 1);
    ZVAL_STR(&const_SW_MODE_ASYNCRESULT_MULTI_value, const_SW_MODE_ASYNCRESULT_MULTI_value_str);
    zend_string *const_SW_MODE_ASYNCRESULT_MULTI_name = zend_string_init_interned(
        "SW_MODE_ASYNCRESULT_MULTI", sizeof("SW_MODE_ASYNCRESULT_MULTI") - 1, 1);
    zend_declare_class_constant_ex(class_entry, const_SW_MODE_ASYNCRESULT_MULTI_name,
                                   &const_SW_MODE_ASYNCRESULT_MULTI_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(const_SW_MODE_ASYNCRESULT_MULTI_name);

    zval const_SW_CONTROL_CMD_value;
    zend_string *const_SW_CONTROL_CMD_value_str = zend_string_init("SC", strlen("SC"), 1);
    ZVAL_STR(&const_SW_CONTROL_CMD_value, const_SW_CONTROL_CMD_value_str);
    zend_string *const_SW_CONTROL_CMD_name =
        zend_string_init_interned("SW_CONTROL_CMD", sizeof("SW_CONTROL_CMD") - 1, 1);
    zend_declare_class_constant_ex(class_entry, const_SW_CONTROL_CMD_name,
                                   &const_SW_CONTROL_CMD_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(const_SW_CONTROL_CMD_name);

    zval const_SW_RECIVE_TIMEOUT_value;
    ZVAL_DOUBLE(&const_SW_RECIVE_TIMEOUT_value, 3);
    zend_string *const_SW_RECIVE_TIMEOUT_name =
        zend_string_init_interned("SW_RECIVE_TIMEOUT", sizeof("SW_RECIVE_TIMEOUT") - 1, 1);
    zend_declare_class_constant_ex(class_entry, const_SW_RECIVE_TIMEOUT_name,
                                   &const_SW_RECIVE_TIMEOUT_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(const_SW_RECIVE_TIMEOUT_name);

    zval const_SW_DATASIGEN_FLAG_value;
    ZVAL_FALSE(&const_SW_DATASIGEN_FLAG_value);
    zend_string *const_SW_DATASIGEN_FLAG_name =
        zend_string_init_interned("SW_DATASIGEN_FLAG", sizeof("SW_DATASIGEN_FLAG") - 1, 1);
    zend_declare_class_constant_ex(class_entry, const_SW_DATASIGEN_FLAG_name,
                                   &const_SW_DATASIGEN_FLAG_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(const_SW_DATASIGEN_FLAG_name);

    zval const_SW_DATACOMPRESS_FLAG_value;
    ZVAL_FALSE(&const_SW_DATACOMPRESS_FLAG_value);
    zend_string *const_SW_DATACOMPRESS_FLAG_name =
        zend_string_init_interned("SW_DATACOMPRESS_FLAG", sizeof("SW_DATACOMPRESS_FLAG") - 1, 1);
    zend_declare_class_constant_ex(class_entry, const_SW_DATACOMPRESS_FLAG_name,
                                   &const_SW_DATACOMPRESS_FLAG_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(const_SW_DATACOMPRESS_FLAG_name);

    zval const_SW_DATASIGEN_SALT_value;
    zend_string *const_SW_DATASIGEN_SALT_value_str =
        zend_string_init("=&$*#@(*&%(@", strlen("=&$*#@(*&%(@"), 1);
    ZVAL_STR(&const_SW_DATASIGEN_SALT_value, const_SW_DATASIGEN_SALT_value_str);
    zend_string *const_SW_DATASIGEN_SALT_name =
        zend_string_init_interned("SW_DATASIGEN_SALT", sizeof("SW_DATASIGEN_SALT") - 1, 1);
    zend_declare_class_constant_ex(class_entry, const_SW_DATASIGEN_SALT_name,
                                   &const_SW_DATASIGEN_SALT_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(const_SW_DATASIGEN_SALT_name);

    zval const_LOG_TYPE_DEBUG_value;
    ZVAL_LONG(&const_LOG_TYPE_DEBUG_value, 1);
    zend_string *const_LOG_TYPE_DEBUG_name =
        zend_string_init_interned("LOG_TYPE_DEBUG", sizeof("LOG_TYPE_DEBUG") - 1, 1);
    zend_declare_class_constant_ex(class_entry, const_LOG_TYPE_DEBUG_name,
                                   &const_LOG_TYPE_DEBUG_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(const_LOG_TYPE_DEBUG_name);

    zval const_LOG_TYPE_TRACE_value;
    ZVAL_LONG(&const_LOG_TYPE_TRACE_value, 2);
    zend_string *const_LOG_TYPE_TRACE_name =
        zend_string_init_interned("LOG_TYPE_TRACE", sizeof("LOG_TYPE_TRACE") - 1, 1);
    zend_declare_class_constant_ex(class_entry, const_LOG_TYPE_TRACE_name,
                                   &const_LOG_TYPE_TRACE_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(const_LOG_TYPE_TRACE_name);

    zval const_LOG_TYPE_NOTICE_value;
    ZVAL_LONG(&const_LOG_TYPE_NOTICE_value, 3);
    zend_string *const_LOG_TYPE_NOTICE_name =
        zend_string_init_interned("LOG_TYPE_NOTICE", sizeof("LOG_TYPE_NOTICE") - 1, 1);
    zend_declare_class_constant_ex(class_entry, const_LOG_TYPE_NOTICE_name,
                                   &const_LOG_TYPE_NOTICE_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(const_LOG_TYPE_NOTICE_name);

    zval const_LOG_TYPE_INFO_value;
    ZVAL_LONG(&const_LOG_TYPE_INFO_value, 4);
    zend_string *const_LOG_TYPE_INFO_name =
        zend_string_init_interned("LOG_TYPE_INFO", sizeof("LOG_TYPE_INFO") - 1, 1);
    zend_declare_class_constant_ex(class_entry, const_LOG_TYPE_INFO_name,
                                   &const_LOG_TYPE_INFO_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(const_LOG_TYPE_INFO_name);

    zval const_LOG_TYPE_ERROR_value;
    ZVAL_LONG(&const_LOG_TYPE_ERROR_value, 5);
    zend_string *const_LOG_TYPE_ERROR_name =
        zend_string_init_interned("LOG_TYPE_ERROR", sizeof("LOG_TYPE_ERROR") - 1, 1);
    zend_declare_class_constant_ex(class_entry, const_LOG_TYPE_ERROR_name,
                                   &const_LOG_TYPE_ERROR_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(const_LOG_TYPE_ERROR_name);

    zval const_LOG_TYPE_EMEGENCY_value;
    ZVAL_LONG(&const_LOG_TYPE_EMEGENCY_value, 6);
    zend_string *const_LOG_TYPE_EMEGENCY_name =
        zend_string_init_interned("LOG_TYPE_EMEGENCY", sizeof("LOG_TYPE_EMEGENCY") - 1, 1);
    zend_declare_class_constant_ex(class_entry, const_LOG_TYPE_EMEGENCY_name,
                                   &const_LOG_TYPE_EMEGENCY_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(const_LOG_TYPE_EMEGENCY_name);

    zval const_LOG_TYPE_EXCEPTION_value;
    ZVAL_LONG(&const_LOG_TYPE_EXCEPTION_value, 7);
    zend_string *const_LOG_TYPE_EXCEPTION_name =
        zend_string_init_interned("LOG_TYPE_EXCEPTION", sizeof("LOG_TYPE_EXCEPTION") - 1, 1);
    zend_declare_class_constant_ex(class_entry, const_LOG_TYPE_EXCEPTION_name,
                                   &const_LOG_TYPE_EXCEPTION_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(const_LOG_TYPE_EXCEPTION_name);

    zval const_LOG_TYPE_SNAP_value;
    ZVAL_LONG(&const_LOG_TYPE_SNAP_value, 8);
    zend_string *const_LOG_TYPE_SNAP_name =
        zend_string_init_interned("LOG_TYPE_SNAP", sizeof("LOG_TYPE_SNAP") - 1, 1);
    zend_declare_class_constant_ex(class_entry, const_LOG_TYPE_SNAP_name,
                                   &const_LOG_TYPE_SNAP_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(const_LOG_TYPE_SNAP_name);

    zval const_LOG_TYPE_PERFORMENCE_value;
    ZVAL_LONG(&const_LOG_TYPE_PERFORMENCE_value, 9);
    zend_string *const_LOG_TYPE_PERFORMENCE_name =
        zend_string_init_interned("LOG_TYPE_PERFORMENCE", sizeof("LOG_TYPE_PERFORMENCE") - 1, 1);
    zend_declare_class_constant_ex(class_entry, const_LOG_TYPE_PERFORMENCE_name,
                                   &const_LOG_TYPE_PERFORMENCE_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(const_LOG_TYPE_PERFORMENCE_name);

    return class_entry;
}

static zend_class_entry *register_class_DoraRPC_Client(void)
{
    zend_class_entry ce, *class_entry;

    INIT_NS_CLASS_ENTRY(ce, "DoraRPC", "Client", class_DoraRPC_Client_methods);
    class_entry = zend_register_internal_class_ex(&ce, NULL);
    class_entry->ce_flags |= ZEND_ACC_NOT_SERIALIZABLE;

    return class_entry;
}

static zend_class_entry *register_class_DoraRPC_Packet(void)
{
    zend_class_entry ce, *class_entry;

    INIT_NS_CLASS_ENTRY(ce, "DoraRPC", "Packet", class_DoraRPC_Packet_methods);
    class_entry = zend_register_internal_class_ex(&ce, NULL);

    return class_entry;
}

static zend_class_entry *register_class_DoraRPC_Common(void)
{
    zend_class_entry ce, *class_entry;

    INIT_NS_CLASS_ENTRY(ce, "DoraRPC", "Common", class_DoraRPC_Common_methods);
    class_entry = zend_register_internal_class_ex(&ce, NULL);

    return class_entry;
}
