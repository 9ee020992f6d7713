/* http_refuse.c: errors as JSON. */
#include "net/http_refuse.h"

#include <string.h>

#include "net/http.h"
#include "net/http_exchange.h"
#include "wire/json.h"
#include "wire/json_dump.h"

void dr_http_refuse(dr_http_exchange *exchange, unsigned status, const char *text,
                    const char *field)
{
    dr_buf body = {0};
    json_t *all = json_object();
    json_t *error = json_object();
    /* Each of these passes NULL on, and the dump does too: the body is then empty. */
    (void)json_object_set_new(error, "code", json_integer(status));
    (void)json_object_set_new(error, "msg", dr_json_text((dora_slice){text, strlen(text)}));
    if (field != NULL) {
        (void)json_object_set_new(error, "field", dr_json_text((dora_slice){field, strlen(field)}));
    }
    (void)json_object_set_new(all, "error", error);
    if (all != NULL && dr_json_dump(all, 0, &body) != DORA_OK) {
        dr_buf_clear(&body);
    }
    json_decref(all);
    dr_http_answer_buf(exchange, status, "application/json", &body, NULL);
    dr_buf_fini(&body);
}
