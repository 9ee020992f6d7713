/* client_stream.c: Dora\Stream: the parts of one call, one after the other, and its result. */
#include "client_stream.h"

#include "ext/spl/spl_exceptions.h"
#include "zend_exceptions.h"

#include "calls.h"
#include "client.h"
#include "exception.h"
#include "options.h"
#include "wait.h"
#include "warnings.h"

/* What is behind a Dora\Stream. Values that are not there are UNDEF. */
typedef struct stream_object {
    dora_stream *stream;     /* NULL: it is over */
    php_dora_shared *shared; /* NULL: it was never opened */
    php_dora_wait wait;
    zval part; /* the current one */
    zval result;
    zval failure; /* the exception that ended it */
    zval progress;
    zval on_progress;
    zend_long number; /* of the current part */
    bool is_begun;    /* the first part was asked for */
    bool is_busy;     /* it waits: what a handler of a signal does meanwhile cannot wait, too */
    bool is_fetching; /* the next part; onProgress runs in that, and has none of its own */
    zend_object std;
} stream_object;

zend_class_entry *php_dora_stream_ce;
static zend_object_handlers stream_handlers;

static stream_object *stream_of(zend_object *object)
{
    return (stream_object *)((char *)object - XtOffsetOf(stream_object, std));
}

static zend_object *stream_create(zend_class_entry *class)
{
    stream_object *self = zend_object_alloc(sizeof(*self), class);

    memset(self, 0, XtOffsetOf(stream_object, std));
    zend_object_std_init(&self->std, class);
    object_properties_init(&self->std, class);
    self->std.handlers = &stream_handlers;
    return &self->std;
}

/* Leaves it where it goes on: what the handler does is ended. */
static void leave(stream_object *self)
{
    dora_stream_free(self->stream);
    self->stream = NULL;
}

static void stream_free(zend_object *object)
{
    stream_object *self = stream_of(object);

    leave(self);
    php_dora_clients_give(self->shared);
    zval_ptr_dtor(&self->part);
    zval_ptr_dtor(&self->result);
    zval_ptr_dtor(&self->failure);
    zval_ptr_dtor(&self->progress);
    zval_ptr_dtor(&self->on_progress);
    zend_object_std_dtor(object);
}

static HashTable *stream_get_gc(zend_object *object, zval **table, int *count)
{
    stream_object *self = stream_of(object);
    zend_get_gc_buffer *buffer = zend_get_gc_buffer_create();

    zend_get_gc_buffer_add_zval(buffer, &self->part);
    zend_get_gc_buffer_add_zval(buffer, &self->result);
    zend_get_gc_buffer_add_zval(buffer, &self->failure);
    zend_get_gc_buffer_add_zval(buffer, &self->progress);
    zend_get_gc_buffer_add_zval(buffer, &self->on_progress);
    zend_get_gc_buffer_use(buffer, table, count);
    return zend_std_get_properties(object);
}

void php_dora_stream_init_class(void)
{
    memcpy(&stream_handlers, &std_object_handlers, sizeof(stream_handlers));
    stream_handlers.offset = XtOffsetOf(stream_object, std);
    stream_handlers.free_obj = stream_free;
    stream_handlers.get_gc = stream_get_gc;
    stream_handlers.clone_obj = NULL;
    php_dora_stream_ce->create_object = stream_create;
}

/* ---- its words ---- */

/* Puts a value in the place of another, whose end may run code. */
static void replace(zval *place, zval *value)
{
    zval before;

    ZVAL_COPY_VALUE(&before, place);
    ZVAL_COPY_VALUE(place, value);
    zval_ptr_dtor(&before);
}

static void drop_part(stream_object *self)
{
    zval none;

    ZVAL_UNDEF(&none);
    replace(&self->part, &none);
}

/* It has ended by the exception that is raised, which getReturn() raises again. */
static void fail(stream_object *self)
{
    leave(self);
    if (EG(exception) != NULL && !php_dora_is_exit(EG(exception))) {
        zval failure;
        ZVAL_OBJ_COPY(&failure, EG(exception));
        replace(&self->failure, &failure);
    }
}

/* Reads what a word has as its data. Returns: false with an exception raised. */
static bool data_read(const dora_stream_event *event, zval *value)
{
    const dora_result result = {.code = event->code, .msg = event->msg, .data = event->data};

    php_dora_result(&result, value);
    if (Z_TYPE_P(value) != IS_OBJECT) {
        return true;
    }
    zend_throw_exception_object(value);
    ZVAL_UNDEF(value);
    return false;
}

