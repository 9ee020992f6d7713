/* client.c: the soak's client in C: client NODES MARK, until its standard input ends. Prints a line
 * for each call: who asks, its type, from when to when in ns of CLOCK_MONOTONIC, the handlers, and
 * their codes, 0 where it went well. */
#include <dora/dora.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MS 60000u
#define PAUSE_MS 20
#define PARAM_BYTES 256
#define WHO_BYTES 128

static const char *const names[] = {"/python/echo", "/php/echo", "/c/echo", "/python/slow"};
#define NAMES (sizeof(names) / sizeof(names[0]))
static const char *const streams[] = {"/python/parts", "/php/parts", "/c/parts"};
#define STREAMS (sizeof(streams) / sizeof(streams[0]))
#define PARTS 20
#define LEAVES_AFTER 5
#define KINDS 6
#define WRONG (-3) /* what came is not what was sent */

static unsigned long long now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (unsigned long long)t.tv_sec * 1000000000u + (unsigned long long)t.tv_nsec;
}

static dora_slice slice(const char *text)
{
    return (dora_slice){text, strlen(text)};
}

/* made is one call with its parameter: who asks, and some text. */
static dora_call made(char *param, const char *who, const char *name)
{
    snprintf(param, PARAM_BYTES, "a:2:{s:1:\"n\";s:%zu:\"%s\";s:4:\"fill\";s:3:\"abc\";}",
             strlen(who), who);
    return (dora_call){.key = slice(name), .name = slice(name), .param = slice(param)};
}

/* say prints the line of a call; `codes` are of its apis, or all that of the whole request. */
static void say(const char *who, const char *kind, unsigned long long began_ns,
                const dora_call *calls, size_t count, const int64_t *codes)
{
    printf("%s %s %llu %llu ", who, kind, began_ns, now_ns());
    for (size_t i = 0; i < count; i++) {
        printf("%s%s", i > 0 ? "," : "", calls[i].name.data);
    }
    for (size_t i = 0; i < count; i++) {
        printf("%c%lld", i > 0 ? ',' : ' ', (long long)codes[i]);
    }
    printf("\n");
    fflush(stdout);
}

/* read_codes takes what came; of an api that nobody sent a result for there is an error. */
static void read_codes(dora_err err, const dora_error *error, const dora_answer *answer,
                       size_t count, int64_t *codes)
{
    for (size_t i = 0; i < count; i++) {
        const dora_result *result = err == DORA_OK ? dora_answer_result(answer, i) : NULL;
        codes[i] = result != NULL ? result->code : err;
        if (err != DORA_OK) {
            (void)dora_error_kind(error, &codes[i]);
        }
    }
}

/* read_parts takes words up to the result, or leaves in the middle; each has to be there once.
 * Returns: the code. */
static int64_t read_parts(dora_stream *stream, bool leaves)
{
    dora_stream_event event;
    dora_error error = {0};
    int64_t code = 0;
    int64_t seen = 0;
    for (;;) {
        const dora_err err = dora_stream_next(stream, &event, &error);
        if (err != DORA_OK) {
            code = err;
            (void)dora_error_kind(&error, &code);
            return code;
        }
        if (event.what == DORA_STREAM_RESULT) {
            return event.code != 0 || seen == PARTS ? event.code : WRONG;
        }
        if (event.what != DORA_STREAM_PART || event.part != seen++) {
            return WRONG;
        }
        if (leaves && seen == LEAVES_AFTER) {
            return 0; /* dora_stream_free cancels */
        }
    }
}

/* one_stream asks for one, and leaves every third one in the middle. */
static void one_stream(dora_client *client, const char *who, unsigned number)
{
    char param[PARAM_BYTES];
    int64_t code = 0;
    dora_stream *stream = NULL;
    dora_error error = {0};
    const bool leaves = number / STREAMS % 3 == 0;
    const dora_call call = made(param, who, streams[number % STREAMS]);
    const dora_call_options options = {.size = sizeof(options), .timeout_ms = TIMEOUT_MS};
    const unsigned long long began_ns = now_ns();
    if (dora_client_stream(client, &call, &options, &stream, &error) == DORA_OK) {
        code = read_parts(stream, leaves);
    } else {
        (void)dora_error_kind(&error, &code);
    }
    dora_stream_free(stream);
    say(who, leaves ? "CN" : "ST_S", began_ns, &call, 1, &code);
}

/* one makes the call of this number, each type in its turn. */
static void one(dora_client *client, dora_answer *answer, const char *mark, unsigned number)
{
    char params[NAMES][PARAM_BYTES];
    dora_call calls[NAMES];
    int64_t codes[NAMES] = {0};
    char who[WHO_BYTES];
    dora_error error = {0};
    const unsigned kind = number % KINDS;
    const unsigned long long began_ns = now_ns();
    snprintf(who, sizeof(who), "%s-%u", mark, number);
    for (size_t i = 0; i < NAMES; i++) {
        calls[i] = made(params[i], who, names[i]);
    }
    const dora_call *single = &calls[number / KINDS % NAMES];
    if (kind == 0) {
        const dora_err err = dora_client_call_many(client, calls, NAMES, NULL, answer, &error);
        read_codes(err, &error, answer, NAMES, codes);
        say(who, "W_M", began_ns, calls, NAMES, codes);
    } else if (kind == 1) {
        if (dora_client_send(client, single, NULL, answer, &error) != DORA_OK) {
            (void)dora_error_kind(&error, &codes[0]);
        }
        say(who, "AN_S", began_ns, single, 1, codes);
    } else if (kind == 2) {
        one_stream(client, who, number / KINDS);
    } else {
        const dora_err err = dora_client_call(client, single, NULL, answer, &error);
        read_codes(err, &error, answer, 1, codes);
        say(who, "W_S", began_ns, single, 1, codes);
    }
}

int main(int argc, char **argv)
{
    dora_error error;
    dora_client *client = NULL;
    dora_answer *answer = dora_answer_new();
    if (argc != 3 || answer == NULL) {
        fprintf(stderr, "usage: client NODES MARK\n");
        return 2;
    }
    const dora_client_options options = {
        .size = sizeof(options), .nodes = argv[1], .timeout_ms = TIMEOUT_MS};
    if (dora_client_new(&client, &options, &error) != DORA_OK) {
        fprintf(stderr, "client: %s\n", error.msg);
        return 1;
    }
    struct pollfd end = {.fd = STDIN_FILENO, .events = POLLIN};
    for (unsigned number = 0; poll(&end, 1, PAUSE_MS) == 0; number++) {
        one(client, answer, argv[2], number);
    }
    dora_client_free(client);
    dora_answer_free(answer);
    return 0;
}
