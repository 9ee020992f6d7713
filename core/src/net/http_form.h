/* http_form.h: the fields of a form. */
#ifndef DR_NET_HTTP_FORM_H
#define DR_NET_HTTP_FORM_H

#include "net/http.h"

/* dr_http_form_read reads a body as application/x-www-form-urlencoded or multipart/form-data and
 * fills the fields asked for; others are passed over, the last of several wins.
 * Errors: DORA_ETYPE for another content type; DORA_EPROTO for a malformed body; DORA_ENOMEM.
 * Ownership: gives each `value`, on failure too; dr_buf_fini frees. */
dora_err dr_http_form_read(const dr_http_exchange *exchange, dr_http_field *fields, size_t count,
                           dora_error *error);

#endif
