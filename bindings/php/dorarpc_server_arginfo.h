/* This is a generated file, edit the .stub.php file instead.
 * Stub hash: 73de8859d6bb896471beae0539051aea037a38ac */

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_DoraRPC_BackEndServer___construct, 0, 0, 0)
ZEND_ARG_INFO_WITH_DEFAULT_VALUE(0, ip, "\"0.0.0.0\"")
ZEND_ARG_INFO_WITH_DEFAULT_VALUE(0, port, "9567")
ZEND_ARG_INFO_WITH_DEFAULT_VALUE(0, httpport, "9566")
ZEND_ARG_INFO_WITH_DEFAULT_VALUE(0, groupConfig, "[]")
ZEND_ARG_INFO_WITH_DEFAULT_VALUE(0, reportConfig, "[]")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_DoraRPC_BackEndServer___destruct, 0, 0, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_DoraRPC_BackEndServer_initServer, 0, 0, 1)
ZEND_ARG_INFO(0, server)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_DoraRPC_BackEndServer_initTask, 0, 0, 2)
ZEND_ARG_INFO(0, server)
ZEND_ARG_INFO(0, worker_id)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_DoraRPC_BackEndServer_doWork, 0, 0, 1)
ZEND_ARG_INFO(0, param)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_DoraRPC_BackEndServer_configure, 0, 0, 1)
ZEND_ARG_TYPE_INFO(0, config, IS_ARRAY, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_DoraRPC_BackEndServer_discovery, 0, 0, 2)
ZEND_ARG_TYPE_INFO(0, group, IS_ARRAY, 0)
ZEND_ARG_TYPE_INFO(0, report, IS_ARRAY, 0)
ZEND_END_ARG_INFO()

#define arginfo_class_DoraRPC_BackEndServer_start arginfo_class_DoraRPC_BackEndServer___destruct

#define arginfo_class_DoraRPC_BackEndServer_getLocalIp                                             \
    arginfo_class_DoraRPC_BackEndServer___destruct

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_DoraRPC_BackEndServer_onStart, 0, 0, 0)
ZEND_ARG_VARIADIC_INFO(0, arguments)
ZEND_END_ARG_INFO()

#define arginfo_class_DoraRPC_BackEndServer_onManagerStart                                         \
    arginfo_class_DoraRPC_BackEndServer_onStart

#define arginfo_class_DoraRPC_BackEndServer_onWorkerStart                                          \
    arginfo_class_DoraRPC_BackEndServer_onStart

#define arginfo_class_DoraRPC_BackEndServer_onReceive arginfo_class_DoraRPC_BackEndServer_onStart

#define arginfo_class_DoraRPC_BackEndServer_onRequest arginfo_class_DoraRPC_BackEndServer_onStart

#define arginfo_class_DoraRPC_BackEndServer_onTask arginfo_class_DoraRPC_BackEndServer_onStart

#define arginfo_class_DoraRPC_BackEndServer_onFinish arginfo_class_DoraRPC_BackEndServer_onStart

#define arginfo_class_DoraRPC_BackEndServer_onHttpFinished                                         \
    arginfo_class_DoraRPC_BackEndServer_onStart

#define arginfo_class_DoraRPC_BackEndServer_onWorkerError                                          \
    arginfo_class_DoraRPC_BackEndServer_onStart

#define arginfo_class_DoraRPC_RunningServer___construct                                            \
    arginfo_class_DoraRPC_BackEndServer___destruct

#define arginfo_class_DoraRPC_RunningServer_stats arginfo_class_DoraRPC_BackEndServer___destruct

#define arginfo_class_DoraRPC_RunningServer_reload arginfo_class_DoraRPC_BackEndServer___destruct

