/* admin_apis.c: the page of the apis, its list, and OpenAPI. */
#include "server/ops/admin_apis.h"

#include <string.h>

#include "base/clock.h"
#include "net/http_exchange.h"
#include "net/http_refuse.h"
#include "server/ops/apis.h"
#include "server/ops/apis_page.h"
#include "server/ops/openapi.h"
#include "wire/json_value.h"

/* answer_json. Ownership: takes the bytes. */
static void answer_json(dr_http_exchange *exchange, dora_err err, dr_buf *body)
{
    const dr_http_extra fresh[] = {{"Cache-Control", "no-store"}, {NULL, NULL}};
    if (err == DORA_OK) {
        dr_http_answer_buf(exchange, 200, "application/json", body, fresh);
    } else {
        dr_http_refuse(exchange, 500, dora_err_text(err), NULL);
    }
    dr_buf_fini(body);
}

void dr_admin_apis_page(dr_http_exchange *exchange, dr_admin *admin)
{
    (void)admin;
    const dr_http_extra extra[] = {{"Cache-Control", "no-store"},
                                   {"Content-Security-Policy", dr_apis_policy},
                                   {"X-Content-Type-Options", "nosniff"},
                                   {"Referrer-Policy", "no-referrer"},
                                   {NULL, NULL}};
    dr_http_answer(exchange, 200, "text/html; charset=utf-8",
                   (dora_slice){dr_apis_page, sizeof(dr_apis_page) - 1}, extra);
}

void dr_admin_apis_list(dr_http_exchange *exchange, dr_admin *admin)
{
    dora_slice data;
    dr_buf body = {0};
    dora_writer *writer = dora_writer_new(DR_FRAME_BYTES_MAX_MAX);
    dora_err err = writer != NULL ? DORA_OK : DORA_ENOMEM;
    if (err == DORA_OK) {
        const char *refusal = dr_trial_refusal(&admin->trials, exchange);
        dr_apis_write_page(admin->backend, &admin->recent, refusal, writer);
        err = dora_writer_finish(writer, &data);
    }
    err = err == DORA_OK ? dr_json_print(data, 0, &body, NULL) : err;
    answer_json(exchange, err, &body);
    dora_writer_free(writer);
}

void dr_admin_openapi(dr_http_exchange *exchange, dr_admin *admin)
{
    dr_buf body = {0};
    const char *http = admin->http_url[0] != '\0' ? admin->http_url : NULL;
    const dora_err err = dr_openapi_write(admin->backend, http, &body);
    answer_json(exchange, err, &body);
}

void dr_admin_apis_call(dr_http_exchange *exchange, dr_admin *admin)
{
    dr_trial_begin(&admin->trials, exchange);
}