/* Hands on how far it is. */
static void tell_progress(stream_object *self, const zval *said)
{
    zval given[3];
    zval answer;
    zval callable;

    for (zend_ulong i = 0; i < 3; i++) {
        ZVAL_COPY(&given[i], zend_hash_index_find(Z_ARRVAL_P(said), i));
    }
    ZVAL_COPY(&callable, &self->on_progress);
    ZVAL_UNDEF(&answer);
    (void)call_user_function(NULL, NULL, &callable, &answer, 3, given);
    zval_ptr_dtor(&answer);
    zval_ptr_dtor(&callable);
    for (size_t i = 0; i < 3; i++) {
        zval_ptr_dtor(&given[i]);
    }
}

/* Keeps [done, total, note], and hands it on. */
static void note_progress(stream_object *self, const dora_stream_event *event)
{
    zval pair;
    zval said;

    if (!data_read(event, &pair)) {
        fail(self);
        return;
    }
    array_init_size(&said, 3);
    for (zend_ulong i = 0; i < 2; i++) {
        zval *number = Z_TYPE(pair) == IS_ARRAY ? zend_hash_index_find(Z_ARRVAL(pair), i) : NULL;
        if (number != NULL) {
            Z_TRY_ADDREF_P(number);
            add_next_index_zval(&said, number);
        } else {
            add_next_index_null(&said);
        }
    }
    add_next_index_stringl(&said, event->msg.len > 0 ? event->msg.data : "", event->msg.len);
    zval_ptr_dtor(&pair);
    replace(&self->progress, &said);
    if (!Z_ISUNDEF(self->on_progress)) {
        tell_progress(self, &self->progress);
    }
    if (EG(exception) != NULL) {
        fail(self);
    }
}

/* Takes a word. Returns: whether another one is to be waited for. */
static bool take(stream_object *self, const dora_stream_event *event)
{
    zval value;

    switch (event->what) {
    case DORA_STREAM_PART:
        self->number = (zend_long)event->part;
        if (data_read(event, &value)) {
            replace(&self->part, &value);
        } else {
            fail(self);
        }
        return false;
    case DORA_STREAM_PROGRESS:
        note_progress(self, event);
        return EG(exception) == NULL;
    case DORA_STREAM_RESULT:
        if (data_read(event, &value)) {
            replace(&self->result, &value);
            leave(self);
        } else {
            fail(self);
        }
        return false;
    case DORA_STREAM_END:
        leave(self);
        break;
    }
    return false;
}

/* Waits for a word and takes it. Returns: whether another one is to be waited for. */
static bool hear(stream_object *self)
{
    dora_call_options scratch; /* the stream has its own */
    dora_stream_event event;
    dora_error error = {.err = DORA_OK};

    self->is_busy = true;
    php_dora_wait_begin(&self->wait, self->shared, &scratch);
    const dora_err err = dora_stream_next(self->stream, &event, &error);
    self->is_busy = false;
    if (!php_dora_wait_end(&self->wait)) {
        fail(self);
        return false;
    }
    if (err != DORA_OK) {
        php_dora_throw_error(&error);
        fail(self);
        return false;
    }
    return take(self, &event);
}

/* Waits for the next part, or the end. */
static void fetch(stream_object *self)
{
    if (self->is_fetching) {
        zend_throw_error(NULL, "Dora\\Stream waits for its next part already");
        return;
    }
    self->is_begun = true;
    self->is_fetching = true;
    drop_part(self);
    while (self->stream != NULL && hear(self)) {
    }
    self->is_fetching = false;
}

static void begin(stream_object *self)
{
    if (!self->is_begun) {
        fetch(self);
    }
}

PHP_METHOD(Dora_Stream, __construct)
{
    ZEND_PARSE_PARAMETERS_NONE();
}

PHP_METHOD(Dora_Stream, current)
{
    ZEND_PARSE_PARAMETERS_NONE();
    stream_object *self = stream_of(Z_OBJ_P(ZEND_THIS));
    begin(self);
    if (!Z_ISUNDEF(self->part)) {
        RETURN_COPY(&self->part);
    }
}

PHP_METHOD(Dora_Stream, key)
{
    ZEND_PARSE_PARAMETERS_NONE();
    stream_object *self = stream_of(Z_OBJ_P(ZEND_THIS));
    begin(self);
    if (!Z_ISUNDEF(self->part)) {
        RETURN_LONG(self->number);
    }
}

PHP_METHOD(Dora_Stream, next)
{
    ZEND_PARSE_PARAMETERS_NONE();
    stream_object *self = stream_of(Z_OBJ_P(ZEND_THIS));
    begin(self);
    if (EG(exception) == NULL) {
        fetch(self);
    }
}

PHP_METHOD(Dora_Stream, valid)
{
    ZEND_PARSE_PARAMETERS_NONE();
    stream_object *self = stream_of(Z_OBJ_P(ZEND_THIS));
    begin(self);
    RETURN_BOOL(!Z_ISUNDEF(self->part));
}