#define arginfo_class_DoraRPC_RunningServer_shutdown arginfo_class_DoraRPC_BackEndServer___destruct

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_DoraRPC_RunningServer___call, 0, 0, 2)
ZEND_ARG_INFO(0, name)
ZEND_ARG_INFO(0, arguments)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_DoraRPC_LogAgent_recordLog, 0, 0, 5)
ZEND_ARG_INFO(0, level)
ZEND_ARG_INFO(0, tag)
ZEND_ARG_INFO(0, file)
ZEND_ARG_INFO(0, line)
ZEND_ARG_INFO(0, msg)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_DoraRPC_LogAgent_setLogLevel, 0, 0, 1)
ZEND_ARG_INFO(0, level)
ZEND_END_ARG_INFO()

#define arginfo_class_DoraRPC_LogAgent_getQueueStat arginfo_class_DoraRPC_BackEndServer___destruct

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_DoraRPC_LogAgent_init, 0, 0, 0)
ZEND_ARG_INFO_WITH_DEFAULT_VALUE(0, path, "\"\"")
ZEND_ARG_INFO_WITH_DEFAULT_VALUE(0, table, "null")
ZEND_END_ARG_INFO()

#define arginfo_class_DoraRPC_LogAgent_threadDumpLog arginfo_class_DoraRPC_BackEndServer___destruct

ZEND_METHOD(DoraRPC_BackEndServer, __construct);
ZEND_METHOD(DoraRPC_BackEndServer, __destruct);
ZEND_METHOD(DoraRPC_BackEndServer, configure);
ZEND_METHOD(DoraRPC_BackEndServer, discovery);
ZEND_METHOD(DoraRPC_BackEndServer, start);
ZEND_METHOD(DoraRPC_BackEndServer, getLocalIp);
ZEND_METHOD(DoraRPC_BackEndServer, onStart);
ZEND_METHOD(DoraRPC_BackEndServer, onManagerStart);
ZEND_METHOD(DoraRPC_BackEndServer, onWorkerStart);
ZEND_METHOD(DoraRPC_BackEndServer, onReceive);
ZEND_METHOD(DoraRPC_BackEndServer, onRequest);
ZEND_METHOD(DoraRPC_BackEndServer, onTask);
ZEND_METHOD(DoraRPC_BackEndServer, onFinish);
ZEND_METHOD(DoraRPC_BackEndServer, onHttpFinished);
ZEND_METHOD(DoraRPC_BackEndServer, onWorkerError);
ZEND_METHOD(DoraRPC_RunningServer, __construct);
ZEND_METHOD(DoraRPC_RunningServer, stats);
ZEND_METHOD(DoraRPC_RunningServer, reload);
ZEND_METHOD(DoraRPC_RunningServer, shutdown);
ZEND_METHOD(DoraRPC_RunningServer, __call);
ZEND_METHOD(DoraRPC_LogAgent, recordLog);
ZEND_METHOD(DoraRPC_LogAgent, setLogLevel);
ZEND_METHOD(DoraRPC_LogAgent, getQueueStat);
ZEND_METHOD(DoraRPC_LogAgent, init);
ZEND_METHOD(DoraRPC_LogAgent, threadDumpLog);

