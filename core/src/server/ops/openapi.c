/* openapi.c: OpenAPI 3.1 of what is called by POST /call/NAME. */
#include "server/ops/openapi.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dora/dora.h>

#include "base/utf8.h"
#include "server/ops/apis.h"
#include "wire/json_request.h"
#include "wire/json_value.h"

#define REST "name" /* the parameter of a pattern's path */

/* document is what is being built; a member that is NULL fails the whole. */
typedef struct document {
    json_t *root;
    json_t *paths;
    json_t *schemas;
    bool is_broken;
} document;

/* put takes `value`. */
static void put(document *self, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0) {
        self->is_broken = true;
    }
}

static json_t *text_of(dora_slice text)
{
    dr_buf shown = {0};
    json_t *json = dr_printable(&shown, text, "") == DORA_OK
                       ? json_stringn(shown.data != NULL ? shown.data : "", shown.len)
                       : NULL;
    dr_buf_fini(&shown);
    return json;
}

static bool is_plain(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || (byte != '\0' && strchr("-._~/", byte) != NULL);
}

dora_err dr_openapi_path(const dr_routes *routes, dora_slice name, bool is_pattern, dr_buf *out)
{
    /* As /call reads it: a name's own slash stands in the path, unless it also is one without. */
    const bool has_slash = name.len > 0 && name.data[0] == '/';
    const dora_slice without = has_slash ? (dora_slice){name.data + 1, name.len - 1} : name;
    const dr_rank rank = is_pattern ? DR_RANK_CAUGHT : dr_routes_rank(routes, name);
    const bool is_own = has_slash && rank > dr_routes_rank(routes, without);
    dora_err err = dr_buf_append(out, "/call/", is_own ? 5 : 6);
    for (size_t i = 0; i < name.len && err == DORA_OK; i++) {
        char code[4];
        (void)snprintf(code, sizeof(code), "%%%02X", (unsigned)(unsigned char)name.data[i]);
        err = is_plain(name.data[i]) ? dr_buf_append(out, &name.data[i], 1)
                                     : dr_buf_append(out, code, 3);
    }
    return err;
}

/* key_of names a schema among the components: letters, digits, dots; one that is there already gets
 * a number. */
static void key_of(const document *self, dora_slice name, const char *what, char *key, size_t size)
{
    char stem[DR_API_NAME_MAX + 1];
    size_t len = 0;
    for (size_t i = 0; i < name.len && i < DR_API_NAME_MAX; i++) {
        const char byte = name.data[i];
        if (byte != '/' || len > 0) {
            stem[len++] = byte == '/' ? '.' : byte;
            stem[len - 1] = is_plain(stem[len - 1]) && stem[len - 1] != '~' ? stem[len - 1] : '_';
        }
    }
    stem[len] = '\0';
    (void)snprintf(key, size, "%s.%s", stem, what);
    for (unsigned number = 2; json_object_get(self->schemas, key) != NULL; number++) {
        (void)snprintf(key, size, "%s-%u.%s", stem, number, what);
    }
}

/* moved is a reference of a schema that stands below `base` now. */
static json_t *moved(const char *reference, const char *base)
{
    return json_sprintf("%s%s", base, reference + 1);
}

static bool is_own_reference(const char *key, const json_t *value)
{
    const char *text = json_string_value(value);
    return strcmp(key, "$ref") == 0 && text != NULL && text[0] == '#' &&
           (text[1] == '\0' || text[1] == '/');
}

/* move_references makes `#/$defs/Order` of a schema say where it is in the document. The depth is
 * that of an encoded value. */
static bool move_references(json_t *json, const char *base)
{
    const char *key;
    void *next;
    json_t *value;
    size_t index;
    bool is_done = true;
    json_object_foreach_safe(json, next, key, value)
    {
        if (is_own_reference(key, value)) {
            is_done = json_object_set_new(json, key, moved(json_string_value(value), base)) == 0;
        } else {
            is_done = move_references(value, base);
        }
        if (!is_done) {
            return false;
        }
    }
    json_array_foreach(json, index, value)
    {
        is_done = is_done && move_references(value, base);
    }
    return is_done;
}

/* schema_of puts a schema among the components. Returns: a reference to it; where nothing is known,
 * a schema that everything fits. */
static json_t *schema_of(document *self, const dr_offer *offer, dr_about_part part)
{
    char key[DR_API_NAME_MAX + 32];
    char base[sizeof(key) + 32];
    dr_buf text = {0};
    json_t *schema = NULL;
    const dora_slice encoded = dr_buf_slice(&offer->about->texts[part]);
    if (encoded.len == 0 || dr_json_print(encoded, 0, &text, NULL) != DORA_OK ||
        dr_json_load(dr_buf_slice(&text), &schema, NULL) != DORA_OK) {
        dr_buf_fini(&text);
        return json_object();
    }
    dr_buf_fini(&text);
    key_of(self, offer->name, part == DR_ABOUT_PARAM ? "param" : "result", key, sizeof(key));
    (void)snprintf(base, sizeof(base), "#/components/schemas/%s", key);
    self->is_broken |= !move_references(schema, base);
    put(self, self->schemas, key, schema);
    return json_pack("{s:s}", "$ref", base);
}

