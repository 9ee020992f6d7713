/* typed_uses.c: names of classes in doc comments, as the file's `use` and namespace have them. PHP
 * keeps neither, so the file is read again. */
#include "typed_uses.h"

#include "php_streams.h"

#define FILE_BYTES_MAX (1u << 20) /* of a program's file: what stands further behind is not seen */

/* words is a file as far as its `use` and `namespace` go. */
typedef struct words {
    const char *at;
    const char *end;
} words;

static bool is_name_byte(char byte)
{
    return isalnum((unsigned char)byte) || byte == '_' || byte == '\\' || (byte & 0x80) != 0;
}

static bool begins(const words *self, const char *text)
{
    const size_t len = strlen(text);
    return (size_t)(self->end - self->at) >= len && memcmp(self->at, text, len) == 0;
}

/* Goes behind the next `text`, or to the end. */
static void skip_past(words *self, const char *text)
{
    const char *found = zend_memnstr(self->at, text, strlen(text), self->end);
    self->at = found != NULL ? found + strlen(text) : self->end;
}

/* Goes past a comment or attribute, if one comes next. */
static bool skip_comment(words *self)
{
    if (begins(self, "/*")) {
        skip_past(self, "*/");
        return true;
    }
    if (begins(self, "//") || begins(self, "#")) {
        skip_past(self, "\n");
        return true;
    }
    return false;
}

/* Goes past blanks and comments. */
static void skip_blanks(words *self)
{
    do {
        while (self->at < self->end && isspace((unsigned char)*self->at)) {
            self->at++;
        }
    } while (skip_comment(self));
}

static dora_slice next_name(words *self)
{
    skip_blanks(self);
    const char *from = self->at;
    while (self->at < self->end && is_name_byte(*self->at)) {
        self->at++;
    }
    return (dora_slice){from, (size_t)(self->at - from)};
}

static bool is_word(dora_slice name, const char *word)
{
    return name.len == strlen(word) && strncasecmp(name.data, word, name.len) == 0;
}

/* Goes past a byte where it comes next. */
static bool take(words *self, char byte)
{
    skip_blanks(self);
    const bool is_there = self->at < self->end && *self->at == byte;
    self->at += is_there;
    return is_there;
}

static dora_slice last_part(dora_slice name)
{
    for (size_t i = name.len; i > 0; i--) {
        if (name.data[i - 1] == '\\') {
            return (dora_slice){name.data + i, name.len - i};
        }
    }
    return name;
}

static zend_string *joined(dora_slice first, dora_slice second)
{
    while (first.len > 0 && first.data[0] == '\\') {
        first = (dora_slice){first.data + 1, first.len - 1};
    }
    while (first.len > 0 && first.data[first.len - 1] == '\\') {
        first.len--;
    }
    return zend_strpprintf(0, "%.*s%s%.*s", (int)first.len, first.data, first.len > 0 ? "\\" : "",
                           (int)second.len, second.data);
}

static bool is_same(dora_slice one, dora_slice other)
{
    return one.len == other.len && strncasecmp(one.data, other.data, one.len) == 0;
}

/* One of `use A\B as C, D\{E, F as G};`: the class that `alias` stands for, NULL: another one. */
static zend_string *used(words *self, dora_slice group, dora_slice alias)
{
    const dora_slice name = next_name(self);
    dora_slice known = last_part(name);
    zend_string *found = NULL;

    if (take(self, '{')) {
        do {
            found = found == NULL ? used(self, name, alias) : found;
        } while (take(self, ',') && found == NULL);
        (void)take(self, '}');
        return found;
    }
    const char *before = self->at;
    if (is_word(next_name(self), "as")) {
        known = next_name(self);
    } else {
        self->at = before;
    }
    return name.len > 0 && is_same(known, alias) ? joined(group, name) : NULL;
}

/* Goes past a text between quotes. */
static void skip_text(words *self)
{
    const char quote = *self->at++;

    while (self->at < self->end && *self->at != quote) {
        self->at += *self->at == '\\' && self->at + 1 < self->end ? 2 : 1;
    }
    self->at += self->at < self->end;
}

