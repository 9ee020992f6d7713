/* admin.c: what the operators' listener answers. */
#include "server/ops/admin.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/slice.h"
#include "net/http_exchange.h"
#include "net/http_origin.h"
#include "net/http_refuse.h"
#include "server/call/lane.h"
#include "server/ops/admin_apis.h"
#include "server/ops/metrics.h"
#include "server/ops/stat.h"
#include "wire/json.h"
#include "wire/json_value.h"

static const char plain[] = "text/plain; charset=utf-8";

static void answer_text(dr_http_exchange *exchange, unsigned status, const char *text)
{
    const dr_http_extra fresh[] = {{"Cache-Control", "no-store"}, {NULL, NULL}};
    dr_http_answer(exchange, status, plain, dr_slice(text), fresh);
}

static void answer_buf(dr_http_exchange *exchange, dora_err err, const char *type, dr_buf *body)
{
    const dr_http_extra fresh[] = {{"Cache-Control", "no-store"}, {NULL, NULL}};
    if (err == DORA_OK) {
        dr_http_answer_buf(exchange, 200, type, body, fresh);
    } else {
        dr_http_refuse(exchange, 500, dora_err_text(err), NULL);
    }
    dr_buf_fini(body);
}

static void answer_index(dr_http_exchange *exchange, dr_admin *admin)
{
    (void)admin;
    answer_text(exchange, 200,
                "/livez         200 while the process runs\n"
                "/readyz        200 while it takes calls, else 503 and why not\n"
                "/stats         its numbers, as getStat has them, in JSON\n"
                "/metrics       its numbers for Prometheus\n"
                "/apis          a page of its apis, to look at and try them\n"
                "/apis.json     the same as JSON\n"
                "/openapi.json  the same as OpenAPI: POST /call/NAME of its HTTP listener\n");
}

static void answer_alive(dr_http_exchange *exchange, dr_admin *admin)
{
    (void)admin;
    answer_text(exchange, 200, "ok\n");
}

static void answer_ready(dr_http_exchange *exchange, dr_admin *admin)
{
    char why[DR_STAT_WHY_MAX];
    const bool is_ready = dr_stat_is_ready(admin->backend, why, sizeof(why));
    answer_text(exchange, is_ready ? 200 : 503, why);
}

static void answer_stats(dr_http_exchange *exchange, dr_admin *admin)
{
    dora_slice data;
    dr_buf body = {0};
    dora_writer *writer = dora_writer_new(DR_FRAME_BYTES_MAX_MAX);
    dora_err err = writer != NULL ? DORA_OK : DORA_ENOMEM;
    if (err == DORA_OK) {
        dr_stat_write(admin->backend, NULL, writer);
        err = dora_writer_finish(writer, &data);
    }
    err = err == DORA_OK ? dr_json_print(data, 1, &body, NULL) : err;
    err = err == DORA_OK ? dr_buf_append(&body, "\n", 1) : err;
    answer_buf(exchange, err, "application/json", &body);
    dora_writer_free(writer);
}

static void answer_metrics(dr_http_exchange *exchange, dr_admin *admin)
{
    dr_buf body = {0};
    const dora_err err = dr_metrics_write(admin->backend, &body);
    answer_buf(exchange, err, "text/plain; version=0.0.4; charset=utf-8", &body);
}

static const struct {
    const char *path;
    void (*answer)(dr_http_exchange *exchange, dr_admin *admin);
    bool is_post;
} pages[] = {{"/", answer_index, false},
             {"/livez", answer_alive, false},
             {"/readyz", answer_ready, false},
             {"/stats", answer_stats, false},
             {"/metrics", answer_metrics, false},
             {"/apis", dr_admin_apis_page, false},
             {"/apis.json", dr_admin_apis_list, false},
             {"/openapi.json", dr_admin_openapi, false},
             {"/apis/call", dr_admin_apis_call, true}};

/* refuse_method says which methods a page has. */
static void refuse_method(dr_http_exchange *exchange, bool is_post)
{
    const char *allowed = is_post ? "POST" : "GET, HEAD";
    const dr_http_extra allow[] = {{"Allow", allowed}, {NULL, NULL}};
    const char *text = is_post ? "only POST\n" : "only GET and HEAD\n";
    dr_http_answer(exchange, 405, plain, dr_slice(text), allow);
}

