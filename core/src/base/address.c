/* address.c: "host:port", "tls://host:port" and "unix:/path" to their parts. Pure: nothing is
 * looked up. */
#include "base/address.h"

#include <stdio.h>
#include <string.h>
#include <sys/un.h>

static bool is_host_byte(char byte, bool is_bracketed)
{
    bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
    bool is_digit = byte >= '0' && byte <= '9';
    if (is_letter || is_digit || byte == '.' || byte == '-' || byte == '_') {
        return true;
    }
    return is_bracketed && (byte == ':' || byte == '%');
}

static bool port_parse(const char *data, size_t len, uint16_t *port)
{
    uint32_t number = 0;
    if (len == 0 || len > 5) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (data[i] < '0' || data[i] > '9') {
            return false;
        }
        number = number * 10 + (uint32_t)(data[i] - '0');
    }
    if (number > UINT16_MAX) {
        return false;
    }
    *port = (uint16_t)number;
    return true;
}

dora_err dr_address_parse(dora_slice text, char host[DR_HOST_BYTES], uint16_t *port)
{
    size_t colon = text.len;
    while (colon > 0 && text.data[colon - 1] != ':') {
        colon--;
    }
    if (colon == 0 || !port_parse(text.data + colon, text.len - colon, port)) {
        return DORA_EINVAL;
    }
    dora_slice name = {text.data, colon - 1};
    bool is_bracketed = name.len > 2 && name.data[0] == '[' && name.data[name.len - 1] == ']';
    if (is_bracketed) {
        name.data++;
        name.len -= 2;
    }
    if (name.len == 0 || name.len >= DR_HOST_BYTES) {
        return DORA_EINVAL;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (!is_host_byte(name.data[i], is_bracketed)) {
            return DORA_EINVAL;
        }
    }
    memcpy(host, name.data, name.len);
    host[name.len] = '\0';
    return DORA_OK;
}

dora_slice dr_address_trimmed(dora_slice text)
{
    while (text.len > 0 && text.data[0] == ' ') {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && text.data[text.len - 1] == ' ') {
        text.len--;
    }
    return text;
}

#define UNIX_PREFIX "unix:"
#define TLS_PREFIX "tls://"
#define PATH_LEN_MAX (sizeof((struct sockaddr_un *)NULL)->sun_path - 1)
#define TOLD_BYTES 320 /* of a wrong text in a message */

static bool path_read(dora_slice path, dr_address *address)
{
    if (path.len == 0 || path.len > PATH_LEN_MAX || path.data[0] != '/' ||
        memchr(path.data, '\0', path.len) != NULL) {
        return false;
    }
    memcpy(address->host, path.data, path.len);
    address->host[path.len] = '\0';
    address->port = 0;
    address->is_tls = false;
    return true;
}

/* Writes what may be told of a text that is no node. It may be a Redis at a wrong place: what
 * stands before an @, or in a url after its host, is left out, since it may be a password. */
static const char *tell(dora_slice text, char told[TOLD_BYTES])
{
    const char *at = text.len > 0 ? memrchr(text.data, '@', text.len) : NULL;
    const char *scheme = text.len > 0 ? memmem(text.data, text.len, "://", 3) : NULL;
    size_t from = at != NULL ? (size_t)(at - text.data) : 0;
    size_t end = text.len;
    if (at == NULL && scheme != NULL) {
        end = (size_t)(scheme - text.data) + 3;
        while (end < text.len && text.data[end] != ':' && text.data[end] != '/') {
            end++;
        }
    }
    size_t len = end - from < TOLD_BYTES - 8 ? end - from : TOLD_BYTES - 8;
    snprintf(told, TOLD_BYTES, "%s%.*s%s", at != NULL ? "..." : "", (int)len,
             text.len > 0 ? text.data + from : "", end < text.len ? "..." : "");
    return told;
}

/* What follows `prefix`, where the text begins with it. */
static bool behind(dora_slice text, const char *prefix, dora_slice *rest)
{
    const size_t len = strlen(prefix);
    if (text.len < len || memcmp(text.data, prefix, len) != 0) {
        return false;
    }
    *rest = (dora_slice){text.data + len, text.len - len};
    return true;
}

dora_err dr_address_read(dora_slice text, dr_address *address, dora_error *error)
{
    char told[TOLD_BYTES];
    dora_slice rest = text;
    if (behind(text, UNIX_PREFIX, &rest)) {
        if (!path_read(rest, address)) {
            return dora_error_set(error, DORA_EINVAL,
                                  "node \"%s\" is not unix:/path (a path of at most %zu bytes)",
                                  tell(text, told), PATH_LEN_MAX);
        }
        return DORA_OK;
    }
    address->is_tls = behind(text, TLS_PREFIX, &rest);
    if (dr_address_parse(rest, address->host, &address->port) != DORA_OK || address->port == 0) {
        return dora_error_set(error, DORA_EINVAL, "node \"%s\" is not %shost:port",
                              tell(text, told), address->is_tls ? TLS_PREFIX : "");
    }
    return DORA_OK;
}

dora_err dr_address_make(dora_slice ip, int64_t port, dr_address *address, dora_error *error)
{
    char text[DR_HOST_BYTES + 16];
    const bool is_port = port >= 1 && port <= UINT16_MAX;
    const bool is_host = ip.len > 0 && ip.len < DR_HOST_BYTES;
    const bool is_v6 = is_host && ip.data[0] != '[' && memchr(ip.data, ':', ip.len) != NULL;
    address->is_tls = false;
    const int len = snprintf(text, sizeof text, is_v6 ? "[%.*s]:%d" : "%.*s:%d",
                             is_host ? (int)ip.len : 0, ip.data, is_port ? (int)port : 1);
    if (!is_host || dr_address_parse((dora_slice){text, (size_t)len}, address->host,
                                     &address->port) != DORA_OK) {
        return dora_error_set(error, DORA_EINVAL, "ip must be an address as text");
    }
    return is_port ? DORA_OK
                   : dora_error_set(error, DORA_EINVAL, "port must be a number from 1 to 65535");
}

bool dr_address_is_loopback(const char *host)
{
    const bool is_number = host[strspn(host, "0123456789.")] == '\0';
    return (is_number && strncmp(host, "127.", 4) == 0) || strcmp(host, "::1") == 0 ||
           strcmp(host, "localhost") == 0;
}

bool dr_address_is_unix(const dr_address *address)
{
    return address->port == 0;
}

bool dr_address_is_same(const dr_address *one, const dr_address *other)
{
    return one->port == other->port && one->is_tls == other->is_tls &&
           strcmp(one->host, other->host) == 0;
}

const char *dr_address_text(const dr_address *address, char text[DR_ADDRESS_TEXT_MAX])
{
    const bool is_v6 = strchr(address->host, ':') != NULL;
    if (dr_address_is_unix(address)) {
        snprintf(text, DR_ADDRESS_TEXT_MAX, UNIX_PREFIX "%s", address->host);
    } else {
        snprintf(text, DR_ADDRESS_TEXT_MAX, "%s%s%s%s:%u", address->is_tls ? TLS_PREFIX : "",
                 is_v6 ? "[" : "", address->host, is_v6 ? "]" : "", address->port);
    }
    return text;
}
