/* typed_doc.c: what doc comments say of an array's members: @param Item[] $items, list<Item>,
 * array<string, Item>. What is none of these forms says nothing. */
#include "typed_plan.h"
#include "typed_uses.h"

#define NESTED_MAX 32u /* types inside of types: nobody writes more */

typedef struct comment {
    const char *at;
    const char *end;
    php_dora_reading *reading;
    const php_dora_place *place;
    uint32_t depth;
} comment;

typedef struct word {
    const char *name;
    uint32_t mask;
} word;

static const word WORDS[] = {
    {"int", MAY_BE_LONG},
    {"integer", MAY_BE_LONG},
    {"float", MAY_BE_DOUBLE},
    {"double", MAY_BE_DOUBLE},
    {"string", MAY_BE_STRING},
    {"bool", MAY_BE_BOOL},
    {"boolean", MAY_BE_BOOL},
    {"true", MAY_BE_TRUE},
    {"false", MAY_BE_FALSE},
    {"null", MAY_BE_NULL},
    {"array", MAY_BE_ARRAY},
    {"list", MAY_BE_ARRAY},
    {"iterable", MAY_BE_ARRAY},
    {"numeric", MAY_BE_LONG | MAY_BE_DOUBLE},
    {"scalar", PHP_DORA_MAY_BE_SCALAR},
    {"array-key", MAY_BE_LONG | MAY_BE_STRING},
    {"mixed", MAY_BE_ANY},
    {"object", MAY_BE_ANY},
    {"callable", MAY_BE_ANY},
    {"resource", MAY_BE_ANY},
    {"non-empty-list", MAY_BE_ARRAY},
    {"non-empty-array", MAY_BE_ARRAY},
    {"positive-int", MAY_BE_LONG},
    {"negative-int", MAY_BE_LONG},
    {"non-negative-int", MAY_BE_LONG},
    {"non-empty-string", MAY_BE_STRING},
    {"numeric-string", MAY_BE_STRING},
};

static bool read_union(comment *self, php_dora_type *type);

static bool is_blank(char byte)
{
    return byte == '*' || isspace((unsigned char)byte);
}

static void skip_blanks(comment *self)
{
    while (self->at < self->end && is_blank(*self->at)) {
        self->at++;
    }
}

static bool take(comment *self, char byte)
{
    skip_blanks(self);
    const bool is_there = self->at < self->end && *self->at == byte;
    self->at += is_there;
    return is_there;
}

static bool is_equal(dora_slice text, const char *other)
{
    return text.len == strlen(other) && memcmp(text.data, other, text.len) == 0;
}

static bool is_equal_ci(dora_slice text, const char *other)
{
    return text.len == strlen(other) && strncasecmp(text.data, other, text.len) == 0;
}

static dora_slice next_name(comment *self)
{
    skip_blanks(self);
    const char *from = self->at;
    while (self->at < self->end && (isalnum((unsigned char)*self->at) ||
                                    strchr("_\\-", *self->at) != NULL || (*self->at & 0x80) != 0)) {
        self->at++;
    }
    return (dora_slice){from, (size_t)(self->at - from)};
}

static void forget_member(php_dora_type *type)
{
    if (type->member != NULL) {
        php_dora_type_free(type->member);
        efree(type->member);
        type->member = NULL;
    }
}

/* Adds what one of several types says; the first one's members. Ownership: takes what `other`
 * holds. */
static void merge(php_dora_type *type, php_dora_type *other)
{
    type->mask |= other->mask;
    for (uint32_t i = 0; i < other->class_count; i++) {
        php_dora_type_add(type, other->classes[i]);
    }
    if (type->member == NULL) {
        type->member = other->member;
        type->keys = other->keys;
        other->member = NULL;
    }
    php_dora_type_free(other);
}

/* Makes an array of `type`. */
static void wrap(php_dora_type *type, php_dora_keys keys)
{
    php_dora_type *member = emalloc(sizeof(*member));

    *member = *type;
    *type = (php_dora_type){.mask = MAY_BE_ARRAY, .member = member, .keys = keys};
}

/* Of a name: the types that PHP has, or tools know. Returns: 0: none. */
static uint32_t word_mask(dora_slice name, bool (*is_same)(dora_slice, const char *))
{
    for (size_t i = 0; i < sizeof(WORDS) / sizeof(WORDS[0]); i++) {
        if (is_same(name, WORDS[i].name)) {
            return WORDS[i].mask;
        }
    }
    return 0;
}

