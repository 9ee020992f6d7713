/* bad_server.h: a server in threads of the test that does as the api's name says, well or badly. */
#ifndef DORA_TEST_BAD_SERVER_H
#define DORA_TEST_BAD_SERVER_H

#include <pthread.h>
#include <stdatomic.h>

#include <dora/wire.h>

#define BAD_SERVER_CONNS_MAX 64

typedef enum bad_server_mode {
    BAD_SERVER_READS = 0,
    BAD_SERVER_DEAF,   /* reads nothing */
    BAD_SERVER_REFUSES /* reads a header, refuses it as too big, reads no more */
} bad_server_mode;

typedef struct bad_server {
    dora_frame_options frame;
    bad_server_mode mode;
    int listen_fd;
    uint16_t port;
    char address[32]; /* "127.0.0.1:port" */
    pthread_mutex_t lock;
    pthread_cond_t stopped;
    bool is_stopped;
    pthread_t thread;
    pthread_t conn_threads[BAD_SERVER_CONNS_MAX];
    atomic_int conns; /* accepted so far */
    atomic_int calls; /* requests read so far */
} bad_server;

/* bad_server_start listens on a free port of 127.0.0.1; frame and mode are set by the caller, all
 * else is zero. The api names it knows: /echo, /timeout, /fail, /died, /silent, /close, /reset,
 * /half, /garbage, /other, /drip, /refuse, /stopping, /stopping_once, /envelope, /leave. */
void bad_server_start(bad_server *server);

/* bad_server_stop ends it. Clients must be gone. */
void bad_server_stop(bad_server *server);

#endif