static const zend_function_entry class_DoraRPC_BackEndServer_methods[] = {
    ZEND_ME(DoraRPC_BackEndServer, __construct, arginfo_class_DoraRPC_BackEndServer___construct,
            ZEND_ACC_PUBLIC |
                ZEND_ACC_FINAL) ZEND_ME(DoraRPC_BackEndServer, __destruct,
                                        arginfo_class_DoraRPC_BackEndServer___destruct,
                                        ZEND_ACC_PUBLIC)
        ZEND_ABSTRACT_ME_WITH_FLAGS(
            DoraRPC_BackEndServer, initServer, arginfo_class_DoraRPC_BackEndServer_initServer,
            ZEND_ACC_PROTECTED |
                ZEND_ACC_ABSTRACT) ZEND_ABSTRACT_ME_WITH_FLAGS(DoraRPC_BackEndServer, initTask,
                                                               arginfo_class_DoraRPC_BackEndServer_initTask,
                                                               ZEND_ACC_PROTECTED |
                                                                   ZEND_ACC_ABSTRACT)
            ZEND_ABSTRACT_ME_WITH_FLAGS(
                DoraRPC_BackEndServer, doWork, arginfo_class_DoraRPC_BackEndServer_doWork,
                ZEND_ACC_PROTECTED |
                    ZEND_ACC_ABSTRACT) ZEND_ME(DoraRPC_BackEndServer, configure,
                                               arginfo_class_DoraRPC_BackEndServer_configure,
                                               ZEND_ACC_PUBLIC)
                ZEND_ME(DoraRPC_BackEndServer, discovery,
                        arginfo_class_DoraRPC_BackEndServer_discovery,
                        ZEND_ACC_PUBLIC) ZEND_ME(DoraRPC_BackEndServer, start,
                                                 arginfo_class_DoraRPC_BackEndServer_start,
                                                 ZEND_ACC_PUBLIC)
                    ZEND_ME(DoraRPC_BackEndServer, getLocalIp,
                            arginfo_class_DoraRPC_BackEndServer_getLocalIp,
                            ZEND_ACC_PROTECTED) ZEND_ME(DoraRPC_BackEndServer, onStart,
                                                        arginfo_class_DoraRPC_BackEndServer_onStart,
                                                        ZEND_ACC_PUBLIC | ZEND_ACC_FINAL)
                        ZEND_ME(DoraRPC_BackEndServer, onManagerStart,
                                arginfo_class_DoraRPC_BackEndServer_onManagerStart,
                                ZEND_ACC_PUBLIC | ZEND_ACC_FINAL)
                            ZEND_ME(
                                DoraRPC_BackEndServer, onWorkerStart,
                                arginfo_class_DoraRPC_BackEndServer_onWorkerStart,
                                ZEND_ACC_PUBLIC |
                                    ZEND_ACC_FINAL) ZEND_ME(DoraRPC_BackEndServer, onReceive,
                                                            arginfo_class_DoraRPC_BackEndServer_onReceive,
                                                            ZEND_ACC_PUBLIC | ZEND_ACC_FINAL)
                                ZEND_ME(DoraRPC_BackEndServer, onRequest,
                                        arginfo_class_DoraRPC_BackEndServer_onRequest,
                                        ZEND_ACC_PUBLIC | ZEND_ACC_FINAL)
                                    ZEND_ME(DoraRPC_BackEndServer, onTask,
                                            arginfo_class_DoraRPC_BackEndServer_onTask,
                                            ZEND_ACC_PUBLIC | ZEND_ACC_FINAL)
                                        ZEND_ME(DoraRPC_BackEndServer, onFinish,
                                                arginfo_class_DoraRPC_BackEndServer_onFinish,
                                                ZEND_ACC_PUBLIC | ZEND_ACC_FINAL)
                                            ZEND_ME(
                                                DoraRPC_BackEndServer, onHttpFinished,
                                                arginfo_class_DoraRPC_BackEndServer_onHttpFinished,
                                                ZEND_ACC_PUBLIC | ZEND_ACC_FINAL)
                                                ZEND_ME(
                                                    DoraRPC_BackEndServer, onWorkerError,
                                                    arginfo_class_DoraRPC_BackEndServer_onWorkerError,
                                                    ZEND_ACC_PUBLIC | ZEND_ACC_FINAL) ZEND_FE_END};

static const zend_function_entry class_DoraRPC_Server_methods[] = {ZEND_FE_END};

static const zend_function_entry class_DoraRPC_RunningServer_methods[] = {
    ZEND_ME(DoraRPC_RunningServer, __construct, arginfo_class_DoraRPC_RunningServer___construct,
            ZEND_ACC_PRIVATE) ZEND_ME(DoraRPC_RunningServer, stats,
                                      arginfo_class_DoraRPC_RunningServer_stats, ZEND_ACC_PUBLIC)
        ZEND_ME(DoraRPC_RunningServer, reload, arginfo_class_DoraRPC_RunningServer_reload,
                ZEND_ACC_PUBLIC)
            ZEND_ME(DoraRPC_RunningServer, shutdown, arginfo_class_DoraRPC_RunningServer_shutdown,
                    ZEND_ACC_PUBLIC)
                ZEND_ME(DoraRPC_RunningServer, __call, arginfo_class_DoraRPC_RunningServer___call,
                        ZEND_ACC_PUBLIC) ZEND_FE_END};

