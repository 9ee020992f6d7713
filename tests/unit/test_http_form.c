/* test_http_form.c: forms, and what curl sends. */
#include "unit.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "torture.h"
#include "web.h"

#define URLENCODED "application/x-www-form-urlencoded"
#define PATIENCE_MS 60000u

extern char **environ;

/* Posts `body` to /form and reads until `answer`. */
static void check_form(web_server *web, const char *type, const char *body, const char *answer)
{
    char request[4096];
    (void)snprintf(request, sizeof(request),
                   "POST /form HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   type, strlen(body), body);
    web_reply reply = web_ask(web, request, answer);
    web_reply_fini(&reply);
}

static void urlencoded_forms_are_read(void **state)
{
    web_server *web = *state;
    web_start(web, &(dr_http_options){.body_bytes_max = 4u << 20});
    static const struct {
        const char *body;
        const char *answer;
    } cases[] = {
        {"a=1&b=2", "\r\n\r\na=1;b=2;"},
        {"b=2", "\r\n\r\na?;b=2;"},
        {"", "\r\n\r\na?;b?;"},
        {"a&b=", "\r\n\r\na=;b=;"},
        {"&&a=1&", "\r\n\r\na=1;b?;"},
        {"=x&aa=1&A=2&a=3", "\r\n\r\na=3;b?;"},
        {"a=1&a=2", "\r\n\r\na=2;b?;"},
        {"%61=x+y%2B%26%3d%c3%A9", "\r\n\r\na=x y+&=\xc3\xa9;b?;"},
        {"a=%&b=%4", "\r\n\r\na=%;b=%4;"},
        {"a=%zz%4g%", "\r\n\r\na=%zz%4g%;"},
        {"a={\"x\": \"1=2\",\n\"y\": []}", "\r\n\r\na={\"x\": \"1=2\",\n\"y\": []};"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_form(web, URLENCODED, cases[i].body, cases[i].answer);
        check_form(web, "Application/X-www-form-urlencoded; charset=UTF-8", cases[i].body,
                   cases[i].answer);
    }
    check_form(web, "application/json", "a=1", "HTTP/1.1 415");
    check_form(web, URLENCODED "ish", "a=1", "Content-Type must be application/x-www-form");
}

#define PART(name, value) "--xyz\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" value

static void multipart_forms_are_read(void **state)
{
    web_server *web = *state;
    web_start(web, &(dr_http_options){.body_bytes_max = 4u << 20});
    static const char type[] = "multipart/form-data; boundary=xyz";
    check_form(web, type, PART("a", "1\r\n") PART("b", "x=y&z+%41\r\n2\r\n") "--xyz--\r\n",
               "\r\n\r\na=1;b=x=y&z+%41\r\n2;");
    check_form(web, "multipart/form-data; boundary=\"xyz\"", PART("b", "2\r\n") "--xyz--\r\n",
               "\r\n\r\na?;b=2;");
    check_form(web, type, PART("a", "1\r\n") PART("a", "2\r\n") "--xyz--\r\n", "a=2;b?;");
    check_form(web, type, PART("a", "\r\n") "--xyz--\r\n", "HTTP/1.1 200");
    check_form(web, type, PART("a", "cut"), "HTTP/1.1 400");
    check_form(web, "multipart/form-data", "--xyz--\r\n", "usable boundary");
    check_form(web, "multipart/form-data; boundary=", "--xyz--\r\n", "usable boundary");
}

/* Starts curl with these arguments (the last NULL; one that begins with / is a path of the
 * listener), runs the loop until it ends and gives what it wrote. */
static web_reply curl(web_server *web, const char *const *arguments)
{
    char *argv[32] = {"curl", "-sS", "--max-time", "10", "--noproxy", "*"};
    char url[64];
    size_t count = 6;
    for (; *arguments != NULL; arguments++) {
        const bool is_url = (*arguments)[0] == '/';
        if (is_url) {
            (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", web->port, *arguments);
        }
        argv[count++] = is_url ? url : (char *)(uintptr_t)*arguments;
    }
    int ends[2];
    posix_spawn_file_actions_t actions;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        fail();
    }
    web->fds[ends[0]] = ends[0];
    web->fds[ends[1]] = ends[1];
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    assert_int_equal(posix_spawnp(&web->child, "curl", &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    web_close(web, ends[1]);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    const uint64_t until_ms = dr_clock_ms() + PATIENCE_MS;
    web_reply reply = {0};
    char piece[65536];
    ssize_t got;
    while ((got = read(ends[0], piece, sizeof(piece))) != 0) {
        assert_true(dr_clock_ms() < until_ms);
        if (got < 0) {
            web_turn(web);
            continue;
        }
        assert_int_equal(dr_buf_append(&reply.bytes, piece, (size_t)got), DORA_OK);
    }
    assert_int_equal(dr_buf_append(&reply.bytes, "", 1), DORA_OK);
    web_close(web, ends[0]);
    (void)unit_wait(web->child);
    web->child = 0;
    return reply;
}

#define CURL(web, text, ...)                                                                       \
    do {                                                                                           \
        web_reply reply_ = curl((web), (const char *const[]){__VA_ARGS__, NULL});                  \
        if (strstr(reply_.bytes.data, (text)) == NULL) {                                           \
            fail_msg("no \"%s\" in \"%.400s\"", (text), reply_.bytes.data);                        \
        }                                                                                          \
        web_reply_fini(&reply_);                                                                   \
    } while (0)

static void curl_is_understood(void **state)
{
    web_server *web = *state;
    web_start(web, &(dr_http_options){.body_bytes_max = 4u << 20});
    CURL(web, "a=x y=1;b=2;", "/form", "--data-urlencode", "a=x y=1", "-d", "b=2");
    CURL(web, "a=1+1;b=1\n2;", "/form", "-F", "a=1+1", "-F", "b=1\n2");
    CURL(web, "Content-Length: 1048576", "/large", "-I");
    CURL(web, "later", "/later", "-0");
    CURL(web, "404 Not Found\r\n", "/call/user%2fget", "-i");
    CURL(web, "/call/user/get", "/call/user%2fget");
    CURL(web, "hello", "/echo", "-d", "hello", "-H", "Transfer-Encoding: chunked");
    CURL(web, "< HTTP/1.1 100 Continue", "/echo", "-v", "-d", "hello", "-H",
         "Expect: 100-continue");
}

/* A file of `len` bytes for curl; returns its name with an @ in front. */
static const char *make_file(web_server *web, char name[80], size_t len)
{
    static unsigned number;
    snprintf(name, 80, "@%s/%u", web->folder.path, number++);
    FILE *file = fopen(name + 1, "we");
    assert_non_null(file);
    for (size_t i = 0; i < len; i++) {
        (void)putc((int)('a' + i * 7 % 26), file);
    }
    assert_int_equal(fclose(file), 0);
    return name;
}

static void curl_large(void **state)
{
    web_server *web = *state;
    web_start(web, &(dr_http_options){.body_bytes_max = 4u << 20});
    char whole[80];
    char over[80];
    char form[96];
    unit_folder_make(&web->folder);
    make_file(web, whole, 4u << 20);
    make_file(web, over, 16u << 20);
    (void)snprintf(form, sizeof(form), "b=<%s", whole + 1);
    CURL(web, " 413 ", "/echo", "-i", "--data-binary", over);
    CURL(web, " 413 ", "/echo", "-i", "-H", "Expect:", "--data-binary", over);
    CURL(web, " 413 ", "/form", "-i", "-F", form);
    (void)truncate(whole + 1, 3u << 20);
    CURL(web, "a?;b=ahov", "/form", "-F", form);
    for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
        web_reply reply = curl(
            web,
            (const char *const[]){"/echo", "--data-binary", whole, "-H",
                                  is_chunked ? "Transfer-Encoding: chunked" : "Expect:", NULL});
        assert_int_equal(reply.bytes.len, (3u << 20) + 1);
        for (size_t i = 0; i < 3u << 20; i++) {
            if (reply.bytes.data[i] != (char)('a' + i * 7 % 26)) {
                fail_msg("another byte at %zu", i);
            }
        }
        web_reply_fini(&reply);
    }
}

/* Whatever allocation of ours fails, the listener lives on: the connection ends, or an error is
 * answered. */
static void out_of_memory(void **state)
{
    static const char request[] = "POST /form HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                                  "Content-Type: " URLENCODED "\r\nContent-Length: 7\r\n\r\n"
                                  "a=1&b=2";
    web_server *web = *state;
    web_start(web, &(dr_http_options){.body_bytes_max = 4u << 20});
    bool has_failed = true;
    for (size_t nth = 1; has_failed; nth++) {
        /* The reply's buffer is ours too: it is read once the listener is through. */
        const int fd = web_connect(web);
        web_reply reply = {0};
        web_send(fd, request);
        torture_arm(nth);
        const uint64_t accepted = web->http.accepted;
        while (web->http.accepted == accepted || web->http.connections > 0) {
            web_turn(web);
        }
        has_failed = torture_has_failed();
        torture_arm(0);
        if (!has_failed) {
            web_read(web, fd, &reply, "a=1;b=2;");
            web_reply_fini(&reply);
        }
        web_close(web, fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(web_server, urlencoded_forms_are_read),
        unit_in(web_server, multipart_forms_are_read),
        unit_in(web_server, curl_is_understood),
        unit_in(web_server, curl_large),
        unit_in(web_server, out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
