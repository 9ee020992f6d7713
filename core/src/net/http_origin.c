/* http_origin.c: who a request comes from: this machine, a web page of another origin, a proxy. */
#include "net/http_origin.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <string.h>
#include <strings.h>

#include "net/http_exchange.h"
#include "net/http_inside.h"

static bool is_text(dora_slice slice, const char *text)
{
    return slice.len == strlen(text) && strncasecmp(slice.data, text, slice.len) == 0;
}

const struct sockaddr *dr_http_address(const dr_http_exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info != NULL ? info->client_addr : NULL;
}

dr_peer dr_http_peer(const dr_http_exchange *exchange)
{
    const struct sockaddr *address = dr_http_address(exchange);
    return address != NULL ? dr_peer_of(address) : DR_PEER_OTHER;
}

uint64_t dr_http_place(const dr_http_exchange *exchange)
{
    return exchange->place;
}

/* A family of headers, by what their names begin with. */
typedef struct family {
    const char *prefix;
    bool is_there;
} family;

static enum MHD_Result on_header(void *user, enum MHD_ValueKind kind, const char *name,
                                 size_t name_len, const char *value, size_t value_len)
{
    (void)kind;
    (void)value;
    (void)value_len;
    family *wanted = user;
    const size_t len = strlen(wanted->prefix);
    wanted->is_there = name_len >= len && strncasecmp(name, wanted->prefix, len) == 0;
    return wanted->is_there ? MHD_NO : MHD_YES;
}

static bool has_any(const dr_http_exchange *exchange, const char *prefix)
{
    family wanted = {prefix, false};
    (void)MHD_get_connection_values_n(exchange->connection, MHD_HEADER_KIND, on_header, &wanted);
    return wanted.is_there;
}

bool dr_http_is_browser(const dr_http_exchange *exchange)
{
    return dr_http_header(exchange, "Origin").data != NULL || has_any(exchange, "Sec-Fetch-");
}

bool dr_http_is_forwarded(const dr_http_exchange *exchange)
{
    return dr_http_header(exchange, "Forwarded").data != NULL ||
           dr_http_header(exchange, "Via").data != NULL ||
           dr_http_header(exchange, "X-Real-IP").data != NULL || has_any(exchange, "X-Forwarded-");
}

static enum MHD_Result on_forwarded_for(void *user, enum MHD_ValueKind kind, const char *name,
                                        size_t name_len, const char *value, size_t value_len)
{
    (void)kind;
    dora_slice *last = user;
    if (value != NULL && is_text((dora_slice){name, name_len}, "X-Forwarded-For")) {
        *last = (dora_slice){value, value_len};
    }
    return MHD_YES;
}

/* A proxy adds to the header's end, or a header of its own behind it: what stands before that is
 * anybody's. */
dora_slice dr_http_forwarded_for(const dr_http_exchange *exchange)
{
    dora_slice last = {NULL, 0};
    (void)MHD_get_connection_values_n(exchange->connection, MHD_HEADER_KIND, on_forwarded_for,
                                      &last);
    const char *comma = last.data != NULL ? memrchr(last.data, ',', last.len) : NULL;
    if (comma != NULL) {
        last.len -= (size_t)(comma + 1 - last.data);
        last.data = comma + 1;
    }
    while (last.len > 0 && last.data[0] == ' ') {
        last.data++;
        last.len--;
    }
    return last;
}

static bool is_of_another_origin(const dr_http_exchange *exchange)
{
    const dora_slice site = dr_http_header(exchange, "Sec-Fetch-Site");
    if (site.data != NULL && !is_text(site, "same-origin") && !is_text(site, "none")) {
        return true;
    }
    const dora_slice origin = dr_http_header(exchange, "Origin");
    if (origin.data == NULL) {
        return false;
    }
    const dora_slice host = dr_http_header(exchange, "Host");
    const char *slashes = memmem(origin.data, origin.len, "://", 3);
    if (slashes == NULL || host.data == NULL) {
        return true; /* "null" is the origin of a page that has none */
    }
    const dora_slice authority = {slashes + 3, origin.len - (size_t)(slashes + 3 - origin.data)};
    return authority.len != host.len || strncasecmp(authority.data, host.data, host.len) != 0;
}

bool dr_http_is_foreign(const dr_http_exchange *exchange)
{
    return dr_http_is_browser(exchange) &&
           (is_of_another_origin(exchange) || !dr_http_host_is_own(exchange));
}

/* without_port cuts a `:port` off; the brackets of an IPv6 address stay. */
static dora_slice without_port(dora_slice host)
{
    size_t len = host.len;
    while (len > 0 && host.data[len - 1] >= '0' && host.data[len - 1] <= '9') {
        len--;
    }
    if (len > 0 && host.data[len - 1] == ':') {
        host.len = len - 1;
    }
    return host;
}

static bool is_address(dora_slice host)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char address[sizeof(struct in6_addr)];
    const bool is_6 = host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']';
    if (is_6) {
        host = (dora_slice){host.data + 1, host.len - 2};
    }
    if (host.len == 0 || host.len >= sizeof(text)) {
        return false;
    }
    memcpy(text, host.data, host.len);
    text[host.len] = '\0';
    return inet_pton(is_6 ? AF_INET6 : AF_INET, text, address) == 1;
}

bool dr_http_host_is_own(const dr_http_exchange *exchange)
{
    const dr_http_options *options = &exchange->http->options;
    const dora_slice host = dr_http_header(exchange, "Host");
    if (host.data == NULL) {
        return true; /* every browser sends one */
    }
    const dora_slice name = without_port(host);
    for (size_t i = 0; i < options->host_count; i++) {
        if (is_text(host, options->hosts[i]) || is_text(name, options->hosts[i])) {
            return true;
        }
    }
    return is_text(name, "localhost") || is_address(name);
}