static const zend_function_entry class_DoraRPC_LogAgent_methods[] = {
    ZEND_ME(DoraRPC_LogAgent, recordLog, arginfo_class_DoraRPC_LogAgent_recordLog,
            ZEND_ACC_PUBLIC | ZEND_ACC_STATIC) ZEND_ME(DoraRPC_LogAgent, setLogLevel,
                                                       arginfo_class_DoraRPC_LogAgent_setLogLevel,
                                                       ZEND_ACC_PUBLIC | ZEND_ACC_STATIC)
        ZEND_ME(DoraRPC_LogAgent, getQueueStat, arginfo_class_DoraRPC_LogAgent_getQueueStat,
                ZEND_ACC_PUBLIC | ZEND_ACC_STATIC) ZEND_ME(DoraRPC_LogAgent, init,
                                                           arginfo_class_DoraRPC_LogAgent_init,
                                                           ZEND_ACC_PUBLIC | ZEND_ACC_STATIC)
            ZEND_ME(DoraRPC_LogAgent, threadDumpLog, arginfo_class_DoraRPC_LogAgent_threadDumpLog,
                    ZEND_ACC_PUBLIC | ZEND_ACC_STATIC) ZEND_FE_END};

static zend_class_entry *register_class_DoraRPC_BackEndServer(void)
{
    zend_class_entry ce, *class_entry;

    INIT_NS_CLASS_ENTRY(ce, "DoraRPC", "BackEndServer", class_DoraRPC_BackEndServer_methods);
    class_entry = zend_register_internal_class_ex(&ce, NULL);
    class_entry->ce_flags |=
        ZEND_ACC_ABSTRACT | ZEND_ACC_NOT_SERIALIZABLE | ZEND_ACC_ALLOW_DYNAMIC_PROPERTIES;

    zval property_httpConfig_default_value;
    ZVAL_EMPTY_ARRAY(&property_httpConfig_default_value);
    zend_string *property_httpConfig_name =
        zend_string_init("httpConfig", sizeof("httpConfig") - 1, 1);
    zend_declare_property_ex(class_entry, property_httpConfig_name,
                             &property_httpConfig_default_value, ZEND_ACC_PROTECTED, NULL);
    zend_string_release(property_httpConfig_name);

    zval property_tcpConfig_default_value;
    ZVAL_EMPTY_ARRAY(&property_tcpConfig_default_value);
    zend_string *property_tcpConfig_name =
        zend_string_init("tcpConfig", sizeof("tcpConfig") - 1, 1);
    zend_declare_property_ex(class_entry, property_tcpConfig_name,
                             &property_tcpConfig_default_value, ZEND_ACC_PROTECTED, NULL);
    zend_string_release(property_tcpConfig_name);

    zval property_doraConfig_default_value;
    ZVAL_EMPTY_ARRAY(&property_doraConfig_default_value);
    zend_string *property_doraConfig_name =
        zend_string_init("doraConfig", sizeof("doraConfig") - 1, 1);
    zend_declare_property_ex(class_entry, property_doraConfig_name,
                             &property_doraConfig_default_value, ZEND_ACC_PROTECTED, NULL);
    zend_string_release(property_doraConfig_name);

    zend_string *attribute_name_AllowDynamicProperties_class_DoraRPC_BackEndServer =
        zend_string_init_interned("AllowDynamicProperties", sizeof("AllowDynamicProperties") - 1,
                                  1);
    zend_add_class_attribute(class_entry,
                             attribute_name_AllowDynamicProperties_class_DoraRPC_BackEndServer, 0);
    zend_string_release(attribute_name_AllowDynamicProperties_class_DoraRPC_BackEndServer);

    return class_entry;
}

