/* collector.c: one request of OTLP over HTTP, by libcurl. */
#include "server/spans/collector.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <dora/dora.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"

/* Of libcurl's interface what is used here. Its numbers are the same in every libcurl.so.4, that
 * is since 2006; an option that an older one does not know is refused by it and left out. */
enum {
    CURL_GLOBAL_DEFAULT = 3,
    CURLOPT_NOPROGRESS = 43,
    CURLOPT_POSTFIELDSIZE = 60,
    CURLOPT_NOSIGNAL = 99,
    CURLOPT_TIMEOUT_MS = 155,
    CURLOPT_CONNECTTIMEOUT_MS = 156,
    CURLOPT_PROTOCOLS = 181,
    CURLOPT_QUICK_EXIT = 322,
    CURLOPT_WRITEDATA = 10001,
    CURLOPT_URL = 10002,
    CURLOPT_ERRORBUFFER = 10010,
    CURLOPT_POSTFIELDS = 10015,
    CURLOPT_USERAGENT = 10018,
    CURLOPT_HTTPHEADER = 10023,
    CURLOPT_XFERINFODATA = 10057,
    CURLOPT_WRITEFUNCTION = 20011,
    CURLOPT_OPENSOCKETFUNCTION = 20163,
    CURLOPT_XFERINFOFUNCTION = 20219,
    CURLINFO_RESPONSE_CODE = 0x200002
};
#define CURLPROTO_HTTP 1L
#define CURLPROTO_HTTPS 2L
#define CURL_ERROR_SIZE 256

typedef struct curl_slist curl_slist;

typedef struct curl_sockaddr {
    int family;
    int socktype;
    int protocol;
    unsigned int addrlen;
    struct sockaddr addr;
} curl_sockaddr;

/* library is libcurl, once it is there. */
typedef struct library {
    int (*global_init)(long flags);
    void *(*easy_init)(void);
    int (*easy_setopt)(void *easy, int option, ...);
    int (*easy_getinfo)(void *easy, int info, ...);
    int (*easy_perform)(void *easy);
    void (*easy_cleanup)(void *easy);
    const char *(*easy_strerror)(int code);
    curl_slist *(*slist_append)(curl_slist *list, const char *text);
    void (*slist_free_all)(curl_slist *list);
} library;

struct dr_collector {
    library curl;
    void *easy;
    curl_slist *headers;
    char *url;
    bool (*is_over)(void *user); /* these are of the request under way */
    void *user;
    size_t answer_len;
    char answer[DR_SPANS_ANSWER_BYTES]; /* its beginning */
    char failure[CURL_ERROR_SIZE];
};

/* find puts a function into its place. Casting one by memcpy is what POSIX has dlsym() for. */
static bool find(void *file, const char *name, void *place)
{
    void *found = dlsym(file, name);
    memcpy(place, &found, sizeof(found));
    return found != NULL;
}

/* load looks for libcurl, by the names that systems have for it. It stays loaded: others in the
 * process may have it, too, and none of them could unload what it has begun. */
static dora_err load(library *self, dora_error *error)
{
    static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
    void *file = NULL;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && file == NULL; i++) {
        file = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    }
    if (file == NULL) {
        return dora_error_set(error, DORA_ELOAD,
                              "needs libcurl, which is not there: install it (apt install "
                              "libcurl4, dnf install libcurl)");
    }
    const bool is_whole = find(file, "curl_global_init", &self->global_init) &&
                          find(file, "curl_easy_init", &self->easy_init) &&
                          find(file, "curl_easy_setopt", &self->easy_setopt) &&
                          find(file, "curl_easy_getinfo", &self->easy_getinfo) &&
                          find(file, "curl_easy_perform", &self->easy_perform) &&
                          find(file, "curl_easy_cleanup", &self->easy_cleanup) &&
                          find(file, "curl_easy_strerror", &self->easy_strerror) &&
                          find(file, "curl_slist_append", &self->slist_append) &&
                          find(file, "curl_slist_free_all", &self->slist_free_all);
    if (!is_whole || self->global_init(CURL_GLOBAL_DEFAULT) != 0) {
        return dora_error_set(error, DORA_ELOAD, "libcurl is there and cannot be used");
    }
    return DORA_OK;
}

dora_err dr_collector_is_possible(dora_error *error)
{
    library found;
    return load(&found, error);
}

static size_t on_answer(char *data, size_t size, size_t count, void *user)
{
    dr_collector *self = user;
    const size_t len = size * count;
    const size_t room = sizeof(self->answer) - self->answer_len;
    const size_t taken = len < room ? len : room;
    memcpy(self->answer + self->answer_len, data, taken);
    self->answer_len += taken;
    return len;
}

/* open_socket: processes that the master starts do not inherit the connection. libcurl sees to that
 * by itself only since 8.17. */