/* Whether a comment gives a type this name: @template T, @phpstan-type Row array{...}. */
static bool declares(const zend_string *text, dora_slice name)
{
    const char *const end = text != NULL ? ZSTR_VAL(text) + ZSTR_LEN(text) : NULL;
    const char *at = text != NULL ? ZSTR_VAL(text) : NULL;

    while (at < end && (at = memchr(at, '@', (size_t)(end - at))) != NULL) {
        comment rest = {.at = ++at, .end = end};
        const dora_slice tag = next_name(&rest);
        const bool is_own = php_memnstr(tag.data, ZEND_STRL("template"), tag.data + tag.len) ||
                            php_memnstr(tag.data, ZEND_STRL("-type"), tag.data + tag.len);
        const dora_slice told = is_own ? next_name(&rest) : (dora_slice){"", 0};
        if (told.len == name.len && memcmp(told.data, name.data, name.len) == 0) {
            return true;
        }
    }
    return false;
}

static const zend_string *comment_of(const zend_class_entry *class)
{
#if PHP_VERSION_ID >= 80400
    return class->doc_comment;
#else
    return class->info.user.doc_comment;
#endif
}

/* Those that are no classes, though they may look like one. */
static uint32_t other_mask(const comment *self, dora_slice name)
{
    const zend_class_entry *scope = self->place->scope;
    const bool is_declared =
        declares(self->place->comment, name) ||
        (scope != NULL && scope->type == ZEND_USER_CLASS && declares(comment_of(scope), name));

    return is_declared ? MAY_BE_ANY : word_mask(name, is_equal_ci); /* String */
}

static bool read_name(comment *self, dora_slice name, php_dora_type *type)
{
    type->mask = word_mask(name, is_equal);
    if (type->mask != 0) {
        return true;
    }
    if (name.len == 0 || memchr(name.data, '-', name.len) != NULL ||
        isdigit((unsigned char)name.data[0])) {
        type->mask = MAY_BE_ANY;
        return true;
    }
    zend_class_entry *entry = php_dora_uses_class(self->place, name);
    if (entry == NULL && EG(exception) == NULL) {
        type->mask = other_mask(self, name);
        if (type->mask != 0) {
            return true;
        }
        self->reading->fault = zend_strpprintf(0, "there is no class %.*s, which the comment names",
                                               (int)name.len, name.data);
    }
    php_dora_class *class = entry != NULL ? php_dora_reading_class(self->reading, entry) : NULL;
    if (class != NULL) {
        php_dora_type_add(type, class);
    }
    return class != NULL;
}

/* <Item>, <int, Item>: the last one is of the members. */
static bool read_arguments(comment *self, php_dora_type *type, bool is_list)
{
    php_dora_type key = {0};
    php_dora_type value = {0};
    bool has_key = false;
    bool is_read = read_union(self, &value);

    while (is_read && take(self, ',')) {
        php_dora_type_free(&key);
        key = value;
        value = (php_dora_type){0};
        has_key = true;
        is_read = read_union(self, &value);
    }
    (void)take(self, '>');
    const bool is_map = has_key && key.mask == MAY_BE_STRING;
    php_dora_type_free(&key);
    if (!is_read || type->mask != MAY_BE_ARRAY) { /* int<0, 9> */
        php_dora_type_free(&value);
        return is_read;
    }
    *type = value;
    wrap(type, is_list ? PHP_DORA_KEYS_LIST : is_map ? PHP_DORA_KEYS_MAP : PHP_DORA_KEYS_ANY);
    return true;
}

/* Goes behind what is in brackets of its own form. */
static void skip_shape(comment *self)
{
    uint32_t open = 1;

    for (; self->at < self->end && open > 0; self->at++) {
        open += *self->at == '{';
        open -= *self->at == '}';
    }
}

/* Goes past a text between quotes, which a type may be. */
static bool take_text(comment *self)
{
    skip_blanks(self);
    const char quote = self->at < self->end ? *self->at : '\0';
    if (quote != '\'' && quote != '"') {
        return false;
    }
    const char *found = memchr(self->at + 1, quote, (size_t)(self->end - self->at - 1));
    self->at = found != NULL ? found + 1 : self->end;
    return true;
}