static zend_class_entry *
register_class_DoraRPC_Server(zend_class_entry *class_entry_DoraRPC_BackEndServer)
{
    zend_class_entry ce, *class_entry;

    INIT_NS_CLASS_ENTRY(ce, "DoraRPC", "Server", class_DoraRPC_Server_methods);
    class_entry = zend_register_internal_class_ex(&ce, class_entry_DoraRPC_BackEndServer);
    class_entry->ce_flags |= ZEND_ACC_ABSTRACT | ZEND_ACC_NOT_SERIALIZABLE;

    zval const_MASTER_PID_value;
    zend_string *const_MASTER_PID_value_str =
        zend_string_init("./dorarpc.pid", strlen("./dorarpc.pid"), 1);
    ZVAL_STR(&const_MASTER_PID_value, const_MASTER_PID_value_str);
    zend_string *const_MASTER_PID_name =
        zend_string_init_interned("MASTER_PID", sizeof("MASTER_PID") - 1, 1);
    zend_declare_class_constant_ex(class_entry, const_MASTER_PID_name, &const_MASTER_PID_value,
                                   ZEND_ACC_PUBLIC, NULL);
    zend_string_release(const_MASTER_PID_name);

    zval const_MANAGER_PID_value;
    zend_string *const_MANAGER_PID_value_str =
        zend_string_init("./dorarpcmanager.pid", strlen("./dorarpcmanager.pid"), 1);
    ZVAL_STR(&const_MANAGER_PID_value, const_MANAGER_PID_value_str);
    zend_string *const_MANAGER_PID_name =
        zend_string_init_interned("MANAGER_PID", sizeof("MANAGER_PID") - 1, 1);
    zend_declare_class_constant_ex(class_entry, const_MANAGER_PID_name, &const_MANAGER_PID_value,
                                   ZEND_ACC_PUBLIC, NULL);
    zend_string_release(const_MANAGER_PID_name);

    zval property_externalConfig_default_value;
    ZVAL_EMPTY_ARRAY(&property_externalConfig_default_value);
    zend_string *property_externalConfig_name =
        zend_string_init("externalConfig", sizeof("externalConfig") - 1, 1);
    zend_declare_property_ex(class_entry, property_externalConfig_name,
                             &property_externalConfig_default_value, ZEND_ACC_PROTECTED, NULL);
    zend_string_release(property_externalConfig_name);

    zval property_externalHttpConfig_default_value;
    ZVAL_EMPTY_ARRAY(&property_externalHttpConfig_default_value);
    zend_string *property_externalHttpConfig_name =
        zend_string_init("externalHttpConfig", sizeof("externalHttpConfig") - 1, 1);
    zend_declare_property_ex(class_entry, property_externalHttpConfig_name,
                             &property_externalHttpConfig_default_value, ZEND_ACC_PROTECTED, NULL);
    zend_string_release(property_externalHttpConfig_name);

    return class_entry;
}

