/* call.c: what a blocking call costs its caller: the client library, or a bare send and recv.
 *
 *     bench_call HOST:PORT bare|client SECONDS
 *
 * Prints one line of JSON: calls, and this process's CPU microseconds for each.
 */
#include <dora/client.h>

#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

#include "measured.h"

#define WARM_UP_CALLS 500
#define PARAM "a:2:{s:2:\"id\";i:7;s:4:\"name\";s:3:\"Ann\";}"
#define BODY                                                                                       \
    "a:3:{s:3:\"api\";a:1:{s:3:\"one\";a:2:{s:4:\"name\";s:10:\"/bench/get\";s:5:\"param\";" PARAM \
    "}}s:4:\"guid\";s:32:\"%s\";s:4:\"type\";s:3:\"W_S\";}"

typedef bool (*call_fn)(void *user);

/* bare is a connection and a request of which only the guid changes. */
typedef struct bare {
    int fd;
    uint64_t serial;
    size_t len;
    char *body_guid;
    char frame[512];
} bare;

static bool bare_open(bare *made, const char *text)
{
    struct sockaddr_in address;
    char guid[33];
    int on = 1;
    if (!address_read(text, &address)) {
        return false;
    }
    snprintf(guid, sizeof(guid), "%032d", 0);
    int len = snprintf(made->frame + 36, sizeof(made->frame) - 36, BODY, guid);
    uint32_t word = htonl(32 + (uint32_t)len);
    memcpy(made->frame, &word, 4);
    made->len = 36 + (size_t)len;
    made->body_guid = strstr(made->frame + 36, guid);
    made->serial = now_ns();
    made->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connect(made->fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
           setsockopt(made->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0;
}

static bool bare_call(void *user)
{
    static const char digits[] = "0123456789abcdef";
    bare *b = user;
    char reply[1024];
    size_t len = 0;
    uint64_t serial = b->serial++;
    for (int i = 0; i < 16; i++) {
        b->frame[4 + i] = digits[serial >> (4 * i) & 15u];
    }
    memset(b->frame + 20, '0', 16);
    memcpy(b->body_guid, b->frame + 4, 32);
    if (send(b->fd, b->frame, b->len, MSG_NOSIGNAL) != (ssize_t)b->len) {
        return false;
    }
    for (uint32_t whole = 0; whole == 0 || len < whole;) {
        ssize_t got = recv(b->fd, reply + len, sizeof(reply) - len, 0);
        if (got <= 0) {
            return false;
        }
        len += (size_t)got;
        if (whole == 0 && len >= 4) {
            memcpy(&whole, reply, 4);
            whole = 4 + ntohl(whole);
        }
    }
    return true;
}

typedef struct library {
    dora_client *client;
    dora_answer *answer;
} library;

static bool library_call(void *user)
{
    library *with = user;
    dora_call call = {.name = {"/bench/get", 10}, .param = {PARAM, sizeof(PARAM) - 1}};
    return dora_client_call(with->client, &call, NULL, with->answer, NULL) == DORA_OK &&
           dora_answer_result(with->answer, 0)->code == 0;
}

static int measure(call_fn call, void *user, double seconds)
{
    uint64_t count = 0;
    for (int i = 0; i < WARM_UP_CALLS; i++) {
        if (!call(user)) {
            return 1;
        }
    }
    double before = cpu_us();
    uint64_t begin_ns = now_ns();
    uint64_t end_ns = begin_ns + (uint64_t)(seconds * 1e9);
    uint64_t now = begin_ns;
    for (; now < end_ns; count++) {
        if (!call(user)) {
            return 1;
        }
        now = now_ns();
    }
    printf("{\"requests\": %llu, \"per_second\": %.1f, \"client_cpu_us\": %.3f}\n",
           (unsigned long long)count, (double)count * 1e9 / (double)(now - begin_ns),
           (cpu_us() - before) / (double)count);
    return 0;
}

int main(int argc, char **argv)
{
    double seconds = argc > 3 ? strtod(argv[3], NULL) : 0;
    if (seconds <= 0) {
        fprintf(stderr, "usage: bench_call HOST:PORT bare|client SECONDS\n");
        return 2;
    }
    if (strcmp(argv[2], "bare") == 0) {
        bare made = {0};
        if (!bare_open(&made, argv[1])) {
            fprintf(stderr, "bench_call: cannot connect to %s\n", argv[1]);
            return 1;
        }
        return measure(bare_call, &made, seconds);
    }
    dora_client_options options = {.size = sizeof options, .nodes = argv[1]};
    library with = {.answer = dora_answer_new()};
    dora_error error = {0};
    if (dora_client_new(&with.client, &options, &error) != DORA_OK) {
        fprintf(stderr, "bench_call: %s\n", error.msg);
        return 1;
    }
    int status = measure(library_call, &with, seconds);
    dora_answer_free(with.answer);
    dora_client_free(with.client);
    return status;
}
