/* stream_server.h: a server in threads of the test whose answers come in parts, well or badly. */
#ifndef DORA_TEST_STREAM_SERVER_H
#define DORA_TEST_STREAM_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define STREAM_SERVER_CONNS_MAX 32

typedef struct stream_server {
    int listen_fd;
    char address[64];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    pthread_t conn_threads[STREAM_SERVER_CONNS_MAX];
    int fds[STREAM_SERVER_CONNS_MAX];
    bool is_running;
    /* What it has seen. */
    atomic_int conns;
    atomic_int requests;
    atomic_int takes;   /* frames that gave room back */
    atomic_int taken;   /* parts for which they did */
    atomic_int cancels; /* of calls that it knew */
    atomic_int strays;  /* words of either kind for calls that it did not know */
    atomic_int ends;    /* connections that the client has closed */
    atomic_int window;  /* of the last call; -1: none was sent */
    atomic_int timeout_ms;
    atomic_int attempt;
} stream_server;

/* stream_server_start listens on a free port of 127.0.0.1. The names that it knows:
 *   /parts       as many parts as its parameter says, i:0; i:1; and so on, as far as there is room,
 *                then that number as the result
 *   /endless     the same without an end
 *   /progress    how far it is, a part, how far it is, the end
 *   /fail        a part, then the error 7
 *   /alone       no part
 *   /quiet       a part, then nothing
 *   /silent      nothing
 *   /break       a part, then it closes
 *   /close       closes at once, the first time
 *   /odd         part 0, then part 2
 *   /after       a part behind its result
 *   /stranger    much under a guid that is nobody's
 *   /busy        has no room for it
 *   /full        has no room for the connection, if it is new
 *   /old         knows no streams
 * What is cancelled is answered with 100211, but for /quiet and /silent. Any call that is none of a
 * stream is answered with i:1;. */
void stream_server_start(stream_server *server);
void stream_server_stop(stream_server *server);

/* stream_server_wait waits until one of its counts is as much as `count`. */
void stream_server_wait(stream_server *server, const atomic_int *counted, int count);

#endif