static json_t *content_of(json_t *schema)
{
    return json_pack("{s:{s:o}}", "application/json", "schema", schema);
}

static json_t *operation_of(document *self, const dr_backend *backend, const dr_offer *offer,
                            const char *path)
{
    const dr_pool_config *pool = &backend->config->pools[offer->pool];
    const dora_slice summary = dr_buf_slice(&offer->about->texts[DR_ABOUT_SUMMARY]);
    json_t *operation = json_pack(
        "{s:s, s:[s], s:{s:o}, s:{s:{s:s, s:o}, s:{s:s}}, s:{s:s, s:s, s:b, s:i, s:b}}",
        "operationId", path + sizeof("/call") - 1, "tags", pool->name, "requestBody", "content",
        content_of(schema_of(self, offer, DR_ABOUT_PARAM)), "responses", "200", "description",
        "the result", "content", content_of(schema_of(self, offer, DR_ABOUT_RESULT)), "default",
        "$ref", "#/components/responses/Error", "x-dora", "pool", pool->name, "language",
        dr_runtime_of(pool->runtime)->name, "fallback", offer->is_fallback, "time_limit_ms",
        (int)dr_offer_limit_ms(backend, offer), "stream", dr_offer_is_stream(offer));
    if (operation == NULL) {
        self->is_broken = true;
        return NULL;
    }
    if (summary.len > 0) {
        put(self, operation, "summary", text_of(summary));
    }
    if (offer->is_fallback) {
        put(self, operation, "description", json_string("Answered by the pool's fallback."));
    }
    return operation;
}

/* put_path describes one api. A pattern's path has what stands for its `*` as a parameter. */
static void put_path(document *self, const dr_backend *backend, const dr_offers *offers,
                     const dr_offer *offer)
{
    static const char rest[] = "{" REST "}";
    dr_buf path = {0};
    dora_err err = dr_openapi_path(offers->routes, offer->name, offer->is_pattern, &path);
    if (err == DORA_OK && offer->is_pattern) {
        err = dr_buf_append(&path, rest, sizeof(rest) - 1);
    }
    err = err == DORA_OK ? dr_buf_append(&path, "", 1) : err;
    if (err != DORA_OK) {
        self->is_broken = true;
        dr_buf_fini(&path);
        return;
    }
    json_t *item = json_pack("{s:o}", "post", operation_of(self, backend, offer, path.data));
    if (item != NULL && offer->is_pattern) {
        put(self, item, "parameters",
            json_pack("[{s:s, s:s, s:b, s:{s:s}}]", "name", REST, "in", "path", "required", 1,
                      "schema", "type", "string"));
    }
    put(self, self->paths, path.data, item);
    dr_buf_fini(&path);
}

/* error_of is the answer to a call that failed, as PROTOCOL.md has it ("HTTP"). */
static json_t *error_of(void)
{
    json_t *schema = json_pack("{s:s, s:[s], s:{s:{s:s, s:[s,s], s:{s:{s:s}, s:{s:s}, s:{s:s}}}}}",
                               "type", "object", "required", "error", "properties", "error", "type",
                               "object", "required", "code", "msg", "properties", "code", "type",
                               "integer", "msg", "type", "string", "field", "type", "string");
    return json_pack("{s:s, s:o}", "description", "the error", "content", content_of(schema));
}

static bool begin(document *self, const char *http)
{
    self->paths = json_object();
    self->schemas = json_object();
    self->root = json_pack(
        "{s:s, s:{s:s, s:s, s:s}, s:O, s:{s:O, s:{s:o}}}", "openapi", "3.1.0", "info", "title",
        "Dora", "version", DORA_VERSION, "description",
        http != NULL ? "What this server offers over HTTP."
                     : "What this server offers. It takes no calls over HTTP: see listen.http.",
        "paths", self->paths, "components", "schemas", self->schemas, "responses", "Error",
        error_of());
    if (self->root != NULL && http != NULL) {
        put(self, self->root, "servers", json_pack("[{s:s}]", "url", http));
    }
    return self->root != NULL;
}

dora_err dr_openapi_write(dr_backend *backend, const char *http, dr_buf *out)
{
    document self = {0};
    dr_offers offers = {0};
    char *text = NULL;
    if (begin(&self, http) && dr_offers_find(backend, &offers) == DORA_OK) {
        for (size_t i = 0; i < offers.count; i++) {
            put_path(&self, backend, &offers, &offers.items[i]);
        }
        text = self.is_broken ? NULL : json_dumps(self.root, JSON_INDENT(1));
    }
    const dora_err err = text != NULL ? dr_buf_append(out, text, strlen(text)) : DORA_ENOMEM;
    free(text);
    dr_offers_fini(&offers);
    json_decref(self.paths);
    json_decref(self.schemas);
    json_decref(self.root);
    return err;
}
