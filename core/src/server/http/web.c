/* web.c: which door a request over HTTP has come to. */
#include "server/http/web.h"

#include <string.h>

#include "net/http_exchange.h"
#include "net/http_origin.h"
#include "net/http_refuse.h"
#include "server/call/answer_web.h"
#include "server/call/caller.h"
#include "server/call/reply.h"
#include "server/http/web_call.h"
#include "server/http/web_form.h"

static bool is_under(dora_slice path, const char *folder)
{
    const size_t len = strlen(folder);
    return path.len >= len && memcmp(path.data, folder, len) == 0 &&
           (path.len == len || path.data[len] == '/');
}

/* trimmed: slashes around a path do not matter to the original's endpoints. */
static dora_slice trimmed(dora_slice path)
{
    while (path.len > 0 && path.data[0] == '/') {
        path.data++;
        path.len--;
    }
    while (path.len > 0 && path.data[path.len - 1] == '/') {
        path.len--;
    }
    return path;
}

/* number_of: each reactor has two rows of numbers; conn.c takes from the other. */
static uint32_t number_of(const dr_reactor *reactor, const dr_http_exchange *exchange)
{
    const uint64_t number =
        dr_http_number(exchange) * reactor->count * 2 + reactor->count + reactor->index;
    return (uint32_t)(number % UINT32_MAX) + 1;
}

/* refuse_path: nothing is there. The original said so in a reply. */
static void refuse_path(dr_lane *lane, dr_web *web)
{
    static const char text[] = "nothing is here; there are POST /call/NAME and /stream/NAME, "
                               "/api/multisync, /api/multinoresult and /server/cmd";
    if (lane->backend->config->original) {
        const dr_responder responder = dr_responder_of_web(DR_RESPONDER_FORM, lane, web);
        dr_call_count_answered(lane, DR_TYPE_UNKNOWN, DORA_CODE_BAD_TYPE);
        dr_reply_code(&responder, DR_GUID_NONE, DORA_CODE_BAD_TYPE, text);
    } else {
        dr_web_refuse(web, 404, 404, text);
    }
}

/* say_hasty writes down who calls too often, of many some. */
static void say_hasty(dr_lane *lane, const dr_ip *ip)
{
    char who[DR_NETWORK_TEXT_MAX];
    uint32_t unsaid;
    if (!dr_log_few_may(&lane->hasty, uv_now(&lane->reactor.loop), &unsaid)) {
        return;
    }
    if (unsaid > 0) {
        dr_log_write(lane->backend->log, DR_LOG_NOTICE, "http",
                     "%u more calls were refused like those before; not all are told", unsaid);
    }
    dr_log_write(lane->backend->log, DR_LOG_NOTICE, "http",
                 "a call of %s was refused: it makes more than http.rate_per_address allows",
                 dr_ip_text(ip, who));
}

/* is_command says whether a path is the one for operators, who call as often as they like. */
static bool is_command(dora_slice path)
{
    static const char command[] = "server/cmd";
    return path.len == sizeof(command) - 1 && memcmp(path.data, command, path.len) == 0;
}

/* is_hasty refuses a call whose address makes too many. */
static bool is_hasty(dr_lane *lane, const dr_web *web)
{
    dr_rates *rates = &lane->backend->rates;
    const dr_ip ip = dr_caller_from(web->exchange);
    const uint32_t wait_ms = dr_rates_take(rates, &ip, uv_now(&lane->reactor.loop));
    if (wait_ms != 0) {
        dr_call_count_answered(lane, DR_TYPE_UNKNOWN, DORA_CODE_OVERLOADED);
        say_hasty(lane, &ip);
        dr_web_refuse_later(web, 429, 429,
                            "too many calls from this address (http.rate_per_address)", wait_ms);
    }
    return wait_ms != 0;
}

void dr_web_request(dr_http_exchange *exchange, void *user)
{
    dr_lane *lane = user;
    const dora_slice path = trimmed(dr_http_path(exchange));
    dr_web *web = dr_http_keep(exchange, sizeof(*web));
    if (web == NULL) {
        dr_http_refuse(exchange, 503, "out of memory", NULL);
        return;
    }
    web->exchange = exchange;
    web->number = number_of(&lane->reactor, exchange);
    web->came_ns = dr_reactor_now_ns(&lane->reactor);
    dr_http_set_user(exchange, web);
    /* Not so to /call: the name of an api begins with a slash of its own. */
    const bool is_stream = is_under(dr_http_path(exchange), DR_STREAM_FOLDER);
    const bool is_call = is_under(dr_http_path(exchange), DR_CALL_FOLDER) || is_stream;
    if (dr_rates_are_limited(&lane->backend->rates) && !is_command(path) && is_hasty(lane, web)) {
        return;
    }
    if (!is_call && !is_under(path, "api") && !is_under(path, "server")) {
        refuse_path(lane, web);
    } else if (dr_http_is_foreign(exchange)) {
        dr_web_refuse(
            web, 403, DORA_CODE_NOT_PERMITTED,
            "refused: a web page of another origin has sent this, or one whose Host is no "
            "address, not localhost and not in http.hosts");
    } else if (is_under(path, "server") && dr_http_is_browser(exchange)) {
        dr_web_refuse(web, 403, DORA_CODE_NOT_PERMITTED,
                      "refused: control commands are not taken from web pages");
    } else if (is_stream) {
        dr_web_stream(lane, web);
    } else if (is_call) {
        dr_web_call(lane, web);
    } else {
        dr_web_form(lane, web, path);
    }
}

void dr_web_gone(dr_http_exchange *exchange, void *user)
{
    dr_web *web = dr_http_user(exchange);
    if (web != NULL) {
        const dr_responder responder = dr_responder_of_web(DR_RESPONDER_WEB, user, web);
        dr_call_forget(&responder, web->calls);
    }
}
