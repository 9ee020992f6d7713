/* This is a generated file, edit the .stub.php file instead.
 * Stub hash: 722c00f39bd806ae6d8adb9913a5081292ff5f91 */

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_Dora_zygote, 0, 0, IS_NEVER, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Dora_Exception_jsonSerialize, 0, 0, IS_ARRAY, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Dora_HttpStatus_httpStatus, 0, 0, IS_LONG, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Dora_ClientInterface_call, 0, 1, IS_MIXED, 0)
	ZEND_ARG_TYPE_INFO(0, name, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, param, IS_MIXED, 0, "null")
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, options, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Dora_ClientInterface_callMany, 0, 1, IS_ARRAY, 0)
	ZEND_ARG_TYPE_INFO(0, calls, IS_ARRAY, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, options, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Dora_ClientInterface_send, 0, 1, IS_VOID, 0)
	ZEND_ARG_TYPE_INFO(0, name, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, param, IS_MIXED, 0, "null")
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, options, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Dora_ClientInterface_sendMany, 0, 1, IS_VOID, 0)
	ZEND_ARG_TYPE_INFO(0, calls, IS_ARRAY, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, options, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Dora_ClientInterface_submit, 0, 1, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, name, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, param, IS_MIXED, 0, "null")
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, options, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Dora_ClientInterface_submitMany, 0, 1, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, calls, IS_ARRAY, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, options, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Dora_ClientInterface_collect, 0, 0, IS_ARRAY, 0)
	ZEND_ARG_TYPE_MASK(0, timeout, MAY_BE_ARRAY|MAY_BE_DOUBLE|MAY_BE_NULL, "null")
	ZEND_ARG_TYPE_MASK(0, guids, MAY_BE_ARRAY|MAY_BE_DOUBLE|MAY_BE_NULL, "null")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Dora_ClientInterface_result, 0, 1, IS_MIXED, 0)
	ZEND_ARG_TYPE_INFO(0, guid, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, timeout, IS_DOUBLE, 1, "null")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_OBJ_INFO_EX(arginfo_class_Dora_ClientInterface_stream, 0, 1, Iterator, 0)
	ZEND_ARG_TYPE_INFO(0, name, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, param, IS_MIXED, 0, "null")
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, options, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_Dora_Stream___construct, 0, 0, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Dora_Stream_current, 0, 0, IS_MIXED, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Dora_Stream_key, 0, 0, IS_LONG, 1)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Dora_Stream_next, 0, 0, IS_VOID, 0)
ZEND_END_ARG_INFO()

#define arginfo_class_Dora_Stream_rewind arginfo_class_Dora_Stream_next

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Dora_Stream_valid, 0, 0, _IS_BOOL, 0)
ZEND_END_ARG_INFO()

#define arginfo_class_Dora_Stream_getReturn arginfo_class_Dora_Stream_current

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Dora_Stream_progress, 0, 0, IS_ARRAY, 1)
ZEND_END_ARG_INFO()

#define arginfo_class_Dora_Stream_cancel arginfo_class_Dora_Stream_next

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_Dora_Client___construct, 0, 0, 1)
	ZEND_ARG_TYPE_MASK(0, nodes, MAY_BE_STRING|MAY_BE_ARRAY, NULL)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, options, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

#define arginfo_class_Dora_Client_call arginfo_class_Dora_ClientInterface_call

#define arginfo_class_Dora_Client_callMany arginfo_class_Dora_ClientInterface_callMany

#define arginfo_class_Dora_Client_send arginfo_class_Dora_ClientInterface_send

#define arginfo_class_Dora_Client_sendMany arginfo_class_Dora_ClientInterface_sendMany

#define arginfo_class_Dora_Client_submit arginfo_class_Dora_ClientInterface_submit

#define arginfo_class_Dora_Client_submitMany arginfo_class_Dora_ClientInterface_submitMany

#define arginfo_class_Dora_Client_collect arginfo_class_Dora_ClientInterface_collect

#define arginfo_class_Dora_Client_result arginfo_class_Dora_ClientInterface_result