/* Goes to what stands behind the next `word` that begins a statement. */
static bool next_statement(words *self, const char *word)
{
    bool is_begin = false;

    while (self->at < self->end) {
        const dora_slice name = next_name(self);
        if (name.len > 0 && is_begin && is_word(name, word)) {
            return true;
        }
        if (name.len > 0 || self->at >= self->end) {
            is_begin = is_word(name, "php"); /* of <?php */
        } else if (*self->at == '\'' || *self->at == '"') {
            skip_text(self);
        } else {
            is_begin = strchr(";{}", *self->at) != NULL;
            self->at++;
        }
    }
    return false;
}

static zend_string *alias_of(dora_slice file, dora_slice alias)
{
    const dora_slice none = {"", 0};
    words self = {file.data, file.data + file.len};
    zend_string *found = NULL;

    while (found == NULL && next_statement(&self, "use")) {
        do {
            found = used(&self, none, alias);
        } while (found == NULL && take(&self, ','));
    }
    return found;
}

/* What stands in the file before a line. */
static dora_slice before_line(const zend_string *text, uint32_t line)
{
    const char *const end = ZSTR_VAL(text) + ZSTR_LEN(text);
    const char *at = ZSTR_VAL(text);

    for (uint32_t i = 1; i < line && at < end; i++) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        at = next != NULL ? next + 1 : end;
    }
    return (dora_slice){ZSTR_VAL(text), (size_t)(at - ZSTR_VAL(text))};
}

/* Goes to what stands behind the last namespace; gives its name, which may be empty. */
static dora_slice take_namespace(dora_slice *file)
{
    words self = {file->data, file->data + file->len};
    dora_slice name = {"", 0};

    while (next_statement(&self, "namespace")) {
        name = next_name(&self);
        *file = (dora_slice){self.at, (size_t)(self.end - self.at)};
    }
    return name;
}

static zend_string *read_file(zend_string *name)
{
    zend_string *text = NULL;
    php_stream *stream =
        name != NULL ? php_stream_open_wrapper(ZSTR_VAL(name), "rb", 0, NULL) : NULL;

    if (stream != NULL) {
        text = php_stream_copy_to_mem(stream, FILE_BYTES_MAX, 0);
        php_stream_close(stream);
    }
    return text != NULL ? text : ZSTR_EMPTY_ALLOC();
}

/* Ownership: takes the name, which may be NULL. */
static zend_class_entry *lookup(zend_string *name)
{
    zend_class_entry *entry = NULL;

    if (name != NULL) {
        entry = EG(exception) == NULL ? zend_lookup_class(name) : NULL;
        zend_string_release(name);
    }
    return entry;
}

/* The class by the name's first part, which the file may use as another's. */
static zend_class_entry *by_alias(dora_slice file, dora_slice name)
{
    const char *split = memchr(name.data, '\\', name.len);
    const size_t len = split != NULL ? (size_t)(split - name.data) : name.len;
    zend_string *first = alias_of(file, (dora_slice){name.data, len});

    if (first == NULL || split == NULL) {
        return lookup(first);
    }
    zend_string *whole = joined(php_dora_slice(first), (dora_slice){split + 1, name.len - len - 1});
    zend_string_release(first);
    return lookup(whole);
}

zend_class_entry *php_dora_uses_class(const php_dora_place *place, dora_slice name)
{
    const dora_slice none = {"", 0};

    if (place->scope != NULL && (is_word(name, "self") || is_word(name, "static"))) {
        return place->scope;
    }
    if (place->scope != NULL && is_word(name, "parent") && place->scope->parent != NULL) {
        return place->scope->parent;
    }
    if (name.data[0] == '\\') {
        return lookup(joined(name, none));
    }
    zend_string *text = read_file(place->file);
    dora_slice file = before_line(text, place->line);
    const dora_slice namespace = take_namespace(&file);
    zend_class_entry *entry = by_alias(file, name);
    if (entry == NULL) {
        entry = lookup(joined(namespace, name));
    }
    if (entry == NULL) {
        entry = lookup(joined(none, name));
    }
    zend_string_release(text);
    return entry;
}
