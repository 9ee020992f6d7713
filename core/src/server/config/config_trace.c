/* config_trace.c: where the spans of calls go, and as whose: checked, and taken. */
#include "server/config/config_trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"

#define PATH_DEFAULT "/v1/traces" /* as OTLP/HTTP has it */

/* why_no_host looks at HOST, HOST:PORT or [IPv6]:PORT. Returns: what is wrong, NULL: nothing. */
static const char *why_no_host(const char *host, size_t len)
{
    const char *end = host + len;
    if (memchr(host, '@', len) != NULL) {
        return "has a name or password in it; put them into trace.headers";
    }
    const char *closing = host[0] == '[' ? memchr(host, ']', len) : NULL;
    const char *port = closing != NULL ? closing + 1 : memchr(host, ':', len);
    const char *name_end = port != NULL ? port : end;
    if (name_end == host || (host[0] == '[' && closing == NULL)) {
        return "has no host";
    }
    if (port == NULL || port == end) {
        return NULL;
    }
    char *after;
    const unsigned long number = strtoul(port + 1, &after, 10);
    const bool is_number = port[0] == ':' && port + 1 < end && strchr("+- ", port[1]) == NULL;
    return is_number && after == end && number >= 1 && number <= 65535
               ? NULL
               : "must have a port from 1 to 65535";
}

/* why_no_url says what is wrong with one. `*has_path` is for one that is good. */
static const char *why_no_url(const char *text, bool *has_path)
{
    const size_t scheme = strncmp(text, "http://", 7) == 0    ? 7
                          : strncmp(text, "https://", 8) == 0 ? 8
                                                              : 0;
    if (scheme == 0) {
        return "must begin with http:// or https://";
    }
    if (strlen(text) > DR_TRACE_URL_MAX) {
        return "is too long";
    }
    for (const char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f ||
            strchr("#\"<>\\^`{|}", *at)) {
            return "has a character that no URL has";
        }
    }
    const char *host = text + scheme;
    const size_t len = strcspn(host, "/?");
    *has_path = host[len] != '\0' && strcmp(host + len, "/") != 0;
    return why_no_host(host, len);
}

dora_err dr_trace_endpoint_set(dr_config *config, const char *text, dora_error *error)
{
    char url[DR_TRACE_URL_MAX + sizeof(PATH_DEFAULT)];
    bool has_path = true;
    const char *why = text != NULL ? why_no_url(text, &has_path) : NULL;
    if (why != NULL) {
        return dora_error_set(error, DORA_EINVAL,
                              "\"%.200s\" %s; it is the URL of a collector, such as "
                              "\"http://127.0.0.1:4318" PATH_DEFAULT "\"",
                              text, why);
    }
    if (!has_path) {
        const size_t len = strlen(text);
        (void)snprintf(url, sizeof(url), "%.*s" PATH_DEFAULT,
                       (int)(text[len - 1] == '/' ? len - 1 : len), text);
        text = url;
    }
    return dr_text_set(&config->trace.endpoint, text) == DORA_OK
               ? DORA_OK
               : dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
}

dr_spans_target dr_trace_target(const dr_config *config)
{
    return (dr_spans_target){.url = config->trace.endpoint,
                             .service = config->trace.service,
                             .headers = (const char *const *)config->trace.headers.items,
                             .header_count = config->trace.headers.count};
}

static dora_err take_endpoint(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    dora_error error;
    (void)key;
    if (!json_is_string(json) && !json_is_null(json)) {
        dr_reading_problem(r, "must be a text, the URL of a collector, or null");
        return DORA_OK;
    }
    const dora_err err = dr_trace_endpoint_set(object, json_string_value(json), &error);
    if (err == DORA_EINVAL) {
        dr_reading_problem(r, "%s", error.msg);
        return DORA_OK;
    }
    return err;
}

static dora_err take_service(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    dr_config *config = object;
    const char *text = json_string_value(json);
    (void)key;
    if (text == NULL || text[0] == '\0') {
        dr_reading_problem(r, "must be a text, the name under which spans are shown");
        return DORA_OK;
    }
    return dr_text_set(&config->trace.service, text);
}

/* why_no_header says what is wrong with a header of HTTP; NULL: nothing. */
static const char *why_no_header(const char *name, const json_t *value)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!#$%&'*+^`|~";
    const char *text = json_string_value(value);
    if (name[0] == '\0' || name[strspn(name, letters)] != '\0') {
        return "is no name of a header";
    }
    if (text == NULL || text[0] == '\0' || strpbrk(text, "\r\n") != NULL) {
        return "must be a text of one line, such as \"Bearer ...\"";
    }
    return NULL;
}

static dora_err take_headers(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    dr_texts *headers = &((dr_config *)object)->trace.headers;
    const char *name;
    const json_t *value;
    dora_err err = DORA_OK;
    (void)key;
    dr_texts_fini(headers);
    if (!json_is_object(json) || json_object_size(json) > DR_TRACE_HEADERS_MAX) {
        dr_reading_problem(r,
                           "must be an object of at most %u: {\"Authorization\": \"Bearer ...\"}",
                           DR_TRACE_HEADERS_MAX);
        return DORA_OK;
    }
    json_object_foreach((json_t *)(uintptr_t)json, name, value)
    {
        const char *why = why_no_header(name, value);
        if (why != NULL) {
            dr_reading_problem(r, "\"%s\" %s", name, why);
        } else if (err == DORA_OK) {
            const size_t size = strlen(name) + json_string_length(value) + 3;
            char *line = dr_alloc(size);
            if (line == NULL) {
                return DORA_ENOMEM;
            }
            (void)snprintf(line, size, "%s: %s", name, json_string_value(value));
            err = dr_texts_add(headers, line);
            dr_free(line);
        }
    }
    return err;
}

static dora_err take_sample(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    dr_config *config = object;
    const double part = json_is_number(json) ? json_number_value(json) : -1;
    (void)key;
    if (part < 0 || part > 1) {
        dr_reading_problem(r, "must be a number from 0 to 1: of the calls that come without a "
                              "trace so many begin one");
        return DORA_OK;
    }
    config->trace.sample = part;
    return DORA_OK;
}

const dr_key dr_config_trace_keys[] = {
    {.name = "endpoint", .take = take_endpoint},
    {.name = "service", .take = take_service},
    {.name = "headers", .take = take_headers},
    {.name = "sample", .take = take_sample},
    {.name = NULL},
};