ZEND_BEGIN_ARG_WITH_RETURN_OBJ_INFO_EX(arginfo_class_Dora_Client_stream, 0, 1, Dora\\Stream, 0)
	ZEND_ARG_TYPE_INFO(0, name, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, param, IS_MIXED, 0, "null")
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, options, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_Dora_Request___construct, 0, 0, 1)
	ZEND_ARG_TYPE_INFO(0, name, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, param, IS_MIXED, 0, "null")
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, guid, IS_STRING, 0, "\"\"")
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, type, IS_STRING, 0, "\"W_S\"")
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, remainingMs, IS_LONG, 1, "null")
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, trace, IS_STRING, 0, "\"\"")
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, caller, IS_STRING, 1, "null")
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, priority, IS_STRING, 0, "\"normal\"")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Dora_Request_progress, 0, 1, IS_VOID, 0)
	ZEND_ARG_TYPE_INFO(0, done, IS_DOUBLE, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, total, IS_DOUBLE, 1, "null")
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, note, IS_STRING, 1, "null")
ZEND_END_ARG_INFO()

#define arginfo_class_Dora_Next___construct arginfo_class_Dora_Stream___construct

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Dora_Next___invoke, 0, 0, IS_MIXED, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, param, IS_MIXED, 0, "null")
	ZEND_ARG_OBJ_INFO_WITH_DEFAULT_VALUE(0, request, Dora\\Request, 1, "null")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_Dora_App___construct, 0, 0, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, encode, IS_CALLABLE, 1, "null")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_OBJ_INFO_EX(arginfo_class_Dora_App_api, 0, 2, Dora\\App, 0)
	ZEND_ARG_TYPE_INFO(0, name, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, handler, IS_CALLABLE, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, options, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_OBJ_INFO_EX(arginfo_class_Dora_App_fallback, 0, 1, Dora\\App, 0)
	ZEND_ARG_TYPE_INFO(0, handler, IS_CALLABLE, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_OBJ_INFO_EX(arginfo_class_Dora_App_middleware, 0, 1, Dora\\App, 0)
	ZEND_ARG_TYPE_INFO(0, around, IS_CALLABLE, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Dora_App_call, 0, 1, IS_MIXED, 0)
	ZEND_ARG_TYPE_INFO(0, name, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, param, IS_MIXED, 0, "null")
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, request, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

#define arginfo_class_Dora_App_close arginfo_class_Dora_Stream_next

ZEND_BEGIN_ARG_WITH_RETURN_OBJ_INFO_EX(arginfo_class_Dora_App_workerStart, 0, 1, Dora\\App, 0)
	ZEND_ARG_TYPE_INFO(0, hook, IS_CALLABLE, 0)
ZEND_END_ARG_INFO()

#define arginfo_class_Dora_App_workerStop arginfo_class_Dora_App_workerStart

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Dora_App_run, 0, 0, IS_LONG, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, options, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Dora_Wire_encode, 0, 1, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, value, IS_MIXED, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Dora_Wire_decode, 0, 1, IS_MIXED, 0)
	ZEND_ARG_TYPE_INFO(0, bytes, IS_STRING, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Dora_Wire_pack, 0, 2, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, guid, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, body, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, options, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Dora_Wire_check, 0, 1, IS_ARRAY, 1)
	ZEND_ARG_TYPE_INFO(0, bytes, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, request, _IS_BOOL, 0, "false")
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, options, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()


ZEND_FUNCTION(Dora_zygote);
ZEND_METHOD(Dora_Exception, jsonSerialize);
ZEND_METHOD(Dora_Stream, __construct);
ZEND_METHOD(Dora_Stream, current);
ZEND_METHOD(Dora_Stream, key);
ZEND_METHOD(Dora_Stream, next);
ZEND_METHOD(Dora_Stream, rewind);
ZEND_METHOD(Dora_Stream, valid);
ZEND_METHOD(Dora_Stream, getReturn);
ZEND_METHOD(Dora_Stream, progress);
ZEND_METHOD(Dora_Stream, cancel);
ZEND_METHOD(Dora_Client, __construct);
ZEND_METHOD(Dora_Client, call);
ZEND_METHOD(Dora_Client, callMany);
ZEND_METHOD(Dora_Client, send);
ZEND_METHOD(Dora_Client, sendMany);
ZEND_METHOD(Dora_Client, submit);
ZEND_METHOD(Dora_Client, submitMany);
ZEND_METHOD(Dora_Client, collect);
ZEND_METHOD(Dora_Client, result);
ZEND_METHOD(Dora_Client, stream);
ZEND_METHOD(Dora_Request, __construct);
ZEND_METHOD(Dora_Request, progress);
ZEND_METHOD(Dora_Next, __construct);
ZEND_METHOD(Dora_Next, __invoke);
ZEND_METHOD(Dora_App, __construct);
ZEND_METHOD(Dora_App, api);
ZEND_METHOD(Dora_App, fallback);
ZEND_METHOD(Dora_App, middleware);
ZEND_METHOD(Dora_App, call);
ZEND_METHOD(Dora_App, close);
ZEND_METHOD(Dora_App, workerStart);
ZEND_METHOD(Dora_App, workerStop);
ZEND_METHOD(Dora_App, run);
ZEND_METHOD(Dora_Wire, encode);
ZEND_METHOD(Dora_Wire, decode);
ZEND_METHOD(Dora_Wire, pack);
ZEND_METHOD(Dora_Wire, check);


static const zend_function_entry ext_functions[] = {
	ZEND_NS_FALIAS("Dora", zygote, Dora_zygote, arginfo_Dora_zygote)
	ZEND_FE_END
};


static const zend_function_entry class_Dora_Exception_methods[] = {
	ZEND_ME(Dora_Exception, jsonSerialize, arginfo_class_Dora_Exception_jsonSerialize, ZEND_ACC_PUBLIC)
	ZEND_FE_END
};


static const zend_function_entry class_Dora_TimeoutException_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Dora_ConnectionException_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Dora_HandlerException_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Dora_NotRunException_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Dora_MisfitException_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Dora_Interrupted_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Dora_HttpStatus_methods[] = {
	ZEND_ABSTRACT_ME_WITH_FLAGS(Dora_HttpStatus, httpStatus, arginfo_class_Dora_HttpStatus_httpStatus, ZEND_ACC_PUBLIC|ZEND_ACC_ABSTRACT)
	ZEND_FE_END
};


static const zend_function_entry class_Dora_ClientInterface_methods[] = {
	ZEND_ABSTRACT_ME_WITH_FLAGS(Dora_ClientInterface, call, arginfo_class_Dora_ClientInterface_call, ZEND_ACC_PUBLIC|ZEND_ACC_ABSTRACT)
	ZEND_ABSTRACT_ME_WITH_FLAGS(Dora_ClientInterface, callMany, arginfo_class_Dora_ClientInterface_callMany, ZEND_ACC_PUBLIC|ZEND_ACC_ABSTRACT)
	ZEND_ABSTRACT_ME_WITH_FLAGS(Dora_ClientInterface, send, arginfo_class_Dora_ClientInterface_send, ZEND_ACC_PUBLIC|ZEND_ACC_ABSTRACT)
	ZEND_ABSTRACT_ME_WITH_FLAGS(Dora_ClientInterface, sendMany, arginfo_class_Dora_ClientInterface_sendMany, ZEND_ACC_PUBLIC|ZEND_ACC_ABSTRACT)
	ZEND_ABSTRACT_ME_WITH_FLAGS(Dora_ClientInterface, submit, arginfo_class_Dora_ClientInterface_submit, ZEND_ACC_PUBLIC|ZEND_ACC_ABSTRACT)
	ZEND_ABSTRACT_ME_WITH_FLAGS(Dora_ClientInterface, submitMany, arginfo_class_Dora_ClientInterface_submitMany, ZEND_ACC_PUBLIC|ZEND_ACC_ABSTRACT)
	ZEND_ABSTRACT_ME_WITH_FLAGS(Dora_ClientInterface, collect, arginfo_class_Dora_ClientInterface_collect, ZEND_ACC_PUBLIC|ZEND_ACC_ABSTRACT)
	ZEND_ABSTRACT_ME_WITH_FLAGS(Dora_ClientInterface, result, arginfo_class_Dora_ClientInterface_result, ZEND_ACC_PUBLIC|ZEND_ACC_ABSTRACT)
	ZEND_ABSTRACT_ME_WITH_FLAGS(Dora_ClientInterface, stream, arginfo_class_Dora_ClientInterface_stream, ZEND_ACC_PUBLIC|ZEND_ACC_ABSTRACT)
	ZEND_FE_END
};


static const zend_function_entry class_Dora_Stream_methods[] = {
	ZEND_ME(Dora_Stream, __construct, arginfo_class_Dora_Stream___construct, ZEND_ACC_PRIVATE)
	ZEND_ME(Dora_Stream, current, arginfo_class_Dora_Stream_current, ZEND_ACC_PUBLIC)
	ZEND_ME(Dora_Stream, key, arginfo_class_Dora_Stream_key, ZEND_ACC_PUBLIC)
	ZEND_ME(Dora_Stream, next, arginfo_class_Dora_Stream_next, ZEND_ACC_PUBLIC)
	ZEND_ME(Dora_Stream, rewind, arginfo_class_Dora_Stream_rewind, ZEND_ACC_PUBLIC)
	ZEND_ME(Dora_Stream, valid, arginfo_class_Dora_Stream_valid, ZEND_ACC_PUBLIC)
	ZEND_ME(Dora_Stream, getReturn, arginfo_class_Dora_Stream_getReturn, ZEND_ACC_PUBLIC)
	ZEND_ME(Dora_Stream, progress, arginfo_class_Dora_Stream_progress, ZEND_ACC_PUBLIC)
	ZEND_ME(Dora_Stream, cancel, arginfo_class_Dora_Stream_cancel, ZEND_ACC_PUBLIC)
	ZEND_FE_END
};


static const zend_function_entry class_Dora_Client_methods[] = {
	ZEND_ME(Dora_Client, __construct, arginfo_class_Dora_Client___construct, ZEND_ACC_PUBLIC)
	ZEND_ME(Dora_Client, call, arginfo_class_Dora_Client_call, ZEND_ACC_PUBLIC)
	ZEND_ME(Dora_Client, callMany, arginfo_class_Dora_Client_callMany, ZEND_ACC_PUBLIC)
	ZEND_ME(Dora_Client, send, arginfo_class_Dora_Client_send, ZEND_ACC_PUBLIC)
	ZEND_ME(Dora_Client, sendMany, arginfo_class_Dora_Client_sendMany, ZEND_ACC_PUBLIC)
	ZEND_ME(Dora_Client, submit, arginfo_class_Dora_Client_submit, ZEND_ACC_PUBLIC)
	ZEND_ME(Dora_Client, submitMany, arginfo_class_Dora_Client_submitMany, ZEND_ACC_PUBLIC)
	ZEND_ME(Dora_Client, collect, arginfo_class_Dora_Client_collect, ZEND_ACC_PUBLIC)
	ZEND_ME(Dora_Client, result, arginfo_class_Dora_Client_result, ZEND_ACC_PUBLIC)
	ZEND_ME(Dora_Client, stream, arginfo_class_Dora_Client_stream, ZEND_ACC_PUBLIC)
	ZEND_FE_END
};


static const zend_function_entry class_Dora_Request_methods[] = {
	ZEND_ME(Dora_Request, __construct, arginfo_class_Dora_Request___construct, ZEND_ACC_PUBLIC)
	ZEND_ME(Dora_Request, progress, arginfo_class_Dora_Request_progress, ZEND_ACC_PUBLIC)
	ZEND_FE_END
};


static const zend_function_entry class_Dora_Next_methods[] = {
	ZEND_ME(Dora_Next, __construct, arginfo_class_Dora_Next___construct, ZEND_ACC_PRIVATE)
	ZEND_ME(Dora_Next, __invoke, arginfo_class_Dora_Next___invoke, ZEND_ACC_PUBLIC)
	ZEND_FE_END
};


static const zend_function_entry class_Dora_App_methods[] = {
	ZEND_ME(Dora_App, __construct, arginfo_class_Dora_App___construct, ZEND_ACC_PUBLIC)
	ZEND_ME(Dora_App, api, arginfo_class_Dora_App_api, ZEND_ACC_PUBLIC)
	ZEND_ME(Dora_App, fallback, arginfo_class_Dora_App_fallback, ZEND_ACC_PUBLIC)
	ZEND_ME(Dora_App, middleware, arginfo_class_Dora_App_middleware, ZEND_ACC_PUBLIC)
	ZEND_ME(Dora_App, call, arginfo_class_Dora_App_call, ZEND_ACC_PUBLIC)
	ZEND_ME(Dora_App, close, arginfo_class_Dora_App_close, ZEND_ACC_PUBLIC)
	ZEND_ME(Dora_App, workerStart, arginfo_class_Dora_App_workerStart, ZEND_ACC_PUBLIC)
	ZEND_ME(Dora_App, workerStop, arginfo_class_Dora_App_workerStop, ZEND_ACC_PUBLIC)
	ZEND_ME(Dora_App, run, arginfo_class_Dora_App_run, ZEND_ACC_PUBLIC)
	ZEND_FE_END
};


static const zend_function_entry class_Dora_Wire_methods[] = {
	ZEND_ME(Dora_Wire, encode, arginfo_class_Dora_Wire_encode, ZEND_ACC_PUBLIC|ZEND_ACC_STATIC)
	ZEND_ME(Dora_Wire, decode, arginfo_class_Dora_Wire_decode, ZEND_ACC_PUBLIC|ZEND_ACC_STATIC)
	ZEND_ME(Dora_Wire, pack, arginfo_class_Dora_Wire_pack, ZEND_ACC_PUBLIC|ZEND_ACC_STATIC)
	ZEND_ME(Dora_Wire, check, arginfo_class_Dora_Wire_check, ZEND_ACC_PUBLIC|ZEND_ACC_STATIC)
	ZEND_FE_END
};

static zend_class_entry *register_class_Dora_Exception(zend_class_entry *class_entry_Exception, zend_class_entry *class_entry_JsonSerializable)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Dora", "Exception", class_Dora_Exception_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Exception);
	zend_class_implements(class_entry, 1, class_entry_JsonSerializable);

	zval property_retryAfterMs_default_value;
	ZVAL_NULL(&property_retryAfterMs_default_value);
	zend_string *property_retryAfterMs_name = zend_string_init("retryAfterMs", sizeof("retryAfterMs") - 1, 1);
	zend_declare_typed_property(class_entry, property_retryAfterMs_name, &property_retryAfterMs_default_value, ZEND_ACC_PUBLIC, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_LONG|MAY_BE_NULL));
	zend_string_release(property_retryAfterMs_name);

	return class_entry;
}

