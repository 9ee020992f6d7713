/* log.c: log lines into a bounded queue, and a thread that writes them out. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"

struct dr_log {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    int fd;
    bool is_json;
    bool is_ending;
    bool is_done;
    uint32_t level;
    uint64_t dropped;
    uint64_t dropped_said;
    uint64_t lines; /* in `queue` */
    size_t len;
    char *queue; /* DR_LOG_BYTES_MAX bytes being filled */
    char *spare; /* the same, being written */
};

static const char *level_name(int level)
{
    static const char *const names[] = {"?",     "debug",     "trace",     "notice", "info",
                                        "error", "emergency", "exception", "snap",   "performance"};
    return level >= 1 && level <= 9 ? names[level] : names[0];
}

static bool is_wanted(const dr_log *log, int level)
{
    return (uint32_t)level <= log->level || (level >= DR_LOG_ERROR && level <= DR_LOG_EXCEPTION);
}

static void write_out(int fd, const char *data, size_t len)
{
    while (len > 0) {
        const ssize_t wrote = write(fd, data, len);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote < 0 && errno == EAGAIN) { /* a terminal that somebody made non-blocking */
            struct pollfd writable = {.fd = fd, .events = POLLOUT};
            (void)poll(&writable, 1, 1000);
            continue;
        }
        if (wrote <= 0) {
            return;
        }
        data += wrote;
        len -= (size_t)wrote;
    }
}

static void *writer(void *argument)
{
    dr_log *log = argument;
    pthread_mutex_lock(&log->lock);
    for (;;) {
        while (log->len == 0 && !log->is_ending) {
            pthread_cond_wait(&log->changed, &log->lock);
        }
        if (log->len == 0) {
            break;
        }
        char *full = log->queue;
        const size_t len = log->len;
        log->queue = log->spare;
        log->spare = full;
        log->len = 0;
        log->lines = 0;
        pthread_mutex_unlock(&log->lock);
        write_out(log->fd, full, len);
        pthread_mutex_lock(&log->lock);
    }
    log->is_done = true;
    pthread_cond_broadcast(&log->changed);
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

dora_err dr_log_new(dr_log **log, const char *file, bool is_json, uint32_t level, dora_error *error)
{
    dr_log *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return DORA_ENOMEM;
    }
    self->fd = STDERR_FILENO;
    self->is_json = is_json;
    self->level = level;
    self->queue = malloc(DR_LOG_BYTES_MAX);
    self->spare = malloc(DR_LOG_BYTES_MAX);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    dora_err err = self->queue == NULL || self->spare == NULL ? DORA_ENOMEM : DORA_OK;
    if (err == DORA_OK && file != NULL) {
        self->fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
        if (self->fd < 0) {
            err = dora_error_set(error, DORA_EIO, "log.file: cannot open %s: %s", file,
                                 strerror(errno));
        }
    }
    if (err == DORA_OK && pthread_create(&self->thread, NULL, writer, self) != 0) {
        err = dora_error_set(error, DORA_EIO, "cannot start the log's thread");
    }
    if (err != DORA_OK) {
        free(self->queue);
        free(self->spare);
        free(self);
        return err;
    }
    *log = self;
    return DORA_OK;
}

void dr_log_free(dr_log *log)
{
    if (log == NULL) {
        return;
    }
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 1;
    pthread_mutex_lock(&log->lock);
    log->is_ending = true;
    pthread_cond_broadcast(&log->changed);
    int waited = 0;
    while (!log->is_done && waited == 0) {
        waited = pthread_cond_timedwait(&log->changed, &log->lock, &end);
    }
    const bool is_done = log->is_done;
    pthread_mutex_unlock(&log->lock);
    if (!is_done) {
        /* Its reader hangs. The thread keeps the memory; the process is about to end. */
        pthread_detach(log->thread);
        return;
    }
    pthread_join(log->thread, NULL);
    if (log->fd != STDERR_FILENO) {
        close(log->fd);
    }
    pthread_mutex_destroy(&log->lock);
    pthread_cond_destroy(&log->changed);
    free(log->queue);
    free(log->spare);
    free(log);
}

