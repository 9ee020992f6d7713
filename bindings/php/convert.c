/* convert.c: PHP values to wire values and back, without anything in between. */
#include "convert.h"

#include "plain.h"

#define NO_VALUE "no value on the wire for type "

/* An object is written as another value, which may be an object again: each of these levels is one
 * of C's as well, and no array need stand between them. */
#define OBJECTS_MAX 512u
#define TOO_MANY_OBJECTS "deeper than the limit of 512 levels"

#define PATH_STEPS_MAX 16u /* of a path in a message; the outer ones give way to "..." */

#define COLLISIONS_MAX (1u << 24) /* keys of one value passed on the way to others: 0.1 s or so */
#define COLLIDING_MIN 256u        /* in smaller arrays they are not counted: too little time */

typedef struct write_state {
    dora_writer *writer;
    uint32_t depth; /* of arrays */
    uint32_t depth_max;
    uint32_t objects;   /* that are being written, one inside the other */
    const zval *encode; /* what the rest is given to; NULL: nothing */
    bool is_api;        /* a whole one: marks may stand in its parameter alone */
    bool is_too_deep;
    const php_dora_typed *typed; /* of a result: objects are written by their public properties */
    dora_err err;
    const char *what;   /* the problem, when it is none of the writer's */
    zend_string *class; /* class or type of the value that cannot be written, borrowed */
    zend_string *path;  /* where it is, without the root; NULL at the root */
    uint32_t steps;     /* of the path, so far */
} write_state;

static bool write_value(write_state *state, zval *value);

static bool key_is_plain(const zend_string *key)
{
    for (size_t i = 0; i < ZSTR_LEN(key); i++) {
        unsigned char byte = (unsigned char)ZSTR_VAL(key)[i];
        if (!isalnum(byte) && byte != '_' && byte < 0x80) {
            return false;
        }
    }
    return ZSTR_LEN(key) > 0;
}

/* Puts one step in front of the path, on the way out of a failed write. */
static void path_prepend(write_state *state, zend_string *key, zend_ulong index)
{
    const char *rest = state->path != NULL ? ZSTR_VAL(state->path) : "";
    zend_string *longer;

    if (state->steps > PATH_STEPS_MAX) {
        return;
    }
    if (state->steps == PATH_STEPS_MAX) {
        longer = zend_strpprintf(0, "...%s", rest);
    } else if (key == NULL) {
        longer = zend_strpprintf(0, "[" ZEND_LONG_FMT "]%s", (zend_long)index, rest);
    } else if (key_is_plain(key)) {
        longer = zend_strpprintf(0, ".%s%s", ZSTR_VAL(key), rest);
    } else {
        longer = zend_strpprintf(0, "[\"%s\"]%s", ZSTR_VAL(key), rest);
    }
    if (state->path != NULL) {
        zend_string_release(state->path);
    }
    state->path = longer;
    state->steps++;
}

static bool write_refuse(write_state *state, const char *what, zend_string *class)
{
    state->err = DORA_ETYPE;
    state->what = what;
    state->class = class;
    return false;
}

static bool write_members(write_state *state, HashTable *array)
{
    zend_ulong index;
    zend_string *key;
    zval *member;

    ZEND_HASH_FOREACH_KEY_VAL_IND(array, index, key, member)
    {
        if (state->is_api && state->depth == 1) {
            dora_writer_set_marks(state->writer,
                                  key != NULL && zend_string_equals_literal(key, "param"));
        }
        if (key != NULL) {
            dora_write_string(state->writer, ZSTR_VAL(key), ZSTR_LEN(key));
        } else {
            dora_write_int(state->writer, (zend_long)index);
        }
        if (!write_value(state, member)) {
            path_prepend(state, key, index);
            return false;
        }
    }
    ZEND_HASH_FOREACH_END();
    return true;
}

