/* entry.c: how a server stands in Redis: its set member and keys as text and back. */
#include "discovery/entry.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "wire/json.h"
#include "wire/json_parse.h"

void dr_entry_fini(dr_entry *entry)
{
    for (size_t i = 0; i < entry->count; i++) {
        dr_free(entry->groups[i]);
    }
    dr_free(entry->groups);
    *entry = (dr_entry){0};
}

/* ---- writing ---- */

static dora_err put_text(dr_buf *out, const char *text)
{
    return dr_buf_append(out, text, strlen(text));
}

/* put_plain writes one ASCII byte as PHP does: it escapes "/", too. */
static dora_err put_plain(dr_buf *out, unsigned char byte)
{
    static const char short_of[][2] = {{'\b', 'b'}, {'\f', 'f'}, {'\n', 'n'}, {'\r', 'r'},
                                       {'\t', 't'}, {'"', '"'},  {'/', '/'},  {'\\', '\\'}};
    char text[8];
    for (size_t i = 0; i < sizeof short_of / sizeof short_of[0]; i++) {
        if (byte == (unsigned char)short_of[i][0]) {
            (void)snprintf(text, sizeof text, "\\%c", short_of[i][1]);
            return put_text(out, text);
        }
    }
    (void)snprintf(text, sizeof text, byte < 0x20 ? "\\u%04x" : "%c", byte);
    return put_text(out, text);
}

/* put_point writes one character beyond ASCII: in JSON it is one or two UTF-16 units. */
static dora_err put_point(dr_buf *out, uint32_t point)
{
    char text[16];
    if (point > 0xffff) {
        point -= 0x10000;
        (void)snprintf(text, sizeof text, "\\u%04x\\u%04x", 0xd800u + (point >> 10),
                       0xdc00u + (point & 0x3ff));
    } else {
        (void)snprintf(text, sizeof text, "\\u%04x", point);
    }
    return put_text(out, text);
}

/* put_string writes UTF-8 as a JSON string. */
static dora_err put_string(dr_buf *out, const char *text)
{
    dora_err err = put_text(out, "\"");
    const unsigned char *at = (const unsigned char *)text;
    while (*at != '\0' && err == DORA_OK) {
        if (*at < 0x80) {
            err = put_plain(out, *at++);
            continue;
        }
        uint32_t point = *at >= 0xf0 ? *at & 0x07u : *at >= 0xe0 ? *at & 0x0fu : *at & 0x1fu;
        for (at++; (*at & 0xc0) == 0x80; at++) {
            point = point << 6 | (*at & 0x3fu);
        }
        err = put_point(out, point);
    }
    return err == DORA_OK ? put_text(out, "\"") : err;
}

char *dr_entry_write(const dr_entry *entry)
{
    dr_buf out = {0};
    char port[32];
    (void)snprintf(port, sizeof port, ",\"port\":%u},\"group\":[", (unsigned)entry->address.port);
    dora_err err = put_text(&out, "{\"node\":{\"ip\":");
    err = err == DORA_OK ? put_string(&out, entry->address.host) : err;
    err = err == DORA_OK ? put_text(&out, port) : err;
    for (size_t i = 0; i < entry->count && err == DORA_OK; i++) {
        err = i > 0 ? put_text(&out, ",") : DORA_OK;
        err = err == DORA_OK ? put_string(&out, entry->groups[i]) : err;
    }
    err = err == DORA_OK ? dr_buf_append(&out, "]}", 3) : err; /* with its NUL */
    if (err != DORA_OK) {
        dr_buf_fini(&out);
    }
    return out.data;
}

/* ---- reading ---- */

/* port_of gives a port that stands as a number or as digits, 0 for anything else. */
static uint16_t port_of(const json_t *json)
{
    json_int_t port = json_integer_value(json);
    const char *text = json_is_string(json) ? json_string_value(json) : "";
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] < '0' || text[i] > '9' || i > 4) {
            return 0;
        }
        port = port * 10 + (text[i] - '0');
    }
    return port > 0 && port <= UINT16_MAX ? (uint16_t)port : 0;
}