PHP_METHOD(Dora_Stream, rewind)
{
    ZEND_PARSE_PARAMETERS_NONE();
    stream_object *self = stream_of(Z_OBJ_P(ZEND_THIS));
    const bool is_at_first = !Z_ISUNDEF(self->part) && self->number == 0;
    if (self->is_begun && !is_at_first) {
        zend_throw_exception(spl_ce_LogicException, "a stream is gone through once", 0);
        RETURN_THROWS();
    }
    begin(self);
}

PHP_METHOD(Dora_Stream, getReturn)
{
    ZEND_PARSE_PARAMETERS_NONE();
    stream_object *self = stream_of(Z_OBJ_P(ZEND_THIS));
    zval failure;

    if (!Z_ISUNDEF(self->result)) {
        RETURN_COPY(&self->result);
    }
    if (self->stream != NULL) {
        zend_throw_exception(spl_ce_LogicException,
                             "the stream has not ended: its result comes behind its last part", 0);
        RETURN_THROWS();
    }
    if (Z_ISUNDEF(self->failure)) {
        static const char text[] = "the stream was cancelled before its result came";
        const dora_result result = {.code = DORA_CODE_CANCELLED, .msg = {text, sizeof(text) - 1}};
        php_dora_exception_of(&result, &failure);
    } else {
        ZVAL_COPY(&failure, &self->failure);
    }
    zend_throw_exception_object(&failure);
}

PHP_METHOD(Dora_Stream, progress)
{
    ZEND_PARSE_PARAMETERS_NONE();
    const stream_object *self = stream_of(Z_OBJ_P(ZEND_THIS));
    if (!Z_ISUNDEF(self->progress)) {
        RETURN_COPY(&self->progress);
    }
}

PHP_METHOD(Dora_Stream, cancel)
{
    ZEND_PARSE_PARAMETERS_NONE();
    stream_object *self = stream_of(Z_OBJ_P(ZEND_THIS));
    if (self->is_busy) {
        zend_throw_error(NULL, "Dora\\Stream waits for its next part: throw to end that");
        RETURN_THROWS();
    }
    self->is_begun = true;
    leave(self);
    drop_part(self);
}

/* ---- its beginning ---- */

/* Reads what a stream has otherwise than its client, whose time is that of a silence. */
static bool options_read(const php_dora_client *client, HashTable *given, dora_call_options *call,
                         zval **on_progress)
{
    php_dora_options options = {.retry = client->retry,
                                .wait_ms = client->wait_ms,
                                .group = client->group,
                                .priority = client->priority,
                                .idle_ms = client->timeout_ms};

    if (!php_dora_options_read(&options, given, 3,
                               PHP_DORA_OPTION_CALL | PHP_DORA_OPTION_TRACE |
                                   PHP_DORA_OPTION_STREAM)) {
        return false;
    }
    *call = (dora_call_options){.size = sizeof *call,
                                .timeout_ms = options.timeout_ms,
                                .retry = options.retry,
                                .wait_ms = options.wait_ms,
                                .group = options.group != NULL ? ZSTR_VAL(options.group) : NULL,
                                .trace = php_dora_slice(options.trace),
                                .priority = options.priority,
                                .window = options.window,
                                .idle_ms = options.idle_ms};
    *on_progress = options.on_progress;
    return true;
}

PHP_METHOD(Dora_Client, stream)
{
    zend_string *name;
    zval *param = NULL;
    zval *on_progress = NULL;
    HashTable *given = NULL;
    dora_call call;
    dora_call_options options;
    dora_error error;

    ZEND_PARSE_PARAMETERS_START(1, 3)
    Z_PARAM_STR(name)
    Z_PARAM_OPTIONAL
    Z_PARAM_ZVAL(param)
    Z_PARAM_ARRAY_HT(given)
    ZEND_PARSE_PARAMETERS_END();
    const php_dora_client *client = php_dora_client_of(Z_OBJ_P(ZEND_THIS));
    if (!php_dora_client_is_ready(client) || !options_read(client, given, &options, &on_progress) ||
        !php_dora_client_call_read(client, name, param, &call)) {
        RETURN_THROWS();
    }
    object_init_ex(return_value, php_dora_stream_ce);
    stream_object *self = stream_of(Z_OBJ_P(return_value));
    self->shared = client->shared;
    self->shared->refs++;
    if (on_progress != NULL) {
        ZVAL_COPY(&self->on_progress, on_progress);
    }
    self->is_busy = true;
    php_dora_wait_begin(&self->wait, self->shared, &options);
    const dora_err err =
        dora_client_stream(self->shared->client, &call, &options, &self->stream, &error);
    php_dora_param_done(call.param);
    self->is_busy = false;
    if (!php_dora_wait_end(&self->wait)) {
        RETURN_THROWS();
    }
    php_dora_warnings_raise();
    if (err != DORA_OK) {
        php_dora_throw_error(&error);
        RETURN_THROWS();
    }
}
