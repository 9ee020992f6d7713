/* http_origin.c: who a request comes from: this machine, a web page of another origin. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <string.h>
#include <strings.h>

#include "net/http_exchange.h"

static bool is_text(dora_slice slice, const char *text)
{
    return slice.len == strlen(text) && strncasecmp(slice.data, text, slice.len) == 0;
}

dr_peer dr_http_peer(const dr_http_exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info == NULL || info->client_addr == NULL ? DR_PEER_OTHER
                                                     : dr_peer_of(info->client_addr);
}

bool dr_http_is_foreign(const dr_http_exchange *exchange)
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

bool dr_http_host_is_local(const dr_http_exchange *exchange)
{
    dora_slice host = dr_http_header(exchange, "Host");
    if (host.data == NULL) {
        return true; /* every browser sends one */
    }
    host = without_port(host);
    if (is_text(host, "localhost")) {
        return true;
    }
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
