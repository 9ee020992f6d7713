/* http_refuse.c: errors as JSON. */
#include "net/http_refuse.h"

#include "base/slice.h"
#include "net/http.h"
#include "net/http_exchange.h"
#include "wire/json_write.h"

void dr_http_refuse(dr_http_exchange *exchange, unsigned status, const char *text,
                    const char *field)
{
    static const dr_http_extra later[] = {{"Retry-After", "1"}, {NULL, NULL}};
    const bool is_later = status == 429 || status == 503;
    dr_buf body = {0};
    dr_json_writer writer = dr_json_begin(&body, 0);
    dr_json_error(&writer, status, dr_slice(text), field);
    (void)dr_json_finish(&writer); /* without memory the body is empty, the status stands */
    dr_http_answer_buf(exchange, status, "application/json", &body, is_later ? later : NULL);
    dr_buf_fini(&body);
}