static zend_class_entry *register_class_DoraRPC_RunningServer(void)
{
    zend_class_entry ce, *class_entry;

    INIT_NS_CLASS_ENTRY(ce, "DoraRPC", "RunningServer", class_DoraRPC_RunningServer_methods);
    class_entry = zend_register_internal_class_ex(&ce, NULL);
    class_entry->ce_flags |=
        ZEND_ACC_FINAL | ZEND_ACC_NOT_SERIALIZABLE | ZEND_ACC_ALLOW_DYNAMIC_PROPERTIES;

    zval property_setting_default_value;
    ZVAL_EMPTY_ARRAY(&property_setting_default_value);
    zend_string *property_setting_name = zend_string_init("setting", sizeof("setting") - 1, 1);
    zend_declare_property_ex(class_entry, property_setting_name, &property_setting_default_value,
                             ZEND_ACC_PUBLIC, NULL);
    zend_string_release(property_setting_name);

    zval property_worker_id_default_value;
    ZVAL_LONG(&property_worker_id_default_value, -1);
    zend_string *property_worker_id_name =
        zend_string_init("worker_id", sizeof("worker_id") - 1, 1);
    zend_declare_property_ex(class_entry, property_worker_id_name,
                             &property_worker_id_default_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(property_worker_id_name);

    zval property_worker_pid_default_value;
    ZVAL_LONG(&property_worker_pid_default_value, 0);
    zend_string *property_worker_pid_name =
        zend_string_init("worker_pid", sizeof("worker_pid") - 1, 1);
    zend_declare_property_ex(class_entry, property_worker_pid_name,
                             &property_worker_pid_default_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(property_worker_pid_name);

    zval property_master_pid_default_value;
    ZVAL_LONG(&property_master_pid_default_value, 0);
    zend_string *property_master_pid_name =
        zend_string_init("master_pid", sizeof("master_pid") - 1, 1);
    zend_declare_property_ex(class_entry, property_master_pid_name,
                             &property_master_pid_default_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(property_master_pid_name);

    zval property_manager_pid_default_value;
    ZVAL_LONG(&property_manager_pid_default_value, 0);
    zend_string *property_manager_pid_name =
        zend_string_init("manager_pid", sizeof("manager_pid") - 1, 1);
    zend_declare_property_ex(class_entry, property_manager_pid_name,
                             &property_manager_pid_default_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(property_manager_pid_name);

    zval property_taskworker_default_value;
    ZVAL_FALSE(&property_taskworker_default_value);
    zend_string *property_taskworker_name =
        zend_string_init("taskworker", sizeof("taskworker") - 1, 1);
    zend_declare_property_ex(class_entry, property_taskworker_name,
                             &property_taskworker_default_value, ZEND_ACC_PUBLIC, NULL);
    zend_string_release(property_taskworker_name);

    zend_string *attribute_name_AllowDynamicProperties_class_DoraRPC_RunningServer =
        zend_string_init_interned("AllowDynamicProperties", sizeof("AllowDynamicProperties") - 1,
                                  1);
    zend_add_class_attribute(class_entry,
                             attribute_name_AllowDynamicProperties_class_DoraRPC_RunningServer, 0);
    zend_string_release(attribute_name_AllowDynamicProperties_class_DoraRPC_RunningServer);

    return class_entry;
}

static zend_class_entry *register_class_DoraRPC_LogAgent(void)
{
    zend_class_entry ce, *class_entry;

    INIT_NS_CLASS_ENTRY(ce, "DoraRPC", "LogAgent", class_DoraRPC_LogAgent_methods);
    class_entry = zend_register_internal_class_ex(&ce, NULL);

    zval property_level_default_value;
    ZVAL_LONG(&property_level_default_value, 4);
    zend_string *property_level_name = zend_string_init("level", sizeof("level") - 1, 1);
    zend_declare_property_ex(class_entry, property_level_name, &property_level_default_value,
                             ZEND_ACC_PRIVATE | ZEND_ACC_STATIC, NULL);
    zend_string_release(property_level_name);

    zval property_logagent_default_value;
    ZVAL_NULL(&property_logagent_default_value);
    zend_string *property_logagent_name = zend_string_init("logagent", sizeof("logagent") - 1, 1);
    zend_declare_property_ex(class_entry, property_logagent_name, &property_logagent_default_value,
                             ZEND_ACC_PUBLIC | ZEND_ACC_STATIC, NULL);
    zend_string_release(property_logagent_name);

    zval property_table_default_value;
    ZVAL_NULL(&property_table_default_value);
    zend_string *property_table_name = zend_string_init("table", sizeof("table") - 1, 1);
    zend_declare_property_ex(class_entry, property_table_name, &property_table_default_value,
                             ZEND_ACC_PUBLIC | ZEND_ACC_STATIC, NULL);
    zend_string_release(property_table_name);

    return class_entry;
}