static zend_class_entry *register_class_Dora_TimeoutException(zend_class_entry *class_entry_Dora_Exception)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Dora", "TimeoutException", class_Dora_TimeoutException_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Dora_Exception);

	return class_entry;
}

static zend_class_entry *register_class_Dora_ConnectionException(zend_class_entry *class_entry_Dora_Exception)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Dora", "ConnectionException", class_Dora_ConnectionException_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Dora_Exception);

	return class_entry;
}

static zend_class_entry *register_class_Dora_HandlerException(zend_class_entry *class_entry_Dora_Exception)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Dora", "HandlerException", class_Dora_HandlerException_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Dora_Exception);

	return class_entry;
}

static zend_class_entry *register_class_Dora_NotRunException(zend_class_entry *class_entry_Dora_Exception)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Dora", "NotRunException", class_Dora_NotRunException_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Dora_Exception);

	return class_entry;
}

static zend_class_entry *register_class_Dora_MisfitException(zend_class_entry *class_entry_Dora_NotRunException)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Dora", "MisfitException", class_Dora_MisfitException_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Dora_NotRunException);

	return class_entry;
}

static zend_class_entry *register_class_Dora_Interrupted(zend_class_entry *class_entry_Error)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Dora", "Interrupted", class_Dora_Interrupted_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Error);
	class_entry->ce_flags |= ZEND_ACC_FINAL;

	return class_entry;
}

