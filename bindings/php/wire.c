/* wire.c: Dora\Wire, the protocol's bytes for tests and tools. */
#include "php_dora.h"

#include <stdlib.h>

#include "zend_exceptions.h"

#include "convert.h"
#include "exception.h"
#include "options.h"

static void frame_options(const php_dora_options *from, dora_frame_options *to)
{
    *to = (dora_frame_options){
        .size = sizeof(*to), .sign = from->sign, .gzip = from->gzip, .bytes_max = from->bytes_max};
    if (from->salt != NULL) {
        to->salt = (dora_slice){from->salt, strlen(from->salt)};
    }
}

PHP_METHOD(Dora_Wire, encode)
{
    zval *value;
    zend_string *problem;
    dora_slice encoded;

    ZEND_PARSE_PARAMETERS_START(1, 1)
    Z_PARAM_ZVAL(value)
    ZEND_PARSE_PARAMETERS_END();
    dora_writer *writer = php_dora_writer();
    dora_err err = php_dora_write(writer, value, NULL, PHP_DORA_DEPTH_MAX, &problem);
    if (EG(exception) != NULL) {
        err = DORA_ETYPE; /* an object's own code has raised it */
    } else if (err == DORA_ETYPE) {
        zend_argument_value_error(1, "cannot be encoded: %s", ZSTR_VAL(problem));
    } else if (err != DORA_OK) {
        dora_error error = {.err = err};
        dora_error_set(&error, err, "%s", ZSTR_VAL(problem));
        php_dora_throw_error(&error);
    }
    if (problem != NULL) {
        zend_string_release(problem);
    }
    if (err == DORA_OK && dora_writer_finish(writer, &encoded) == DORA_OK) {
        RETVAL_STRINGL(encoded.data, encoded.len);
    }
}

PHP_METHOD(Dora_Wire, decode)
{
    char *bytes;
    size_t len;
    php_dora_fault fault;

    ZEND_PARSE_PARAMETERS_START(1, 1)
    Z_PARAM_STRING(bytes, len)
    ZEND_PARSE_PARAMETERS_END();
    dora_err err = php_dora_read_all((dora_slice){bytes, len}, return_value, &fault);
    if (err != DORA_OK) {
        ZVAL_NULL(return_value);
        zend_throw_exception_ex(php_dora_exception_ce, DORA_CODE_BAD_BODY, "%s at byte %zu",
                                fault.text, fault.offset);
    }
}

PHP_METHOD(Dora_Wire, pack)
{
    char *guid;
    size_t guid_len;
    char *body;
    size_t body_len;
    HashTable *given = NULL;
    php_dora_options options = {0};
    dora_frame_options frame;
    char *bytes = NULL;
    size_t bytes_len = 0;

    ZEND_PARSE_PARAMETERS_START(2, 3)
    Z_PARAM_STRING(guid, guid_len)
    Z_PARAM_STRING(body, body_len)
    Z_PARAM_OPTIONAL
    Z_PARAM_ARRAY_HT(given)
    ZEND_PARSE_PARAMETERS_END();
    if (guid_len != 32) {
        zend_argument_value_error(1, "must be 32 bytes long");
        RETURN_THROWS();
    }
    if (!php_dora_options_read(&options, given, 3,
                               PHP_DORA_OPTION_WIRE | PHP_DORA_OPTION_BYTES_MAX)) {
        RETURN_THROWS();
    }
    frame_options(&options, &frame);
    dora_slice inner = {body, body_len};
    dora_err err = dora_frame_pack(&frame, guid, inner, &bytes, &bytes_len);
    if (err != DORA_OK) {
        php_dora_throw_frame(err, "frame", frame.bytes_max);
        RETURN_THROWS();
    }
    RETVAL_STRINGL(bytes, bytes_len);
    free(bytes);
}

PHP_METHOD(Dora_Wire, check)
{
    char *bytes;
    size_t len;
    bool request = false;
    HashTable *given = NULL;
    php_dora_options options = {0};
    dora_frame_options frame;
    size_t used = 0;
    dora_slice body = {NULL, 0};
    char *owned = NULL;
    dora_error error = {.err = DORA_OK};

    ZEND_PARSE_PARAMETERS_START(1, 3)
    Z_PARAM_STRING(bytes, len)
    Z_PARAM_OPTIONAL
    Z_PARAM_BOOL(request)
    Z_PARAM_ARRAY_HT(given)
    ZEND_PARSE_PARAMETERS_END();
    if (!php_dora_options_read(&options, given, 3,
                               PHP_DORA_OPTION_WIRE | PHP_DORA_OPTION_BYTES_MAX)) {
        RETURN_THROWS();
    }
    frame_options(&options, &frame);
    dora_slice whole = {bytes, len};
    dora_err err = dora_frame_check(&frame, whole, request, &used, &body, &owned, &error);
    if (err == DORA_EAGAIN) {
        free(owned);
        RETURN_NULL();
    }
    array_init_size(return_value, 4);
    add_assoc_long(return_value, "used", (zend_long)used);
    add_assoc_long(return_value, "code", err == DORA_OK ? 0 : (zend_long)error.code);
    add_assoc_string(return_value, "msg", err == DORA_OK ? "" : error.msg);
    if (err == DORA_OK && body.len > 0) {
        add_assoc_stringl(return_value, "body", body.data, body.len);
    } else {
        add_assoc_stringl(return_value, "body", "", 0);
    }
    free(owned);
}
