/* http_inside.h: what the files of the HTTP layer share: a connection and its request. */
#ifndef DR_NET_HTTP_INSIDE_H
#define DR_NET_HTTP_INSIDE_H

#include "net/http.h"

/* dr_http_exchange lives as long as its connection and serves one request after the other. */
struct dr_http_exchange {
    dr_http_exchange *prev;
    dr_http_exchange *next;
    dr_http *http;
    struct MHD_Connection *connection;
    int fd;
    uint64_t place; /* where it comes from */
    dr_place taken;
    dr_crowded crowded; /* its first request is answered so, and it is closed */
    dr_http_stage stage;
    uint64_t since_ms; /* when it came to its stage */
    const char *method;
    const char *path;
    dr_buf body;
    struct dr_http_kept *kept;
    uint64_t number;
    struct MHD_Response *response;
    void *user;
    dr_held held;
    size_t apart;      /* dr_http_hold */
    size_t answered;   /* bytes of the answer, until it has been taken */
    size_t came;       /* of the body, at the last look */
    unsigned status;   /* of the response */
    unsigned refusal;  /* the status with which it is refused before the owner sees it; 0: not */
    const char *fault; /* what is wrong with the request line; NULL: nothing */
    bool is_request;   /* a request has begun */
    bool is_begun;     /* its headers are read */
    bool is_handed;    /* the owner was asked */
    bool has_unread;   /* refused before its body was read */
    bool is_stream;    /* it is answered in pieces: */
    bool is_resting;   /* there is nothing to send: the daemon leaves it alone */
    bool wants_room;   /* on_room is to be called */
    dr_buf out;        /* what is to be sent */
    uint64_t taken_ms; /* when something was taken for the last time */
};

#endif
