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
} dr_redis_url;

/* dr_redis_url_read reads "host", "host:port", "[::1]:port", "unix:/path" or
 * "redis://[[user]:password@]host[:port][/database]", where user and password may have bytes
 * written as %XX. Errors: DORA_EINVAL, naming what is wrong, never the password; "rediss://" is
 * refused with the reason (the hiredis of Debian 12 has no TLS). */
dora_err dr_redis_url_read(dora_slice text, dr_redis_url *url, dora_error *error);

/* dr_redis_url_text writes it for people: "redis://host:port/database", without user and password;
 * "/0" is left out. */
#define DR_REDIS_URL_TEXT_MAX (DR_HOST_BYTES + 48)
const char *dr_redis_url_text(const dr_redis_url *url, char text[DR_REDIS_URL_TEXT_MAX]);

#endif