static zend_class_entry *register_class_Dora_HttpStatus(void)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Dora", "HttpStatus", class_Dora_HttpStatus_methods);
	class_entry = zend_register_internal_interface(&ce);

	return class_entry;
}

static zend_class_entry *register_class_Dora_ClientInterface(void)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Dora", "ClientInterface", class_Dora_ClientInterface_methods);
	class_entry = zend_register_internal_interface(&ce);

	return class_entry;
}

static zend_class_entry *register_class_Dora_Stream(zend_class_entry *class_entry_Iterator)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Dora", "Stream", class_Dora_Stream_methods);
	class_entry = zend_register_internal_class_ex(&ce, NULL);
	class_entry->ce_flags |= ZEND_ACC_FINAL|ZEND_ACC_NO_DYNAMIC_PROPERTIES|ZEND_ACC_NOT_SERIALIZABLE;
	zend_class_implements(class_entry, 1, class_entry_Iterator);

	return class_entry;
}

static zend_class_entry *register_class_Dora_Client(zend_class_entry *class_entry_Dora_ClientInterface)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Dora", "Client", class_Dora_Client_methods);
	class_entry = zend_register_internal_class_ex(&ce, NULL);
	class_entry->ce_flags |= ZEND_ACC_FINAL|ZEND_ACC_NO_DYNAMIC_PROPERTIES|ZEND_ACC_NOT_SERIALIZABLE;
	zend_class_implements(class_entry, 1, class_entry_Dora_ClientInterface);

	return class_entry;
}

