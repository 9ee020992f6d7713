/* http_framing.c: a request that somebody on its way may have read differently is refused: what we
 * took for its body could be a request to them, or the other way round. The library has read the
 * headers; this looks at what it shows of them. */
#include "net/http_framing.h"

#include <microhttpd.h>
#include <string.h>
#include <strings.h>

#include "net/http_inside.h"

/* framing is what the headers say about where the request ends and for whom it is. */
typedef struct framing {
    uint32_t hosts;
    uint32_t lengths;
    uint32_t codings;
    bool is_chunked;
    const char *fault;
} framing;

/* is_token: RFC 9110's letters of a name. A space before the colon is none of them. */
static bool is_token(const char *name, size_t len)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < len; i++) {
        const char c = name[i];
        const bool is_alnum =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_alnum && (c == '\0' || strchr(others, c) == NULL)) {
            return false;
        }
    }
    return len > 0;
}

/* has_control: a bare CR ends a line for some. */
static bool has_control(const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)value[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return true;
        }
    }
    return false;
}

/* starts: a name that only begins like one that frames is a folded line of it, in versions of the
 * library that append such a line to the name. */
static bool starts(const char *name, size_t len, const char *known)
{
    const size_t known_len = strlen(known);
    return len > known_len && strncasecmp(name, known, known_len) == 0;
}

static bool is_name(const char *name, size_t len, const char *known)
{
    return len == strlen(known) && strncasecmp(name, known, len) == 0;
}

static enum MHD_Result on_header(void *user, enum MHD_ValueKind kind, const char *name,
                                 size_t name_len, const char *value, size_t value_len)
{
    (void)kind;
    framing *found = user;
    value_len = value == NULL ? 0 : value_len;
    if (is_name(name, name_len, MHD_HTTP_HEADER_HOST)) {
        found->hosts++;
    } else if (is_name(name, name_len, MHD_HTTP_HEADER_CONTENT_LENGTH)) {
        found->lengths++;
    } else if (is_name(name, name_len, MHD_HTTP_HEADER_TRANSFER_ENCODING)) {
        found->codings++;
        found->is_chunked = is_name(value, value_len, "chunked");
    } else if (!is_token(name, name_len)) {
        found->fault = "a header's name has a space before its colon, or what no name has";
    } else if (starts(name, name_len, MHD_HTTP_HEADER_CONTENT_LENGTH) ||
               starts(name, name_len, MHD_HTTP_HEADER_TRANSFER_ENCODING)) {
        found->fault = "Content-Length or Transfer-Encoding goes on in a second line";
    }
    if (has_control(value, value_len)) {
        found->fault = "a header's value has a control character";
    }
    return found->fault == NULL ? MHD_YES : MHD_NO;
}

/* fault_of_target looks at what the request line asks for, as sent. */
static const char *fault_of_target(const char *uri)
{
    if (uri == NULL || uri[0] != '/') {
        return "the request's target is no /path";
    }
    for (const char *at = uri; *at != '\0'; at++) {
        if ((unsigned char)*at <= ' ' || *at == 0x7f || *at == '#') {
            return "the request's target has a space, a control character or a #";
        }
    }
    /* The daemon decodes paths to NUL-ended texts: %00 would cut one short. */
    const char *query = strchr(uri, '?');
    const char *zero = strstr(uri, "%00");
    return zero != NULL && (query == NULL || zero < query) ? "the request's path has %00" : NULL;
}

void dr_http_check_target(dr_http_exchange *exchange, const char *uri)
{
    exchange->fault = fault_of_target(uri);
}

const char *dr_http_fault(const dr_http_exchange *exchange, const char *version, unsigned *status)
{
    framing found = {0};
    *status = MHD_HTTP_BAD_REQUEST;
    if (exchange->fault != NULL) {
        return exchange->fault;
    }
    const bool is_old = strcmp(version, MHD_HTTP_VERSION_1_0) == 0;
    (void)MHD_get_connection_values_n(exchange->connection, MHD_HEADER_KIND, on_header, &found);
    if (found.fault != NULL) {
        return found.fault;
    }
    if (found.hosts > 1 || (found.hosts == 0 && !is_old)) {
        return "there must be one Host";
    }
    if (found.lengths > 1) {
        return "there must be one Content-Length at most";
    }
    if (found.codings > 0 && found.lengths > 0) {
        return "Content-Length and Transfer-Encoding exclude each other";
    }
    if (found.codings > 1) {
        return "there must be one Transfer-Encoding at most";
    }
    if (found.codings > 0 && is_old) {
        return "HTTP/1.0 has no Transfer-Encoding";
    }
    if (found.codings > 0 && !found.is_chunked) {
        *status = MHD_HTTP_NOT_IMPLEMENTED;
        return "the only Transfer-Encoding understood is chunked";
    }
    return NULL;
}
