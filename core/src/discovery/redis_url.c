/* redis_url.c: which Redis is meant, and what it wants to hear first. Pure. */
#include "discovery/redis_url.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DATABASE_MAX 2147483647u /* Redis counts them in an int */

static bool begins_with(dora_slice text, const char *word)
{
    size_t len = strlen(word);
    return text.len >= len && strncasecmp(text.data, word, len) == 0;
}

/* The length of "redis://" or "rediss://", where the text begins so; else 0. */
static size_t scheme_len(dora_slice text)
{
    static const char *const schemes[] = {"redis://", "rediss://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (begins_with(text, schemes[i])) {
            return strlen(schemes[i]);
        }
    }
    return 0;
}

bool dr_redis_url_is_meant(dora_slice text)
{
    return scheme_len(text) > 0;
}

static dora_slice after(dora_slice text, size_t len)
{
    dora_slice rest = {text.data + len, text.len - len};
    return rest;
}

static size_t find_last(dora_slice text, char byte)
{
    const char *found = text.len > 0 ? memrchr(text.data, byte, text.len) : NULL;
    return found != NULL ? (size_t)(found - text.data) : text.len;
}

static size_t find_first(dora_slice text, char byte)
{
    const char *found = text.len > 0 ? memchr(text.data, byte, text.len) : NULL;
    return found != NULL ? (size_t)(found - text.data) : text.len;
}

/* Only the host is shown: what stands around it may be a password, even at a wrong place. */
static dora_err refuse(dora_error *error, dora_slice text, const char *why)
{
    size_t at = find_last(text, '@');
    dora_slice host = after(text, at < text.len ? at + 1 : scheme_len(text));
    if (host.len == 0 || host.data[0] != '[') {
        host.len = find_first(host, ':');
    }
    host.len = find_first(host, '/');
    if (host.len > DR_HOST_BYTES) {
        host.len = DR_HOST_BYTES;
    }
    return dora_error_set(error, DORA_EINVAL, "Redis \"%.*s\": %s", (int)host.len, host.data, why);
}

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    if (byte >= 'a' && byte <= 'f') {
        return byte - 'a' + 10;
    }
    return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

/* Returns: NULL, or what is wrong. */
static const char *secret_read(dora_slice text, char secret[DR_REDIS_SECRET_BYTES])
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.data[i];
        if (byte == '%') {
            int high = text.len - i > 2 ? hex_digit(text.data[i + 1]) : -1;
            int low = text.len - i > 2 ? hex_digit(text.data[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return "a % in user or password is written %25";
            }
            byte = (char)(high * 16 + low);
            i += 2;
        }
        if (byte == '\0') {
            return "user and password have no zero byte";
        }
        if (len + 1 >= DR_REDIS_SECRET_BYTES) {
            return "user or password is longer than 511 bytes";
        }
        secret[len++] = byte;
    }
    secret[len] = '\0';
    return NULL;
}

/* "[user]:password", before the @. Returns: NULL, or what is wrong. */
static const char *secrets_read(dora_slice text, dr_redis_url *url)
{
    size_t colon = find_first(text, ':');
    if (colon == text.len) {
        return "a password is written :password@ or user:password@";
    }
    dora_slice user = {text.data, colon};
    const char *wrong = secret_read(user, url->user);
    if (wrong == NULL) {
        wrong = secret_read(after(text, colon + 1), url->password);
    }
    if (wrong == NULL && url->user[0] != '\0' && url->password[0] == '\0') {
        wrong = "a user without a password";
    }
    return wrong;
}

static const char *database_read(dora_slice text, uint32_t *database)
{
    uint64_t number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || number > DATABASE_MAX) {
            return "the database is not a number";
        }
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    if (number > DATABASE_MAX) {
        return "the database is not a number";
    }
    *database = (uint32_t)number;
    return NULL;
}

/* "host", "host:port", "[::1]" or "[::1]:port". Returns: NULL, or what is wrong. */
static const char *host_read(dora_slice text, dr_address *address)
{
    char whole[DR_HOST_BYTES + 16];
    bool has_port =
        text.len > 0 && text.data[text.len - 1] != ']' && find_last(text, ':') < text.len;
    if (!has_port && text.len < DR_HOST_BYTES) {
        int len = snprintf(whole, sizeof whole, "%.*s:%u", (int)text.len,
                           text.len > 0 ? text.data : "", DR_REDIS_PORT_DEFAULT);
        text = (dora_slice){whole, (size_t)len};
    }
    if (dr_address_parse(text, address->host, &address->port) != DORA_OK || address->port == 0) {
        return "not host or host:port (an IPv6 address is written [::1]:port)";
    }
    return NULL;
}

/* What follows the scheme. Returns: NULL, or what is wrong. */
static const char *parts_read(dora_slice text, dr_redis_url *url)
{
    const char *wrong = NULL;
    size_t at = find_last(text, '@');
    if (at < text.len) {
        dora_slice secrets = {text.data, at};
        wrong = secrets_read(secrets, url);
        text = after(text, at + 1);
    }
    size_t slash = find_first(text, '/');
    if (wrong == NULL && slash < text.len) {
        wrong = database_read(after(text, slash + 1), &url->database);
        text.len = slash;
    }
    return wrong != NULL ? wrong : host_read(text, &url->address);
}

dora_err dr_redis_url_read(dora_slice text, dr_redis_url *url, dora_error *error)
{
    const char *wrong = NULL;
    memset(url, 0, sizeof *url);
    if (begins_with(text, "unix:")) {
        return dr_address_read(text, &url->address, error);
    }
    const size_t scheme = scheme_len(text);
    if (scheme > 0) {
        url->is_tls = begins_with(text, "rediss:");
        wrong = parts_read(after(text, scheme), url);
    } else if (find_last(text, '@') < text.len) {
        wrong = "a password needs the form redis://:password@host:port, or rediss://... for TLS";
    } else {
        wrong = host_read(text, &url->address);
    }
    if (wrong != NULL) {
        memset(url, 0, sizeof *url);
        return refuse(error, text, wrong);
    }
    return DORA_OK;
}

const char *dr_redis_url_text(const dr_redis_url *url, char text[DR_REDIS_URL_TEXT_MAX])
{
    char address[DR_ADDRESS_TEXT_MAX];
    const char *scheme = url->is_tls ? "rediss" : "redis";
    dr_address_text(&url->address, address);
    if (dr_address_is_unix(&url->address)) {
        snprintf(text, DR_REDIS_URL_TEXT_MAX, "%s", address);
    } else if (url->database == 0) {
        snprintf(text, DR_REDIS_URL_TEXT_MAX, "%s://%s", scheme, address);
    } else {
        snprintf(text, DR_REDIS_URL_TEXT_MAX, "%s://%s/%" PRIu32, scheme, address, url->database);
    }
    return text;
}
