/* rpc_packet.c: DoraRPC\Packet: envelopes and whole frames, by the settings dora.sign, dora.salt
 * and dora.gzip. */
#include "rpc_packet.h"

#include <stdlib.h>

#include "ext/json/php_json.h"
#include "zend_exceptions.h"
#include "zend_smart_str.h"

#include "calls.h"
#include "convert.h"
#include "exception.h"

#define GUID_BYTES 32u
#define HEAD_BYTES (DORA_G(sign) ? 8u : 4u) /* what stands before the guid */

void php_dora_envelope(zval *value, dora_slice guid, int64_t code, dora_slice msg, zval *data)
{
    zval empty;

    ZVAL_EMPTY_ARRAY(&empty);
    array_init_size(value, 6); /* a result of getAsyncData() gets two more */
    add_assoc_stringl(value, "guid", guid.data, guid.len);
    add_assoc_long(value, "code", (zend_long)code);
    add_assoc_stringl(value, "msg", msg.data, msg.len);
    add_assoc_zval(value, "data", data != NULL ? data : &empty);
}

static void add_copy(zval *array, const char *key, zval *value)
{
    Z_TRY_ADDREF_P(value);
    add_assoc_zval(array, key, value);
}

PHP_METHOD(DoraRPC_Packet, packFormat)
{
    zval *guid;
    zval *msg = NULL;
    zval *code = NULL;
    zval *data = NULL;

    ZEND_PARSE_PARAMETERS_START(1, 4)
    Z_PARAM_ZVAL(guid)
    Z_PARAM_OPTIONAL
    Z_PARAM_ZVAL(msg)
    Z_PARAM_ZVAL(code)
    Z_PARAM_ZVAL(data)
    ZEND_PARSE_PARAMETERS_END();
    php_dora_envelope(return_value, php_dora_text(""), 0, php_dora_text("OK"), NULL);
    add_copy(return_value, "guid", guid);
    if (msg != NULL) {
        add_copy(return_value, "msg", msg);
    }
    if (code != NULL) {
        add_copy(return_value, "code", code);
    }
    if (data != NULL) {
        add_copy(return_value, "data", data);
    }
}

static dora_frame_options frame_options(void)
{
    return (dora_frame_options){.size = sizeof(dora_frame_options),
                                .sign = DORA_G(sign),
                                .gzip = DORA_G(gzip),
                                .salt = php_dora_text(DORA_G(salt))};
}

static void encode_json(zval *data, zval *return_value)
{
    smart_str text = {0};

    if (php_json_encode(&text, data, 0) != SUCCESS) {
        smart_str_free(&text);
        zend_argument_value_error(1, "has no form in JSON (json_encode() says more)");
        RETURN_THROWS();
    }
    RETURN_STR(smart_str_extract(&text));
}

static void encode_frame(zval *data, zval *return_value)
{
    dora_frame_options options = frame_options();
    dora_error error = {.err = DORA_OK};
    zend_string *problem;
    dora_slice body;
    char *frame = NULL;
    size_t frame_len = 0;
    zval *guid = NULL;

    if (Z_TYPE_P(data) == IS_ARRAY) {
        guid = zend_hash_str_find_deref(Z_ARRVAL_P(data), ZEND_STRL("guid"));
    }
    if (guid == NULL || Z_TYPE_P(guid) != IS_STRING || Z_STRLEN_P(guid) != GUID_BYTES) {
        zend_argument_value_error(1, "must be an array with a \"guid\" of 32 bytes");
        RETURN_THROWS();
    }
    dora_writer *writer = php_dora_writer();
    dora_writer_set_marks(writer, false); /* it is a message, not a value */
    dora_err err = php_dora_write(writer, data, NULL, PHP_DORA_DEPTH_MAX, &problem);
    err = err == DORA_OK ? dora_writer_finish(writer, &body) : err;
    if (err == DORA_ETYPE) {
        zend_argument_value_error(1, "cannot be encoded: %s", ZSTR_VAL(problem));
        zend_string_release(problem);
        RETURN_THROWS();
    }
    if (err != DORA_OK) {
        dora_error_set(&error, err, "%s", ZSTR_VAL(problem));
        zend_string_release(problem);
        php_dora_throw_error(&error);
        RETURN_THROWS();
    }
    err = dora_frame_pack(&options, Z_STRVAL_P(guid), body, &frame, &frame_len);
    php_dora_param_done(body);
    if (err != DORA_OK) {
        php_dora_throw_frame(err, "data", options.bytes_max);
        RETURN_THROWS();
    }
    RETVAL_STRINGL(frame, frame_len);
    free(frame);
}

PHP_METHOD(DoraRPC_Packet, packEncode)
{
    zval *data;
    zend_string *type = NULL;

    ZEND_PARSE_PARAMETERS_START(1, 2)
    Z_PARAM_ZVAL(data)
    Z_PARAM_OPTIONAL
    Z_PARAM_STR(type)
    ZEND_PARSE_PARAMETERS_END();
    ZVAL_DEREF(data);
    if (type == NULL || zend_string_equals_literal(type, "tcp")) {
        encode_frame(data, return_value);
    } else if (zend_string_equals_literal(type, "http")) {
        encode_json(data, return_value);
    } else {
        zval *guid = Z_TYPE_P(data) == IS_ARRAY
                         ? zend_hash_str_find_deref(Z_ARRVAL_P(data), ZEND_STRL("guid"))
                         : NULL;
        php_dora_envelope(return_value, php_dora_text(""), DORA_CODE_BAD_BODY,
                          php_dora_text("the type of a packet must be tcp or http"), NULL);
        if (guid != NULL) {
            add_copy(return_value, "guid", guid);
        }
    }
}

/* Decodes one frame that is all of `whole`. Returns: 0, or the code of what is wrong with it. */
static int64_t decode_frame(dora_slice whole, zval *data)
{
    dora_frame_options options = frame_options();
    dora_error error = {.err = DORA_OK};
    dora_slice body = {NULL, 0};
    char *owned = NULL;
    size_t used = 0;
    int64_t code = DORA_CODE_OK;

    dora_err err = dora_frame_check(&options, whole, false, &used, &body, &owned, &error);
    if (err == DORA_EAGAIN || (err == DORA_OK && used != whole.len)) {
        code = DORA_CODE_BAD_LENGTH;
    } else if (err != DORA_OK) {
        code = php_dora_error_code(&error);
    } else if (php_dora_read_all(body, data, NULL) != DORA_OK) {
        code = DORA_CODE_BAD_BODY;
    }
    free(owned);
    return code;
}

PHP_METHOD(DoraRPC_Packet, packDecode)
{
    char *bytes;
    size_t len;
    zval data;
    dora_slice guid = php_dora_text("00000000000000000000000000000000");

    ZEND_PARSE_PARAMETERS_START(1, 1)
    Z_PARAM_STRING(bytes, len)
    ZEND_PARSE_PARAMETERS_END();
    if (len >= HEAD_BYTES + GUID_BYTES) {
        guid = (dora_slice){bytes + HEAD_BYTES, GUID_BYTES};
    }
    int64_t code = decode_frame((dora_slice){bytes, len}, &data);
    php_dora_envelope(return_value, guid, code, php_dora_text(dora_code_text(code)),
                      code == DORA_CODE_OK ? &data : NULL);
}
