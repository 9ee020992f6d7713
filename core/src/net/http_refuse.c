/* http_refuse.c: errors as JSON. */
#include "net/http.h"
#include "wire/json.h"

/* text_of is a JSON string; what is not UTF-8 becomes `?`, since a client must be able to read why
 * it was refused whatever it has sent. */
static json_t *text_of(const char *text)
{
    json_t *json = json_string(text);
    if (json != NULL) {
        return json;
    }
    char plain[1024];
    size_t len = 0;
    for (; text[len] != '\0' && len < sizeof(plain) - 1; len++) {
        plain[len] = (unsigned char)text[len] < 0x80 ? text[len] : '?';
    }
    plain[len] = '\0';
    return json_string(plain);
}

void dr_http_refuse(dr_http_exchange *exchange, unsigned status, const char *text,
                    const char *field)
{
    dr_buf body = {0};
    json_t *all = json_object();
    json_t *error = json_object();
    /* Each of these passes NULL on, and the dump does too: the body is then empty. */
    (void)json_object_set_new(error, "status", json_integer(status));
    (void)json_object_set_new(error, "message", text_of(text));
    if (field != NULL) {
        (void)json_object_set_new(error, "field", text_of(field));
    }
    (void)json_object_set_new(all, "error", error);
    if (all != NULL && dr_json_dump(all, 0, &body) != DORA_OK) {
        dr_buf_clear(&body);
    }
    json_decref(all);
    dr_http_answer_buf(exchange, status, "application/json", &body, NULL);
    dr_buf_fini(&body);
}
