/* hint.c: what a person may have meant, where a call has failed: an api with a name like that,
 * another port. */
#include "cli/hint.h"

#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/mem.h"
#include "base/slice.h"
#include "cli/operate.h"
#include "cli/text.h"
#include "server/config/suggest.h"

#define WAIT_MS 1000
#define WAIT_S (WAIT_MS / 1000.0)

/* near_of gives the name of an api that is near; it lives as long as `apis`. */
static const char *near_of(const json_t *apis, const char *name)
{
    const size_t count = json_array_size(apis);
    const char **names = dr_calloc(count + 1, sizeof(*names));
    if (names == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = dr_text_word(json_array_get(apis, i), "name");
    }
    const char *near = dr_suggest(name, names);
    dr_free(names);
    return near;
}

const char *dr_hint_api(const char *address, dora_slice name, char hint[DR_HINT_MAX])
{
    char word[DR_HINT_MAX];
    dr_operator asked = {0};
    dora_error error;
    json_t *apis = NULL;
    hint[0] = '\0';
    (void)snprintf(word, sizeof(word), "%.*s", (int)name.len, name.data);
    if (dr_operator_open(&asked, address, WAIT_S, &error) == DORA_OK &&
        dr_operator_ask(&asked, "getApis", &apis, &error) == DORA_OK) {
        const char *near = near_of(apis, word);
        if (near != NULL) {
            (void)snprintf(hint, DR_HINT_MAX, "; did you mean %s?", near);
        }
    }
    json_decref(apis);
    dr_operator_close(&asked);
    return hint;
}

static bool wait_for(int fd, short events)
{
    struct pollfd one = {.fd = fd, .events = events};
    return poll(&one, 1, WAIT_MS) == 1;
}

/* speaks_http asks for a page, on a socket that may still be connecting. */
static bool speaks_http(int fd)
{
    static const char question[] = "GET / HTTP/1.0\r\n\r\n";
    char answer[5];
    return wait_for(fd, POLLOUT) &&
           send(fd, question, sizeof(question) - 1, MSG_NOSIGNAL) == sizeof(question) - 1 &&
           wait_for(fd, POLLIN) && recv(fd, answer, sizeof(answer), 0) == sizeof(answer) &&
           memcmp(answer, "HTTP/", sizeof(answer)) == 0;
}

/* Whether a server answers commands, or refuses them: another question would be a fault to it. */
static bool speaks_frames(const char *address)
{
    dr_operator asked = {0};
    dora_error error = {.err = DORA_OK};
    json_t *told = NULL;
    dora_err err = dr_operator_open(&asked, address, WAIT_S / 4, &error);
    err = err == DORA_OK ? dr_operator_ask(&asked, "getStat", &told, &error) : err;
    json_decref(told);
    dr_operator_close(&asked);
    return err == DORA_OK || err == DORA_EREPLY;
}

bool dr_hint_http(const dora_error *failed, const char *address)
{
    char port[8];
    dr_address at;
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    if (failed->err != DORA_ETIMEDOUT && failed->err != DORA_ECLOSED) {
        return false; /* libmicrohttpd waits for the end of a line, newer ones close */
    }
    if (dr_address_read(dr_slice(address), &at, NULL) != DORA_OK || dr_address_is_unix(&at) ||
        at.is_tls || speaks_frames(address)) {
        return false;
    }
    (void)snprintf(port, sizeof(port), "%u", at.port);
    if (getaddrinfo(at.host, port, &hints, &found) != 0) {
        return false;
    }
    const int kind = found->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const int fd = socket(found->ai_family, kind, found->ai_protocol);
    bool is_http = false;
    if (fd >= 0) {
        (void)connect(fd, found->ai_addr, found->ai_addrlen);
        is_http = speaks_http(fd);
        (void)close(fd);
    }
    freeaddrinfo(found);
    return is_http;
}
