/* request.c: what a handler is told about its call: Dora\Request, which stays readable after the
 * call, and the original's array. */
#include "request.h"

#include <math.h>
#include <time.h>

#include "convert.h"

/* Properties by their place in the stub. */
enum {
    SLOT_NAME = 0,
    SLOT_PARAM,
    SLOT_GUID,
    SLOT_TYPE,
    SLOT_REMAINING_MS,
    SLOT_TRACE,
    SLOT_CALLER,
    SLOT_PRIORITY
};

typedef struct request_object {
    int64_t deadline_ms; /* on the monotonic clock; -1: none */
    dora_reply *reply;   /* of the call that runs; NULL: it has ended, or there is none */
    zend_object std;
} request_object;

/* Keys of the original's array, and which comes where. */
enum { KEY_TYPE = 0, KEY_GUID, KEY_FD, KEY_PROTOCOL, KEY_API, KEY_NAME, KEY_PARAM, KEY_COUNT };

#define TOP_KEYS 5
static const char *const KEYS[KEY_COUNT] = {"type", "guid", "fd",   "protocol",
                                            "api",  "name", "param"};
static const int TCP_ORDER[TOP_KEYS] = {KEY_TYPE, KEY_GUID, KEY_FD, KEY_PROTOCOL, KEY_API};
static const int HTTP_ORDER[TOP_KEYS] = {KEY_GUID, KEY_FD, KEY_PROTOCOL, KEY_TYPE, KEY_API};

static zend_string *keys[KEY_COUNT]; /* interned when the module starts */

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
    bool is_read = type == BP_VAR_R || type == BP_VAR_IS; /* the second is that of ?? */
    if (is_read && zend_string_equals_literal(name, "remainingMs")) {
        remaining_ms(request_of(object), rv);
        return rv;
    }
    return zend_std_read_property(object, name, type, cache_slot, rv);
}

static zend_object *request_create(zend_class_entry *class)
{
    request_object *self = zend_object_alloc(sizeof(*self), class);

    self->deadline_ms = -1;
    self->reply = NULL;
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
    for (int i = 0; i < KEY_COUNT; i++) {
        keys[i] = zend_string_init_interned(KEYS[i], strlen(KEYS[i]), true);
    }
}

static void set_text(zend_object *object, int slot, dora_slice text)
{
    ZVAL_STRINGL_FAST(OBJ_PROP_NUM(object, slot), text.len > 0 ? text.data : "", text.len);
}

void php_dora_request_make(zval *value, const dora_request *request, dora_reply *reply, zval *param)
{
    object_init_ex(value, php_dora_request_ce);
    php_dora_request_fill(Z_OBJ_P(value), request, param);
    request_of(Z_OBJ_P(value))->reply = reply;
}

void php_dora_request_end(zval *object)
{
    request_of(Z_OBJ_P(object))->reply = NULL;
    zval_ptr_dtor(object);
}

PHP_METHOD(Dora_Request, progress)
{
    double done;
    double total = 0.0;
    bool is_unknown = true;
    zend_string *note = NULL;

    ZEND_PARSE_PARAMETERS_START(1, 3)
    Z_PARAM_DOUBLE(done)
    Z_PARAM_OPTIONAL
    Z_PARAM_DOUBLE_OR_NULL(total, is_unknown)
    Z_PARAM_STR_OR_NULL(note)
    ZEND_PARSE_PARAMETERS_END();
    if (!zend_finite(done)) {
        zend_argument_value_error(1, "must be a finite number");
        RETURN_THROWS();
    }
    if (!is_unknown && !zend_finite(total)) {
        zend_argument_value_error(2, "must be a finite number, or null");
        RETURN_THROWS();
    }
    dora_reply *reply = request_of(Z_OBJ_P(ZEND_THIS))->reply;
    if (reply != NULL && !DORA_G(has_bailed_out)) {
        const dora_slice text = php_dora_slice(note);
        (void)dora_reply_progress(reply, done, is_unknown ? NAN : total, text.data, text.len);
    }
}

void php_dora_request_fill(zend_object *object, const dora_request *request, zval *param)
{
    if (!Z_ISUNDEF_P(OBJ_PROP_NUM(object, SLOT_NAME))) {
        zend_throw_error(NULL, "a Dora\\Request cannot be changed");
        return;
    }
    request_object *self = request_of(object);
    int64_t left = dora_request_remaining_ms(request);

    self->deadline_ms = left < 0 ? -1 : now_ms() + left;
    set_text(object, SLOT_NAME, dora_request_name(request));
    ZVAL_COPY(OBJ_PROP_NUM(object, SLOT_PARAM), param);
    set_text(object, SLOT_GUID, dora_request_guid(request));
    ZVAL_STRING(OBJ_PROP_NUM(object, SLOT_TYPE), dora_request_type(request));
    remaining_ms(self, OBJ_PROP_NUM(object, SLOT_REMAINING_MS));
    set_text(object, SLOT_TRACE, dora_request_trace(request));
    if (dora_request_caller(request).len > 0) {
        set_text(object, SLOT_CALLER, dora_request_caller(request));
    } else {
        ZVAL_NULL(OBJ_PROP_NUM(object, SLOT_CALLER));
    }
    const char *priority = dora_priority_name(dora_request_priority(request));
    set_text(object, SLOT_PRIORITY, (dora_slice){priority, strlen(priority)});
}

static void set_key(HashTable *array, int key, zval *value)
{
    zend_hash_add_new(array, keys[key], value);
}

/* Makes {name, param}, or the array as it was sent. Ownership: takes `param`. */
static void make_api(zval *api, const dora_request *request, zval *param)
{
    dora_slice name = dora_request_name(request);
    dora_slice whole = dora_request_api(request);
    zval text;

    if (whole.len > 0 && php_dora_read_all(whole, api, NULL) == DORA_OK) {
        zval_ptr_dtor(param);
        return;
    }

    array_init_size(api, 2);
    ZVAL_STRINGL_FAST(&text, name.len > 0 ? name.data : "", name.len);
    set_key(Z_ARRVAL_P(api), KEY_NAME, &text);
    set_key(Z_ARRVAL_P(api), KEY_PARAM, param);
}

void php_dora_request_describe(zval *param, const dora_request *request)
{
    const char *protocol = dora_request_protocol(request);
    const int *order = strcmp(protocol, "http") == 0 ? HTTP_ORDER : TCP_ORDER;
    dora_slice guid = dora_request_guid(request);
    zval values[TOP_KEYS]; /* by their key */
    zval all;

    ZVAL_STRING(&values[KEY_TYPE], dora_request_type(request));
    ZVAL_STRINGL(&values[KEY_GUID], guid.len > 0 ? guid.data : "", guid.len);
    ZVAL_LONG(&values[KEY_FD], (zend_long)dora_request_connection(request));
    ZVAL_STRING(&values[KEY_PROTOCOL], protocol);
    make_api(&values[KEY_API], request, param);
    array_init_size(&all, TOP_KEYS);
    for (int i = 0; i < TOP_KEYS; i++) {
        set_key(Z_ARRVAL(all), order[i], &values[order[i]]);
    }
    ZVAL_COPY_VALUE(param, &all);
}
