/* redis_url.h: which Redis is meant, and what it wants to hear first. Pure. */
#ifndef DR_DISCOVERY_REDIS_URL_H
#define DR_DISCOVERY_REDIS_URL_H

#include "base/address.h"

#define DR_REDIS_PORT_DEFAULT 6379u
#define DR_REDIS_SECRET_BYTES 512 /* user or password, with the NUL */

typedef struct dr_redis_url {
    dr_address address;                   /* host and port; with port 0 the path of a socket */
    char user[DR_REDIS_SECRET_BYTES];     /* "": the default user */
    char password[DR_REDIS_SECRET_BYTES]; /* "": no AUTH is sent */
    uint32_t database;
    bool is_tls; /* "rediss://": its certificate is to name the host */
} dr_redis_url;

/* dr_redis_url_is_meant says whether a text begins as one: "redis://" or "rediss://". */
bool dr_redis_url_is_meant(dora_slice text);

/* dr_redis_url_read reads "host", "host:port", "[::1]:port", "unix:/path",
 * "redis://[[user]:password@]host[:port][/database]" or, for TLS, the same with "rediss://", where
 * user and password may have bytes written as %XX. Errors: DORA_EINVAL, naming what is wrong,
 * never the password. */
dora_err dr_redis_url_read(dora_slice text, dr_redis_url *url, dora_error *error);

/* dr_redis_url_text writes it for people: "redis://host:port/database", or "rediss://...", without
 * user and password; "/0" is left out. */
#define DR_REDIS_URL_TEXT_MAX (DR_HOST_BYTES + 48)
const char *dr_redis_url_text(const dr_redis_url *url, char text[DR_REDIS_URL_TEXT_MAX]);

#endif