/* Whether the keys are those of a list, or none: then only a mark says that it is a map. */
static bool has_list_keys(HashTable *array)
{
    zend_ulong index;
    zend_ulong expected = 0;
    zend_string *key;

    ZEND_HASH_FOREACH_KEY(array, index, key)
    {
        if (key != NULL || index != expected++) {
            return false;
        }
    }
    ZEND_HASH_FOREACH_END();
    return true;
}

/* Arrays and objects are levels of the same recursion. */
static bool level_fits(write_state *state)
{
    if (dora_depth_fits(state->depth + state->objects)) {
        return true;
    }
    state->err = DORA_ETOOBIG;
    return false;
}

static bool write_head(write_state *state, HashTable *array, bool is_map)
{
    const uint32_t count = zend_array_count(array);

    if (state->depth >= state->depth_max) {
        state->err = DORA_ETOOBIG;
        state->is_too_deep = true;
    } else if (level_fits(state)) {
        state->err = is_map && has_list_keys(array) ? dora_write_map(state->writer, count)
                                                    : dora_write_array(state->writer, count);
    }
    return state->err == DORA_OK;
}

/* Members may run PHP code, and a reference may lead that to this very array: it is held, so that
 * what is written to it goes to a copy, and its keys stay. */
static bool write_array(write_state *state, HashTable *array, bool is_map)
{
    if (GC_IS_RECURSIVE(array)) {
        return write_refuse(state, "an array that contains itself", NULL);
    }
    if (!write_head(state, array, is_map)) {
        return false;
    }
    state->depth++;
    GC_TRY_ADDREF(array);
    GC_TRY_PROTECT_RECURSION(array);
    bool written = write_members(state, array);
    GC_TRY_UNPROTECT_RECURSION(array);
    zend_array_release(array);
    state->depth--;
    if (written) {
        dora_write_end(state->writer);
    }
    return written;
}

static bool write_plain(write_state *state, zend_object *object)
{
    zval plain;
    bool is_map;
    bool written;

    if (!php_dora_plain(object, state->encode, state->typed, &plain, &is_map)) {
        return write_refuse(state, NO_VALUE, object->ce->name);
    }
    GC_PROTECT_RECURSION(object);
    written = is_map ? write_array(state, Z_ARRVAL(plain), true) : write_value(state, &plain);
    GC_UNPROTECT_RECURSION(object);
    zval_ptr_dtor(&plain);
    return written;
}

/* The object is held: its own code may let go of it. */
static bool write_object(write_state *state, zend_object *object)
{
    bool written;

    if (GC_IS_RECURSIVE(object)) {
        return write_refuse(state, "an object that contains itself", NULL);
    }
    if (state->objects >= OBJECTS_MAX) {
        state->err = DORA_ETOOBIG;
        state->what = TOO_MANY_OBJECTS;
        return false;
    }
    if (!level_fits(state)) {
        return false;
    }
    state->objects++;
    GC_ADDREF(object);
    written = write_plain(state, object);
    OBJ_RELEASE(object);
    state->objects--;
    return written;
}

static bool write_value(write_state *state, zval *value)
{
    ZVAL_DEREF(value);
    switch (Z_TYPE_P(value)) {
    case IS_UNDEF:
    case IS_NULL:
        dora_write_null(state->writer);
        return true;
    case IS_FALSE:
    case IS_TRUE:
        dora_write_bool(state->writer, Z_TYPE_P(value) == IS_TRUE);
        return true;
    case IS_LONG:
        dora_write_int(state->writer, Z_LVAL_P(value));
        return true;
    case IS_DOUBLE:
        dora_write_float(state->writer, Z_DVAL_P(value));
        return true;
    case IS_STRING:
        dora_write_string(state->writer, Z_STRVAL_P(value), Z_STRLEN_P(value));
        return true;
    case IS_ARRAY:
        return write_array(state, Z_ARRVAL_P(value), false);
    case IS_OBJECT:
        return write_object(state, Z_OBJ_P(value));
    default:
        return write_refuse(state, NO_VALUE "resource", NULL);
    }
}