static int open_socket(void *user, int purpose, const curl_sockaddr *to)
{
    (void)user, (void)purpose;
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static int on_progress(void *user, int64_t to_come, int64_t came, int64_t to_go, int64_t went)
{
    const dr_collector *self = user;
    (void)to_come, (void)came, (void)to_go, (void)went;
    return self->is_over(self->user) ? 1 : 0;
}

static dora_err add_header(dr_collector *self, const char *line)
{
    curl_slist *longer = self->curl.slist_append(self->headers, line);
    self->headers = longer != NULL ? longer : self->headers;
    return longer != NULL ? DORA_OK : DORA_ENOMEM;
}

/* settle sets what is the same for all requests. */
static dora_err settle(dr_collector *self)
{
    const library *curl = &self->curl;
    void *easy = self->easy;
    (void)curl->easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a stop does not wait for names */
    const bool is_set =
        curl->easy_setopt(easy, CURLOPT_URL, self->url) == 0 &&
        curl->easy_setopt(easy, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS) == 0 &&
        curl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == 0 &&
        curl->easy_setopt(easy, CURLOPT_USERAGENT, "dora/" DORA_VERSION) == 0 &&
        curl->easy_setopt(easy, CURLOPT_HTTPHEADER, self->headers) == 0 &&
        curl->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)DR_SPANS_POST_MS) == 0 &&
        curl->easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)DR_SPANS_POST_MS) == 0 &&
        curl->easy_setopt(easy, CURLOPT_ERRORBUFFER, self->failure) == 0 &&
        curl->easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == 0 &&
        curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer) == 0 &&
        curl->easy_setopt(easy, CURLOPT_WRITEDATA, self) == 0 &&
        curl->easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress) == 0 &&
        curl->easy_setopt(easy, CURLOPT_XFERINFODATA, self) == 0 &&
        curl->easy_setopt(easy, CURLOPT_NOPROGRESS, 0L) == 0;
    return is_set ? DORA_OK : DORA_ELOAD;
}

dora_err dr_collector_new(dr_collector **collector, const char *url, const char *const *headers,
                          size_t header_count, dora_error *error)
{
    dr_collector *self = dr_calloc(1, sizeof(*self));
    if (self == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "out of memory");
    }
    dora_err err = load(&self->curl, error);
    if (err != DORA_OK) {
        dr_free(self);
        return err;
    }
    self->easy = self->curl.easy_init();
    self->url = dr_text_copy(url);
    err = self->easy != NULL && self->url != NULL ? DORA_OK : DORA_ENOMEM;
    if (err == DORA_OK) {
        err = add_header(self, "Content-Type: application/json");
        err = err == DORA_OK ? add_header(self, "Expect:") : err; /* it would wait for an answer */
    }
    for (size_t i = 0; i < header_count && err == DORA_OK; i++) {
        err = add_header(self, headers[i]);
    }
    err = err == DORA_OK ? settle(self) : err;
    if (err != DORA_OK) {
        dr_collector_free(self);
        return dora_error_set(error, err, "libcurl: %s", dora_err_text(err));
    }
    *collector = self;
    return DORA_OK;
}

void dr_collector_free(dr_collector *collector)
{
    if (collector == NULL) {
        return;
    }
    if (collector->easy != NULL) {
        collector->curl.easy_cleanup(collector->easy);
    }
    collector->curl.slist_free_all(collector->headers);
    dr_free(collector->url);
    dr_free(collector);
}

const char *dr_collector_url(const dr_collector *collector)
{
    return collector->url;
}

/* result_of reads a status as OTLP has it: of what is refused these alone may be sent again. */
static dr_post_result result_of(long status)
{
    if (status >= 200 && status < 300) {
        return DR_POST_TAKEN;
    }
    return status == 429 || status == 502 || status == 503 || status == 504 ? DR_POST_LATER
                                                                            : DR_POST_REFUSED;
}

dr_post_result dr_collector_post(dr_collector *collector, dora_slice body,
                                 bool (*is_over)(void *user), void *user, dora_error *why)
{
    const library *curl = &collector->curl;
    void *easy = collector->easy;
    long status = 0;
    collector->is_over = is_over;
    collector->user = user;
    collector->answer_len = 0;
    collector->failure[0] = '\0';
    (void)curl->easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)body.len);
    (void)curl->easy_setopt(easy, CURLOPT_POSTFIELDS, body.data);
    const int failed = curl->easy_perform(easy);
    if (failed != 0) {
        const char *text =
            collector->failure[0] != '\0' ? collector->failure : curl->easy_strerror(failed);
        dora_error_set(why, DORA_EIO, "%s", text);
        return DR_POST_LATER;
    }
    (void)curl->easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    const dr_post_result result = result_of(status);
    if (result != DR_POST_TAKEN) {
        char said[DR_PRINTABLE_MAX(DR_SPANS_ANSWER_BYTES)];
        const dora_slice answer = {collector->answer, collector->answer_len};
        dora_error_set(why, DORA_EIO, "status %ld%s%s", status, answer.len > 0 ? ": " : "",
                       dr_printable_text(answer, said, sizeof(said)));
    }
    return result;
}
