/* openapi.h: a server's apis as an OpenAPI 3.1 document: POST /call/NAME of each. */
#ifndef DR_SERVER_OPENAPI_H
#define DR_SERVER_OPENAPI_H

#include "server/call/backend.h"

/* dr_openapi_write appends the document. `http` is where the server takes calls over HTTP, as a
 * URL without a path; NULL where it does not. Errors: DORA_ENOMEM; `out` is then as before.
 * Thread: a lane's, or the supervisor's. */
dora_err dr_openapi_write(dr_backend *backend, const char *http, dr_buf *out);

/* dr_openapi_path appends the path that calls an api, as a URL has it; of a pattern up to its `*`.
 * Errors: DORA_ENOMEM. */
dora_err dr_openapi_path(const dr_routes *routes, dora_slice name, bool is_pattern, dr_buf *out);

#endif