static dora_err read_node(const json_t *node, dr_address *address, dora_error *error)
{
    const char *ip = json_string_value(json_object_get(node, "ip"));
    const dora_slice host = {ip, ip != NULL ? strlen(ip) : 0};
    if (!json_is_object(node)) {
        return dora_error_set(error, DORA_EINVAL, "has no \"node\" with \"ip\" and \"port\"");
    }
    return dr_address_make(host, port_of(json_object_get(node, "port")), address, error);
}

static bool has_group(const dr_entry *entry, const char *name)
{
    for (size_t i = 0; i < entry->count; i++) {
        if (strcmp(entry->groups[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static dora_err read_group(const json_t *json, dr_entry *entry, dora_error *error)
{
    const size_t len = json_string_length(json);
    if (!json_is_string(json) || len == 0 || len > DR_ENTRY_GROUP_BYTES_MAX) {
        return dora_error_set(error, DORA_EINVAL, "a group is not a text of 1 to %u bytes",
                              DR_ENTRY_GROUP_BYTES_MAX);
    }
    if (has_group(entry, json_string_value(json))) {
        return DORA_OK;
    }
    char *name = dr_alloc(len + 1);
    if (name == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "out of memory");
    }
    memcpy(name, json_string_value(json), len + 1);
    entry->groups[entry->count++] = name;
    return DORA_OK;
}

/* read_groups takes a list, or an object for its values: PHP writes an array with holes so. */
static dora_err read_groups(const json_t *groups, dr_entry *entry, dora_error *error)
{
    const size_t count = json_is_array(groups) ? json_array_size(groups) : json_object_size(groups);
    dora_err err = DORA_OK;
    if (count == 0 || count > DR_ENTRY_GROUPS_MAX) {
        return dora_error_set(error, DORA_EINVAL, "\"group\" is not a list of 1 to %u groups",
                              DR_ENTRY_GROUPS_MAX);
    }
    entry->groups = dr_calloc(count, sizeof *entry->groups);
    if (entry->groups == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < json_array_size(groups) && err == DORA_OK; i++) {
        err = read_group(json_array_get(groups, i), entry, error);
    }
    const char *key;
    const json_t *name;
    json_object_foreach((json_t *)(uintptr_t)groups, key, name)
    {
        err = err == DORA_OK ? read_group(name, entry, error) : err;
    }
    return err;
}

dora_err dr_entry_read(dora_slice text, dr_entry *entry, dora_error *error)
{
    json_error_t where;
    *entry = (dr_entry){0};
    if (text.len > DR_ENTRY_BYTES_MAX) {
        return dora_error_set(error, DORA_EINVAL, "is longer than %u bytes", DR_ENTRY_BYTES_MAX);
    }
    json_t *json;
    if (dr_json_parse(text, DR_SETTINGS_DEPTH_MAX, 0, &json, &where) != DORA_OK) {
        return dora_error_set(error, DORA_EINVAL, "is no JSON object: %s", where.text);
    }
    dora_err err = read_node(json_object_get(json, "node"), &entry->address, error);
    if (err == DORA_OK) {
        err = read_groups(json_object_get(json, "group"), entry, error);
    }
    json_decref(json);
    if (err != DORA_OK) {
        dr_entry_fini(entry);
    }
    return err;
}

/* ---- keys ---- */

const char *dr_entry_time_key(const dr_address *address, char key[DR_ENTRY_KEY_MAX])
{
    (void)snprintf(key, DR_ENTRY_KEY_MAX, "dora.servertime.%s.%u.time", address->host,
                   address->port);
    return key;
}

const char *dr_entry_node_key(const dr_address *address, char key[DR_ENTRY_KEY_MAX])
{
    (void)snprintf(key, DR_ENTRY_KEY_MAX, "dora.node.%s.%u", address->host, address->port);
    return key;
}