static bool read_one(comment *self, php_dora_type *type)
{
    if (take(self, '(')) {
        const bool is_read = read_union(self, type);
        (void)take(self, ')');
        return is_read;
    }
    if (take_text(self)) {
        type->mask = MAY_BE_STRING;
        return true;
    }
    const dora_slice name = next_name(self);
    if (name.len == 0 && self->at < self->end) {
        self->at++; /* $this, int&string */
    }
    if (!read_name(self, name, type)) {
        return false;
    }
    if (self->at < self->end && *self->at == '<') {
        self->at++;
        return read_arguments(self, type,
                              is_equal_ci(name, "list") || is_equal_ci(name, "non-empty-list"));
    }
    if (self->at < self->end && *self->at == '{') {
        self->at++;
        skip_shape(self);
    }
    return true;
}

/* One of several: ?Item, Item[], (Item|null)[][]. */
static bool read_part(comment *self, php_dora_type *type)
{
    const bool may_be_null = take(self, '?');

    if (!read_one(self, type)) {
        return false;
    }
    while (self->at + 1 < self->end && self->at[0] == '[' && self->at[1] == ']') {
        self->at += 2;
        wrap(type, PHP_DORA_KEYS_LIST);
    }
    type->mask |= may_be_null ? MAY_BE_NULL : 0;
    return true;
}

/* Two that tell different members tell nothing of them. */
static bool read_union(comment *self, php_dora_type *type)
{
    uint32_t told = 0;
    bool is_read = true;

    if (self->depth >= NESTED_MAX) {
        type->mask = MAY_BE_ANY;
        return true;
    }
    self->depth++;
    do {
        php_dora_type part = {0};
        is_read = read_part(self, &part);
        told += part.member != NULL;
        merge(type, &part);
    } while (is_read && take(self, '|'));
    if (told > 1) {
        forget_member(type);
    }
    self->depth--;
    return is_read;
}

/* Goes past blanks around a bar: the type goes on behind them, in the same line. */
static bool skip_to_part(comment *self, const char *from)
{
    const char *const before = self->at;
    const bool is_behind_bar = before > from && before[-1] == '|';

    while (self->at < self->end && strchr(" \t", *self->at) != NULL) {
        self->at++;
    }
    if (is_behind_bar || (self->at < self->end && *self->at == '|')) {
        return self->at < self->end;
    }
    self->at = before;
    return false;
}

/* The text of a type, up to a blank that stands in no brackets. */
static dora_slice type_text(comment *self)
{
    uint32_t open = 0;

    skip_blanks(self);
    const char *from = self->at;
    for (; self->at < self->end; self->at++) {
        if (open == 0 && is_blank(*self->at) && !skip_to_part(self, from)) {
            break;
        }
        open += strchr("<({[", *self->at) != NULL;
        open -= open > 0 && strchr(">)}]", *self->at) != NULL;
    }
    return (dora_slice){from, (size_t)(self->at - from)};
}

/* Whether what follows the type is the parameter. */
static bool is_of(comment *self, const zend_string *name)
{
    if (name == NULL) {
        return true;
    }
    skip_blanks(self);
    while (self->at < self->end && strchr("&.$", *self->at) != NULL) {
        self->at++;
    }
    const dora_slice found = next_name(self);
    return found.len == ZSTR_LEN(name) && memcmp(found.data, ZSTR_VAL(name), found.len) == 0;
}

/* The type that the comment says; empty: it says none. */
static dora_slice find(const zend_string *text, const char *tag, const zend_string *name)
{
    const char *const end = ZSTR_VAL(text) + ZSTR_LEN(text) - 2; /* without what ends it */
    const char *at = ZSTR_VAL(text);

    while ((at = php_memnstr(at, tag, strlen(tag), end)) != NULL) {
        comment rest = {.at = at + strlen(tag), .end = end};
        at = rest.at;
        if (rest.at < end && is_blank(*rest.at)) {
            const dora_slice type = type_text(&rest);
            if (is_of(&rest, name)) {
                return type;
            }
        }
    }
    return (dora_slice){NULL, 0};
}

bool php_dora_doc_member(php_dora_reading *reading, const php_dora_place *place, const char *tag,
                         const zend_string *name, php_dora_type *type)
{
    php_dora_type told = {0};

    if (place->comment == NULL || ZSTR_LEN(place->comment) < 5 ||
        (type->mask & MAY_BE_ARRAY) == 0 || type->mask == MAY_BE_ANY) {
        return true;
    }
    const dora_slice text = find(place->comment, tag, name);
    comment self = {
        .at = text.data, .end = text.data + text.len, .reading = reading, .place = place};
    const bool is_read = text.len == 0 || read_union(&self, &told);
    if (is_read) {
        type->member = told.member;
        type->keys = told.keys;
        told.member = NULL;
    }
    php_dora_type_free(&told);
    return is_read;
}
