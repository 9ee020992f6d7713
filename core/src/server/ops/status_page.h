/* status_page.h: what handlers may know of the server (dora_server_status). */
#ifndef DR_SERVER_STATUS_PAGE_H
#define DR_SERVER_STATUS_PAGE_H

#include "server/call/backend.h"

/* dr_status_page_write tells the workers of all pools what the server is doing. Thread: the
 * supervisor's. */
void dr_status_page_write(dr_backend *backend);

#endif
