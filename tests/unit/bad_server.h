/* bad_server.h: a server in threads of the test that does as the api's name says, well or badly. */
#ifndef DORA_TEST_BAD_SERVER_H
#define DORA_TEST_BAD_SERVER_H

#include <pthread.h>
#include <stdatomic.h>

#include <dora/wire.h>

#define BAD_SERVER_CONNS_MAX 256
#define BAD_SERVER_SEEN_MAX 512

typedef enum bad_server_mode {
    BAD_SERVER_READS = 0,
    BAD_SERVER_DEAF,    /* reads nothing */
    BAD_SERVER_REFUSES, /* reads a header, refuses it as too big, reads no more */
    BAD_SERVER_SHUTS,   /* closes what it accepts */
    BAD_SERVER_HANGS_UP /* reads a header, closes */
} bad_server_mode;

/* One request as it arrived. */
typedef struct bad_server_request {
    char guid[33];
    int64_t attempt; /* -1: none */
    int64_t timeout_ms;
    int conn; /* the connection's number, from 1 */
} bad_server_request;

/* A frame that is sent when the test says so. */
typedef struct bad_server_held {
    int conn;
    int fd;
    char *bytes;
    size_t len;
} bad_server_held;

typedef struct bad_server {
    dora_frame_options frame;
    atomic_int mode;       /* bad_server_mode, of connections that are accepted from now on */
    atomic_bool is_busy;   /* answers 100203 */
    const char *unix_path; /* listens there instead */
    int listen_fd;
    uint16_t port;
    char address[128]; /* "127.0.0.1:port" or "unix:path" */
    pthread_mutex_t lock;
    pthread_cond_t stopped;
    pthread_cond_t changed;
    bool is_running;
    bool is_stopped;
    pthread_t thread;
    pthread_t conn_threads[BAD_SERVER_CONNS_MAX];
    atomic_int conns;   /* accepted so far */
    atomic_int calls;   /* requests read so far */
    atomic_int cancels; /* CN, which it leaves alone, as it does TK */
    bad_server_request seen[BAD_SERVER_SEEN_MAX];
    atomic_int seen_count;
    bad_server_held held[BAD_SERVER_SEEN_MAX];
    int held_count;
    struct bad_server *next; /* of those that bad_server_add made */
} bad_server;

/* bad_server_start listens on `port` of 127.0.0.1, its own where it is 0; frame, mode, port and
 * unix_path are set by the caller, all else is zero. The api names it knows:
 * /echo, /timeout, /fail, /died, /silent, /close, /reset, /half, /garbage, /other, /stranger,
 * /drip, /refuse, /stopping, /stopping_once, /close_once, /silent_once, /envelope, /leave;
 * /late: its reply, or its later result, is held until bad_server_release or the next /flush;
 * /deaf: as /echo, and nothing more is read; /never: accepted without a result; /lose: accepted,
 * then closed; /zero: accepted with code 0.
 * Results of AM_* come in one piece with the acceptance, unless held. */
void bad_server_start(bad_server *server);

/* bad_server_release sends what is held, the newest first, on connections up to number `conn_max`
 * (0: on all), and closes the others' connections. bad_server_wait waits until `count` frames are
 * held; bad_server_wait_seen until so many requests have been read. */
void bad_server_release(bad_server *server, int conn_max);
void bad_server_wait(bad_server *server, int count);
void bad_server_wait_seen(bad_server *server, int count);

/* bad_server_stop ends one that runs. Clients must be gone. */
void bad_server_stop(bad_server *server);

/* bad_server_add starts one more of a list, set as `settings` (NULL: all zero) are;
 * bad_server_stop_all ends and frees them. */
bad_server *bad_server_add(bad_server **list, const bad_server *settings);
void bad_server_stop_all(bad_server **list);

/* bad_server_gone is the address of a server that has ended. */
void bad_server_gone(char address[128]);

#endif
