/* request.c: Dora\Request, what a handler with two parameters is told about its call. It stays
 * readable after the call. */
#include "request.h"

#include <time.h>

/* Properties by their place in the stub. */
enum { SLOT_NAME = 0, SLOT_PARAM, SLOT_GUID, SLOT_TYPE, SLOT_REMAINING_MS, SLOT_TRACE };

typedef struct request_object {
    int64_t deadline_ms; /* on the monotonic clock; -1: none */
    zend_object std;
} request_object;

zend_class_entry *php_dora_request_ce;
static zend_object_handlers request_handlers;

static request_object *request_of(zend_object *object)
{
    return (request_object *)((char *)object - XtOffsetOf(request_object, std));
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void remaining_ms(const request_object *self, zval *value)
{
    if (self->deadline_ms < 0) {
        ZVAL_NULL(value);
        return;
    }
    int64_t left = self->deadline_ms - now_ms();
    ZVAL_LONG(value, left > 0 ? left : 0);
}

static zval *request_read_property(zend_object *object, zend_string *name, int type,
                                   void **cache_slot, zval *rv)
{
    if (type == BP_VAR_R && zend_string_equals_literal(name, "remainingMs")) {
        remaining_ms(request_of(object), rv);
        return rv;
    }
    return zend_std_read_property(object, name, type, cache_slot, rv);
}

static zend_object *request_create(zend_class_entry *class)
{
    request_object *self = zend_object_alloc(sizeof(*self), class);

    self->deadline_ms = -1;
    zend_object_std_init(&self->std, class);
    object_properties_init(&self->std, class);
    self->std.handlers = &request_handlers;
    return &self->std;
}

void php_dora_request_init_class(void)
{
    memcpy(&request_handlers, &std_object_handlers, sizeof(request_handlers));
    request_handlers.offset = XtOffsetOf(request_object, std);
    request_handlers.clone_obj = NULL;
    request_handlers.read_property = request_read_property;
    php_dora_request_ce->create_object = request_create;
}

static void set_text(zend_object *object, int slot, dora_slice text)
{
    ZVAL_STRINGL_FAST(OBJ_PROP_NUM(object, slot), text.len > 0 ? text.data : "", text.len);
}

void php_dora_request_make(zval *value, const dora_request *request, zval *param)
{
    object_init_ex(value, php_dora_request_ce);
    zend_object *object = Z_OBJ_P(value);
    request_object *self = request_of(object);
    int64_t left = dora_request_remaining_ms(request);

    self->deadline_ms = left < 0 ? -1 : now_ms() + left;
    set_text(object, SLOT_NAME, dora_request_name(request));
    ZVAL_COPY(OBJ_PROP_NUM(object, SLOT_PARAM), param);
    set_text(object, SLOT_GUID, dora_request_guid(request));
    ZVAL_STRING(OBJ_PROP_NUM(object, SLOT_TYPE), dora_request_type(request));
    remaining_ms(self, OBJ_PROP_NUM(object, SLOT_REMAINING_MS));
    set_text(object, SLOT_TRACE, dora_request_trace(request));
}

/* Only the server makes requests: the constructor is private. */
PHP_METHOD(Dora_Request, __construct)
{
    ZEND_PARSE_PARAMETERS_NONE();
}