/* Says what is wrong, and where. PHP code that an object has run may have raised an exception: that
 * says more. */
static zend_string *problem_of(const write_state *state)
{
    const char *path = state->path != NULL ? ZSTR_VAL(state->path) : "";
    char text[96] = "deeper than this thread's stack has room for";

    if (EG(exception) != NULL) {
        return ZSTR_EMPTY_ALLOC();
    }
    if (state->what != NULL) {
        return zend_strpprintf(0, "$%s: %s%s", path, state->what,
                               state->class != NULL ? ZSTR_VAL(state->class) : "");
    }
    if (state->is_too_deep) {
        snprintf(text, sizeof(text), "deeper than the limit of %u levels", state->depth_max);
    } else if (dora_writer_error(state->writer) != DORA_OK || state->err != DORA_ETOOBIG) {
        dora_writer_problem(state->writer, text, sizeof(text));
    }
    return zend_strpprintf(0, "$%s: %s", path, text);
}

static dora_err write_whole(write_state *state, zval *value, zend_string **problem)
{
    *problem = NULL;
    if (write_value(state, value)) {
        /* What was let go of may have had a destructor that raised an exception. */
        state->err = EG(exception) != NULL ? DORA_ETYPE : dora_writer_error(state->writer);
    }
    if (state->err != DORA_OK) {
        *problem = problem_of(state);
    }
    if (state->path != NULL) {
        zend_string_release(state->path);
    }
    return state->err;
}

dora_err php_dora_write(dora_writer *writer, zval *value, const zval *encode, uint32_t depth_max,
                        zend_string **problem)
{
    write_state state = {.writer = writer, .encode = encode, .depth_max = depth_max};

    return write_whole(&state, value, problem);
}

dora_err php_dora_write_api(dora_writer *writer, zval *api, const zval *encode,
                            zend_string **problem)
{
    write_state state = {.writer = writer,
                         .encode = encode,
                         .is_api = true,
                         .depth_max = PHP_DORA_CALL_DEPTH_MAX + 1};

    return write_whole(&state, api, problem);
}

dora_err php_dora_write_open(dora_writer *writer, zval *value, const php_dora_typed *typed,
                             const zval *encode, zend_string **problem)
{
    write_state state = {
        .writer = writer, .encode = encode, .depth_max = PHP_DORA_CALL_DEPTH_MAX, .typed = typed};

    return write_whole(&state, value, problem);
}

typedef struct read_state {
    dora_reader *reader;
    uint32_t collisions; /* of all arrays so far */
} read_state;

static dora_err read_value(read_state *state, zval *value);

/* chain_of counts the keys that share a place in the table with that of a member, up to `most`. */
static uint32_t chain_of(const HashTable *array, const zval *member, uint32_t most)
{
    const Bucket *bucket = (const Bucket *)member; /* its first member */
    uint32_t at = HT_HASH(array, bucket->h | array->nTableMask);
    uint32_t len = 0;

    while (at != HT_INVALID_IDX && len < most) {
        at = Z_NEXT(HT_HASH_TO_BUCKET(array, at)->val);
        len++;
    }
    return len;
}

/* Keys are found by a few of their bits, or by a sum without a secret: whoever chooses them can
 * have each looked for behind all others, which takes seconds for a megabyte. */
static dora_err store(read_state *state, HashTable *array, size_t count, const dora_value *key,
                      zval *member)
{
    zval *stored = key->type == DORA_INT
                       ? zend_hash_index_update(array, (zend_ulong)key->integer, member)
                       : zend_symtable_str_update(array, key->string.data, key->string.len, member);

    if (count < COLLIDING_MIN || (HT_FLAGS(array) & HASH_FLAG_PACKED) != 0) {
        return DORA_OK;
    }
    uint32_t left = COLLISIONS_MAX - state->collisions;
    uint32_t passed = chain_of(array, stored, left) - 1;
    state->collisions += passed;
    return passed + 1 < left ? DORA_OK : DORA_EKEYS;
}

