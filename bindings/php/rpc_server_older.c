/* rpc_server_older.c: what servers of older releases had otherwise: names of settings, discovery by
 * the constructor, and a constructor that starts. */
#include "rpc_server_older.h"

zend_class_entry *php_dora_rpc_older_ce;

bool php_dora_rpc_is_older(const php_dora_rpc_server *self)
{
    return instanceof_function(self->std.ce, php_dora_rpc_older_ce);
}

bool php_dora_rpc_older_settings(php_dora_rpc_server *self)
{
    static const char *const names[] = {"externalHttpConfig", "externalConfig"};
    zval *http = OBJ_PROP_NUM(&self->std, PHP_DORA_RPC_HTTP);

    if (!php_dora_rpc_is_older(self)) {
        return true;
    }
    ZVAL_DEREF(http);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        zval none;
        zval *own = zend_read_property(php_dora_rpc_older_ce, &self->std, names[i],
                                       strlen(names[i]), true, &none);
        ZVAL_DEREF(own);
        if (Z_TYPE_P(own) != IS_ARRAY) {
            zend_type_error("%s::$%s must be an array, not %s", ZSTR_VAL(self->std.ce->name),
                            names[i], zend_zval_type_name(own));
            return false;
        }
        php_dora_rpc_server_merge(http, own);
        php_dora_rpc_server_merge(&self->given[PHP_DORA_RPC_HTTP], own);
    }
    return true;
}

void php_dora_rpc_older_discovery(php_dora_rpc_server *self, zval *groups, zval *report)
{
    zval *list =
        groups != NULL ? zend_hash_str_find_deref(Z_ARRVAL_P(groups), ZEND_STRL("list")) : NULL;

    if (report == NULL || zend_hash_num_elements(Z_ARRVAL_P(report)) == 0) {
        return;
    }
    zval none;
    ZVAL_EMPTY_ARRAY(&none);
    php_dora_rpc_server_discover(self, list != NULL && Z_TYPE_P(list) == IS_ARRAY ? list : &none,
                                 report);
}

/* Whether a function's own code calls a method named start, from where it is on: what was started
 * before is something else. While an exception leaves a function it is nowhere in its code, and
 * calls nothing more. */
static bool calls_start(const zend_op_array *code, const zend_op *from)
{
    const zend_op *end = code->opcodes + code->last;

    for (const zend_op *op = from >= code->opcodes ? from : end; op < end; op++) {
        if (op->opcode == ZEND_INIT_METHOD_CALL && op->op2_type == IS_CONST) {
            const zval *name = RT_CONSTANT(op, op->op2);
            if (Z_TYPE_P(name) == IS_STRING &&
                zend_string_equals_literal_ci(Z_STR_P(name), "start")) {
                return true;
            }
        }
    }
    return false;
}

bool php_dora_rpc_caller_starts(void)
{
    for (const zend_execute_data *frame = EG(current_execute_data); frame != NULL;
         frame = frame->prev_execute_data) {
        if (frame->func != NULL && ZEND_USER_CODE(frame->func->type) &&
            calls_start(&frame->func->op_array, frame->opline)) {
            return true;
        }
    }
    return false;
}