/* utf8_len is the length of the UTF-8 sequence at `text`, 0 where there is none. */
static size_t utf8_len(const unsigned char *text, size_t len)
{
    const unsigned char lead = text[0];
    const size_t need = lead < 0x80   ? 1
                        : lead < 0xc2 ? 0
                        : lead < 0xe0 ? 2
                        : lead < 0xf0 ? 3
                        : lead < 0xf5 ? 4
                                      : 0;
    for (size_t i = 1; i < need; i++) {
        if (i >= len || (text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((lead == 0xe0 && text[1] < 0xa0) || (lead == 0xed && text[1] > 0x9f) ||
        (lead == 0xf0 && text[1] < 0x90) || (lead == 0xf4 && text[1] > 0x8f)) {
        return 0;
    }
    return need;
}

/* escape copies text into a JSON string; bytes that are no UTF-8 become '?'. */
static size_t escape(const char *text, size_t len, char *out, size_t out_max)
{
    size_t at = 0;
    size_t used = 1;
    for (size_t i = 0; i < len && at + 7 < out_max; i += used) {
        const unsigned char c = (unsigned char)text[i];
        used = utf8_len((const unsigned char *)text + i, len - i);
        if (used == 0) {
            out[at++] = '?';
            used = 1;
        } else if (c == '"' || c == '\\') {
            out[at++] = '\\';
            out[at++] = (char)c;
        } else if (c < 0x20 || c == 0x7f) {
            at += (size_t)snprintf(out + at, out_max - at, "\\u%04x", c);
        } else {
            memcpy(out + at, text + i, used);
            at += used;
        }
    }
    return at;
}

/* say_dropped adds one line about those that are missing, when it fits. The lock is held. */
static void say_dropped(dr_log *log, const char *when)
{
    char line[256];
    const char *format = log->is_json ? "{\"time\":\"%s\",\"level\":5,\"tag\":\"log\","
                                        "\"message\":\"%llu lines were dropped\"}\n"
                                      : "%s error [log] %llu lines were dropped\n";
    const int len = snprintf(line, sizeof(line), format, when,
                             (unsigned long long)(log->dropped - log->dropped_said));
    if (log->len + (size_t)len <= DR_LOG_BYTES_MAX - DR_LOG_LINE_MAX * 2) {
        memcpy(log->queue + log->len, line, (size_t)len);
        log->len += (size_t)len;
        log->dropped_said = log->dropped;
    }
}

static void add(dr_log *log, int level, const char *tag, const char *text, size_t len)
{
    char line[DR_LOG_LINE_MAX * 2];
    char when[40];
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    const size_t when_len = strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(when + when_len, sizeof(when) - when_len, ".%03ldZ", now.tv_nsec / 1000000);
    size_t at;
    if (log->is_json) {
        at = (size_t)snprintf(line, sizeof(line),
                              "{\"time\":\"%s\",\"level\":%d,\"tag\":\"%s\",\"message\":\"", when,
                              level, tag);
        at += escape(text, len, line + at, sizeof(line) - at - 4);
        memcpy(line + at, "\"}\n", 3);
        at += 3;
    } else {
        at = (size_t)snprintf(line, sizeof(line), "%s %s [%s] ", when, level_name(level), tag);
        const size_t room = sizeof(line) - at - 1;
        const size_t copied = len < room ? len : room;
        memcpy(line + at, text, copied);
        at += copied;
        line[at++] = '\n';
    }
    pthread_mutex_lock(&log->lock);
    if (log->len + at + 256 > DR_LOG_BYTES_MAX) {
        log->dropped++;
    } else {
        if (log->dropped > log->dropped_said) {
            say_dropped(log, when);
        }
        memcpy(log->queue + log->len, line, at);
        log->len += at;
        log->lines++;
        pthread_cond_signal(&log->changed);
    }
    pthread_mutex_unlock(&log->lock);
}

void dr_log_write(dr_log *log, int level, const char *tag, const char *format, ...)
{
    if (!is_wanted(log, level)) {
        return;
    }
    char text[DR_LOG_LINE_MAX];
    va_list args;
    va_start(args, format);
    const int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    const size_t room = sizeof(text) - 1;
    add(log, level, tag, text, len < 0 ? 0 : (size_t)len < room ? (size_t)len : room);
}

void dr_log_lines(dr_log *log, const char *tag, dr_log_carry *carry, const char *data, size_t len)
{
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t part = end == NULL ? len : (size_t)(end - data);
        const size_t room = sizeof(carry->text) - carry->len;
        const size_t copied = part < room ? part : room;
        memcpy(carry->text + carry->len, data, copied);
        carry->len += copied;
        if (end != NULL || carry->len == sizeof(carry->text)) {
            add(log, DR_LOG_NOTICE, tag, carry->text, carry->len);
            carry->len = 0;
        }
        /* A line that is too long goes on as the next one. */
        part = end != NULL && copied == part ? part + 1 : copied;
        data += part;
        len -= part;
    }
}

void dr_log_queue(dr_log *log, uint64_t *lines, uint64_t *bytes)
{
    pthread_mutex_lock(&log->lock);
    *lines = log->lines;
    *bytes = log->len;
    pthread_mutex_unlock(&log->lock);
}

uint64_t dr_log_dropped(dr_log *log)
{
    pthread_mutex_lock(&log->lock);
    const uint64_t dropped = log->dropped;
    pthread_mutex_unlock(&log->lock);
    return dropped;
}