/* Reads members while their keys are 0, 1, 2, ... Leaves `*done` at the number read, and in `key`
 * the key that broke the row, if one did. */
static dora_err read_row(read_state *state, size_t count, HashTable *array, dora_value *key,
                         size_t *done)
{
    dora_err err = DORA_OK;
    size_t at = 0;

    zend_hash_real_init_packed(array);
    ZEND_HASH_FILL_PACKED(array)
    {
        while (key->type == DORA_INT && key->integer == (int64_t)at) {
            zval member;
            err = read_value(state, &member);
            if (err != DORA_OK) {
                break;
            }
            ZEND_HASH_FILL_ADD(&member);
            at++;
            if (at == count) {
                break;
            }
            err = dora_reader_key(state->reader, key);
            if (err != DORA_OK) {
                break;
            }
        }
    }
    ZEND_HASH_FILL_END();
    *done = at;
    return err;
}

static dora_err read_members(read_state *state, size_t count, HashTable *array)
{
    dora_value key;
    size_t done = 0;
    dora_err err = dora_reader_key(state->reader, &key);

    if (err == DORA_OK && key.type == DORA_INT && key.integer == 0) {
        err = read_row(state, count, array, &key, &done);
    }
    while (err == DORA_OK && done < count) {
        zval member;
        err = read_value(state, &member);
        if (err != DORA_OK) {
            break;
        }
        err = store(state, array, count, &key, &member);
        done++;
        if (err == DORA_OK && done < count) {
            err = dora_reader_key(state->reader, &key);
        }
    }
    return err == DORA_OK ? dora_reader_end(state->reader) : err;
}

static dora_err read_array(read_state *state, size_t count, zval *value)
{
    if (count == 0) {
        ZVAL_EMPTY_ARRAY(value);
        return dora_reader_end(state->reader);
    }
    if (!dora_depth_fits(state->reader->depth)) {
        return DORA_ETOOBIG;
    }
    array_init_size(value, (uint32_t)count);
    dora_err err = read_members(state, count, Z_ARRVAL_P(value));
    if (err != DORA_OK) {
        zval_ptr_dtor(value);
        ZVAL_UNDEF(value);
    }
    return err;
}

static dora_err read_value(read_state *state, zval *value)
{
    dora_value read;
    dora_err err = dora_reader_value(state->reader, &read);

    ZVAL_UNDEF(value);
    if (err != DORA_OK) {
        return err;
    }
    switch (read.type) {
    case DORA_NULL:
        ZVAL_NULL(value);
        return DORA_OK;
    case DORA_BOOL:
        ZVAL_BOOL(value, read.integer != 0);
        return DORA_OK;
    case DORA_INT:
        ZVAL_LONG(value, read.integer);
        return DORA_OK;
    case DORA_FLOAT:
        ZVAL_DOUBLE(value, read.number);
        return DORA_OK;
    case DORA_STRING:
        ZVAL_STRINGL_FAST(value, read.string.data, read.string.len);
        return DORA_OK;
    case DORA_ARRAY:
        return read_array(state, read.count, value);
    }
    return DORA_EPROTO;
}

dora_err php_dora_read(dora_reader *reader, zval *value)
{
    read_state state = {.reader = reader};

    return read_value(&state, value);
}

dora_err php_dora_read_all(dora_slice bytes, zval *value, php_dora_fault *fault)
{
    dora_reader reader;

    dora_reader_init(&reader, bytes);
    dora_err err = php_dora_read(&reader, value);
    if (err == DORA_OK && !dora_reader_is_done(&reader)) {
        zval_ptr_dtor(value);
        ZVAL_UNDEF(value);
        err = DORA_EPROTO;
    }
    if (fault != NULL && err != DORA_OK) {
        fault->offset = dora_reader_offset(&reader);
        dora_reader_problem(&reader, err, fault->text, sizeof(fault->text));
    }
    return err;
}