static bool is_method(const char *method, bool is_post)
{
    return is_post ? strcmp(method, "POST") == 0
                   : strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static void on_request(dr_http_exchange *exchange, void *user)
{
    dr_admin *admin = user;
    const dora_slice path = dr_http_path(exchange);
    if (admin->wants_local_host && !dr_http_host_is_own(exchange)) {
        dr_http_refuse(exchange, 403,
                       "the Host of a listener on loopback is localhost, an address, or in "
                       "http.hosts",
                       "Host");
        return;
    }
    if (dr_http_is_foreign(exchange)) {
        dr_http_refuse(exchange, 403,
                       "requests from web pages of other sites are refused, and where the Host "
                       "is no address, not localhost and not in http.hosts",
                       "Origin");
        return;
    }
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        if (path.len != strlen(pages[i].path) || memcmp(path.data, pages[i].path, path.len) != 0) {
            continue;
        }
        if (is_method(dr_http_method(exchange), pages[i].is_post)) {
            pages[i].answer(exchange, admin);
        } else {
            refuse_method(exchange, pages[i].is_post);
        }
        return;
    }
    dr_http_refuse(exchange, 404, "no such page; / lists them", NULL);
}

static void on_gone(dr_http_exchange *exchange, void *user)
{
    (void)user;
    dr_trial_gone(exchange); /* every other request is answered at once */
}

dora_err dr_admin_open(dr_admin *admin, dr_backend *backend, uv_loop_t *loop, dr_seat *seat,
                       int listen_fd, uint16_t port, dora_error *error)
{
    const dr_config *config = backend->config;
    const dr_http_options options = {.hosts = config->http.hosts.items,
                                     .host_count = config->http.hosts.count,
                                     .body_bytes_max = DR_ADMIN_BODY_BYTES,
                                     .connections_max = DR_ADMIN_CONNECTIONS_MAX,
                                     .seat = seat,
                                     .slow_ms = DR_ADMIN_SLOW_MS,
                                     .idle_ms = DR_HTTP_IDLE_MS_DEFAULT};
    const dr_http_events events = {.on_request = on_request, .on_gone = on_gone, .user = admin};
    admin->backend = backend;
    admin->port = port;
    admin->wants_local_host = dr_address_is_loopback(config->admin_host);
    admin->trials =
        (dr_trials){.config = config, .backend = backend, .loop = loop, .address = admin->address};
    dr_recent_init(&admin->recent, &backend->rows, dr_clock_ms());
    const dora_err err = dr_http_init(&admin->http, loop, listen_fd, &options, &events, error);
    if (err == DORA_OK) {
        const bool is_v6 = strchr(config->admin_host, ':') != NULL;
        dr_log_write(backend->log, DR_LOG_NOTICE, "master",
                     "operators are answered at http://%s%s%s:%" PRIu16 "/", is_v6 ? "[" : "",
                     config->admin_host, is_v6 ? "]" : "", admin->port);
    }
    return err;
}

void dr_admin_close(dr_admin *admin)
{
    dr_http_end(&admin->http);
    dr_recent_fini(&admin->recent);
}

/* put_address writes how a listener is reached from this machine: one that is bound to every
 * address, by loopback. */
static void put_address(char *to, const char *scheme, const char *host, uint16_t port)
{
    const bool is_v6 = strchr(host, ':') != NULL;
    if (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0) {
        host = is_v6 ? "::1" : "127.0.0.1";
    }
    (void)snprintf(to, DR_ADDRESS_TEXT_MAX, is_v6 ? "%s[%s]:%" PRIu16 : "%s%s:%" PRIu16, scheme,
                   host, port);
}

void dr_admin_opened(dr_admin *admin, uint16_t tcp_port, const char *http_host, uint16_t http_port)
{
    const dr_config *config = admin->backend != NULL ? admin->backend->config : NULL;
    if (config == NULL) {
        return;
    }
    if (config->tcp_host != NULL) {
        put_address(admin->address, "", config->tcp_host, tcp_port);
    } /* not the Unix socket: its permissions say who may call, and the page is not asked for any */
    if (http_host != NULL) {
        put_address(admin->http_url, "http://", http_host, http_port);
    }
}

void dr_admin_look(dr_admin *admin)
{
    if (admin->backend != NULL) {
        dr_recent_look(&admin->recent, dr_clock_ms());
    }
}