static zend_class_entry *register_class_Dora_Request(void)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Dora", "Request", class_Dora_Request_methods);
	class_entry = zend_register_internal_class_ex(&ce, NULL);
	class_entry->ce_flags |= ZEND_ACC_FINAL|ZEND_ACC_NO_DYNAMIC_PROPERTIES|ZEND_ACC_NOT_SERIALIZABLE;

	zval property_name_default_value;
	ZVAL_UNDEF(&property_name_default_value);
	zend_string *property_name_name = zend_string_init("name", sizeof("name") - 1, 1);
	zend_declare_typed_property(class_entry, property_name_name, &property_name_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_STRING));
	zend_string_release(property_name_name);

	zval property_param_default_value;
	ZVAL_UNDEF(&property_param_default_value);
	zend_string *property_param_name = zend_string_init("param", sizeof("param") - 1, 1);
	zend_declare_typed_property(class_entry, property_param_name, &property_param_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_ANY));
	zend_string_release(property_param_name);

	zval property_guid_default_value;
	ZVAL_UNDEF(&property_guid_default_value);
	zend_string *property_guid_name = zend_string_init("guid", sizeof("guid") - 1, 1);
	zend_declare_typed_property(class_entry, property_guid_name, &property_guid_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_STRING));
	zend_string_release(property_guid_name);

	zval property_type_default_value;
	ZVAL_UNDEF(&property_type_default_value);
	zend_string *property_type_name = zend_string_init("type", sizeof("type") - 1, 1);
	zend_declare_typed_property(class_entry, property_type_name, &property_type_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_STRING));
	zend_string_release(property_type_name);

	zval property_remainingMs_default_value;
	ZVAL_UNDEF(&property_remainingMs_default_value);
	zend_string *property_remainingMs_name = zend_string_init("remainingMs", sizeof("remainingMs") - 1, 1);
	zend_declare_typed_property(class_entry, property_remainingMs_name, &property_remainingMs_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_LONG|MAY_BE_NULL));
	zend_string_release(property_remainingMs_name);

	zval property_trace_default_value;
	ZVAL_UNDEF(&property_trace_default_value);
	zend_string *property_trace_name = zend_string_init("trace", sizeof("trace") - 1, 1);
	zend_declare_typed_property(class_entry, property_trace_name, &property_trace_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_STRING));
	zend_string_release(property_trace_name);

	zval property_caller_default_value;
	ZVAL_UNDEF(&property_caller_default_value);
	zend_string *property_caller_name = zend_string_init("caller", sizeof("caller") - 1, 1);
	zend_declare_typed_property(class_entry, property_caller_name, &property_caller_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_STRING|MAY_BE_NULL));
	zend_string_release(property_caller_name);

	zval property_priority_default_value;
	ZVAL_UNDEF(&property_priority_default_value);
	zend_string *property_priority_name = zend_string_init("priority", sizeof("priority") - 1, 1);
	zend_declare_typed_property(class_entry, property_priority_name, &property_priority_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_STRING));
	zend_string_release(property_priority_name);

	return class_entry;
}

static zend_class_entry *register_class_Dora_Next(void)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Dora", "Next", class_Dora_Next_methods);
	class_entry = zend_register_internal_class_ex(&ce, NULL);
	class_entry->ce_flags |= ZEND_ACC_FINAL|ZEND_ACC_NO_DYNAMIC_PROPERTIES|ZEND_ACC_NOT_SERIALIZABLE;

	return class_entry;
}

static zend_class_entry *register_class_Dora_App(void)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Dora", "App", class_Dora_App_methods);
	class_entry = zend_register_internal_class_ex(&ce, NULL);
	class_entry->ce_flags |= ZEND_ACC_FINAL|ZEND_ACC_NO_DYNAMIC_PROPERTIES|ZEND_ACC_NOT_SERIALIZABLE;

	return class_entry;
}

static zend_class_entry *register_class_Dora_Wire(void)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Dora", "Wire", class_Dora_Wire_methods);
	class_entry = zend_register_internal_class_ex(&ce, NULL);
	class_entry->ce_flags |= ZEND_ACC_FINAL;

	return class_entry;
}
