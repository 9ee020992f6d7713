/* admin_apis.h: what the operators' listener answers about apis: the page, and what it asks for. */
#ifndef DR_SERVER_ADMIN_APIS_H
#define DR_SERVER_ADMIN_APIS_H

#include "server/ops/admin.h"

/* GET /apis: the page. GET /apis.json: the list of getApis, each api with its numbers of the last
 * minutes, and why this client may make no calls (null: it may). GET /openapi.json. POST
 * /apis/call: see trial.h. Thread: the supervisor's. */
void dr_admin_apis_page(dr_http_exchange *exchange, dr_admin *admin);
void dr_admin_apis_list(dr_http_exchange *exchange, dr_admin *admin);
void dr_admin_openapi(dr_http_exchange *exchange, dr_admin *admin);
void dr_admin_apis_call(dr_http_exchange *exchange, dr_admin *admin);

#endif
