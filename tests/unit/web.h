/* web.h: an HTTP listener on a loop of the test's own thread, and plain sockets to talk to it.
 */
#ifndef DORA_TEST_WEB_H
#define DORA_TEST_WEB_H

#include "unit_folder.h"

#include <sys/resource.h>

#include "net/http.h"

#define WEB_HELD_MAX 2048
#define WEB_FDS_MAX 4096

#define HOST "Host: 127.0.0.1\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

/* web_server knows these paths: /echo answers with the body at once, /later after a timer, /large
 * with a megabyte that is given away; /hold keeps the exchange in `held`; /form gives the fields a
 * and b; /who says where the request comes from; /query the argument q; /bad refuses; /end ends the
 * listener. */
typedef struct web_server {
    uv_loop_t loop;
    dr_http http;
    uint16_t port;
    dr_http_exchange *held[WEB_HELD_MAX];
    uint32_t held_count;
    uint32_t requests;
    uint32_t gone;
    uint32_t answered_later;
    bool is_running;
    bool has_loop;
    struct rlimit files;  /* as it was before the test */
    int fds[WEB_FDS_MAX]; /* of web_connect, 0: closed */
    pid_t child;          /* of the test */
    unit_folder folder;
} web_server;

/* web_reply is what a connection has read. */
typedef struct web_reply {
    dr_buf bytes; /* NUL-ended */
    bool is_closed;
} web_reply;

void web_start(web_server *web, const dr_http_options *options);
void web_stop(web_server *web);
UNIT_SCENE(web_server, web_stop)

/* web_run runs the loop until `count` is `value`; the test fails after some seconds. */
void web_run(web_server *web, const uint32_t *count, uint32_t value);

/* web_turn runs the loop once, for at most some milliseconds. */
void web_turn(web_server *web);

/* web_close closes what web_connect has opened; web_stop does so for all that is left. */
int web_connect(web_server *web);
void web_close(web_server *web, int fd);
void web_send(int fd, const char *text);
void web_send_bytes(web_server *web, int fd, const char *data, size_t len);

/* web_read reads until the reply ends with or contains `text`, NULL: until the end of stream. */
void web_read(web_server *web, int fd, web_reply *reply, const char *text);
void web_reply_fini(web_reply *reply);

/* web_ask sends `request` on a fresh connection and reads until it contains `text`, else the end.
 * Ownership: gives the reply. */
web_reply web_ask(web_server *web, const char *request, const char *text);

/* web_check is web_ask for those who only want to know that the reply has `text`. */
void web_check(web_server *web, const char *request, const char *text);
void web_assert_has(const web_reply *reply, const char *text);
void web_assert_has_not(const web_reply *reply, const char *text);

#endif
