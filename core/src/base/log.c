/* log.c: log lines into a bounded queue, and a thread that writes them out. */
#include "base/log.h"

#include <assert.h>
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
#include "base/log_file.h"
#include "base/slice.h"
#include "base/threads.h"
#include "base/utf8.h"

#define RED "\033[31m"
#define PLAIN "\033[0m"

struct dr_log {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    char *file; /* NULL: stderr */
    int fd;     /* always the same number, whatever file is open */
    bool is_json;
    bool has_colour;
    bool is_ending;
    bool is_done;
    bool wants_reopening;
    bool has_output; /* stdout and stderr are the file, too */
    bool is_cut;     /* the last write ended in the middle of a line */
    uint32_t level;
    uint64_t dropped;
    uint64_t dropped_due;  /* of these: before the next line; the writer's own, as the next */
    uint64_t dropped_said; /* of these: the file has a line that counts them */
    size_t len;
    uint64_t lines;
    size_t writing_len;
    uint64_t writing_lines;
    char *queue; /* DR_LOG_BYTES_MAX bytes being filled */
    char *spare; /* the same, being written */
};

/* write_out writes all it can. Returns: how many bytes that is. */
static size_t write_out(int fd, const char *data, size_t len)
{
    size_t at = 0;
    while (at < len) {
        const ssize_t wrote = write(fd, data + at, len - at);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote < 0 && errno == EAGAIN) { /* a terminal that somebody made non-blocking */
            struct pollfd writable = {.fd = fd, .events = POLLOUT};
            (void)poll(&writable, 1, 1000);
            continue;
        }
        if (wrote <= 0) {
            break;
        }
        at += (size_t)wrote;
    }
    return at;
}

/* write_lines writes whole lines. Returns: how many of them are lost, because the disk is full. */
static uint64_t write_lines(dr_log *log, const char *data, size_t len)
{
    uint64_t lost = 0;
    if (log->is_cut && write_out(log->fd, "\n", 1) == 1) {
        log->is_cut = false;
    }
    const size_t wrote = write_out(log->fd, data, len);
    if (wrote > 0) {
        log->is_cut = data[wrote - 1] != '\n';
    }
    for (size_t i = wrote; i < len; i++) {
        lost += data[i] == '\n';
    }
    if (log->is_cut && wrote > 0 && wrote < len && data[wrote] == '\n') {
        lost--; /* its text is there; its end comes with the next line */
    }
    return lost;
}

static void reopen(dr_log *log)
{
    dora_error error;
    const int fd = dr_log_file_open(log->file, &error);
    if (fd < 0) {
        dr_log_write(log, DR_LOG_ERROR, "log", "%s; the old file is kept", error.msg);
        return;
    }
    pthread_mutex_lock(&log->lock);
    (void)dup3(fd, log->fd, O_CLOEXEC);
    if (log->has_output) {
        (void)dup2(fd, STDOUT_FILENO);
        (void)dup2(fd, STDERR_FILENO);
    }
    pthread_mutex_unlock(&log->lock);
    close(fd);
    log->is_cut = false; /* that was in the other file */
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static dora_err to_line(const dr_log *log, const dr_log_entry *entry, dr_buf *line)
{
    if (log->is_json) {
        return dr_log_line_json(line, entry);
    }
    if (!log->has_colour || entry->level < DR_LOG_ERROR || entry->level > DR_LOG_EXCEPTION) {
        return dr_log_line_text(line, entry);
    }
    dora_err err = dr_buf_append(line, RED, strlen(RED));
    err = err == DORA_OK ? dr_log_line_text(line, entry) : err;
    line->len -= err == DORA_OK; /* the end of the line comes behind the colour's */
    return err == DORA_OK ? dr_buf_append(line, PLAIN "\n", strlen(PLAIN "\n")) : err;
}

/* say_dropped writes a line about those that are missing. They count as told once it has been
 * written whole: on a full disk it is lost as they are. Thread: the writer's, without the lock. */
static void say_dropped(dr_log *log)
{
    if (log->dropped_due <= log->dropped_said) {
        return;
    }
    char text[64];
    dr_buf line = {0};
    const int len = snprintf(text, sizeof(text), "%llu lines were dropped",
                             (unsigned long long)(log->dropped_due - log->dropped_said));
    const dr_log_entry entry = {.level = DR_LOG_ERROR,
                                .time_ns = now_ns(),
                                .tag = {"log", 3},
                                .pid = getpid(),
                                .msg = {text, (size_t)len}};
    if (to_line(log, &entry, &line) == DORA_OK && write_lines(log, line.data, line.len) == 0) {
        log->dropped_said = log->dropped_due;
    }
    dr_buf_fini(&line);
}

/* write_queue writes what is queued, while others queue on. The lock is held. */
static void write_queue(dr_log *log)
{
    char *full = log->queue;
    log->queue = log->spare;
    log->spare = full;
    log->writing_len = log->len;
    log->writing_lines = log->lines;
    log->len = 0;
    log->lines = 0;
    const uint64_t dropped = log->dropped; /* what found no room behind these lines, too */
    pthread_mutex_unlock(&log->lock);
    say_dropped(log);
    const uint64_t lost = write_lines(log, full, log->writing_len);
    log->dropped_due = dropped + lost;
    say_dropped(log);
    pthread_mutex_lock(&log->lock);
    log->dropped += lost;
    log->writing_len = 0;
    log->writing_lines = 0;
}

static void *writer(void *argument)
{
    dr_log *log = argument;
    pthread_mutex_lock(&log->lock);
    for (;;) {
        while (log->len == 0 && !log->is_ending && !log->wants_reopening) {
            pthread_cond_wait(&log->changed, &log->lock);
        }
        if (log->wants_reopening) {
            log->wants_reopening = false;
            pthread_mutex_unlock(&log->lock);
            reopen(log);
            pthread_mutex_lock(&log->lock);
        } else if (log->len == 0) {
            break;
        } else {
            write_queue(log);
        }
    }
    pthread_mutex_unlock(&log->lock);
    say_dropped(log); /* there may be room by now */
    pthread_mutex_lock(&log->lock);
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
    self->file = file == NULL ? NULL : strdup(file);
    self->is_json = is_json;
    self->level = level;
    self->queue = malloc(DR_LOG_BYTES_MAX);
    self->spare = malloc(DR_LOG_BYTES_MAX);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    dora_err err =
        self->queue == NULL || self->spare == NULL || (file != NULL && self->file == NULL)
            ? DORA_ENOMEM
            : DORA_OK;
    if (err == DORA_OK && file != NULL) {
        self->fd = dr_log_file_open(file, error);
        err = self->fd < 0 ? DORA_EIO : DORA_OK;
    }
    if (err == DORA_OK && dr_thread_start(&self->thread, writer, self) != 0) {
        err = dora_error_set(error, DORA_EIO, "cannot start the log's thread");
    }
    if (err != DORA_OK) {
        if (self->fd >= 0 && self->fd != STDERR_FILENO) {
            close(self->fd);
        }
        free(self->file);
        free(self->queue);
        free(self->spare);
        free(self);
        return err;
    }
    *log = self;
    return DORA_OK;
}

void dr_log_colour(dr_log *log)
{
    const char *refusal = getenv("NO_COLOR");
    log->has_colour = (refusal == NULL || *refusal == '\0') && isatty(log->fd) == 1;
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
    free(log->file);
    free(log->queue);
    free(log->spare);
    free(log);
}

static void add(dr_log *log, const dr_log_entry *entry)
{
    dr_buf line = {0};
    const dora_err err = to_line(log, entry, &line);
    pthread_mutex_lock(&log->lock);
    if (err != DORA_OK || log->len + line.len > DR_LOG_BYTES_MAX) {
        log->dropped++;
    } else {
        memcpy(log->queue + log->len, line.data, line.len);
        log->len += line.len;
        log->lines++;
    }
    pthread_cond_signal(&log->changed);
    pthread_mutex_unlock(&log->lock);
    dr_buf_fini(&line);
}

void dr_log_record(dr_log *log, const dr_log_entry *entry)
{
    add(log, entry);
}

static void write_message(dr_log *log, int level, const char *tag, bool is_line, const char *format,
                          va_list args)
{
    char text[DR_LOG_LINE_MAX];
    if (!dr_log_is_wanted(log->level, level)) {
        return;
    }
    const int len = vsnprintf(text, sizeof(text), format, args);
    dora_slice msg = {text, len < 0 ? 0 : strlen(text)};
    msg.len = dr_utf8_whole(msg);
    const dr_log_entry entry = {.level = level,
                                .time_ns = now_ns(),
                                .tag = dr_slice(tag),
                                .pid = getpid(),
                                .msg = msg,
                                .is_line = is_line};
    add(log, &entry);
}

void dr_log_write(dr_log *log, int level, const char *tag, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_message(log, level, tag, true, format, args);
    va_end(args);
}

void dr_log_write_lines(dr_log *log, int level, const char *tag, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_message(log, level, tag, false, format, args);
    va_end(args);
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
            dora_slice line = {carry->text, carry->len};
            line.len = end == NULL ? dr_utf8_whole(line) : line.len;
            const dr_log_entry entry = {.level = DR_LOG_NOTICE,
                                        .time_ns = now_ns(),
                                        .tag = dr_slice(tag),
                                        .pool = tag,
                                        .msg = line};
            add(log, &entry);
            carry->len -= line.len;
            memmove(carry->text, carry->text + line.len, carry->len);
        }
        /* A line that is too long goes on as the next one. */
        part = end != NULL && copied == part ? part + 1 : copied;
        data += part;
        len -= part;
    }
}

void dr_log_reopen(dr_log *log)
{
    pthread_mutex_lock(&log->lock);
    log->wants_reopening = log->file != NULL;
    pthread_cond_broadcast(&log->changed);
    pthread_mutex_unlock(&log->lock);
}

void dr_log_take_output(dr_log *log)
{
    assert(log->file != NULL);
    pthread_mutex_lock(&log->lock);
    log->has_output = true;
    (void)dup2(log->fd, STDOUT_FILENO);
    (void)dup2(log->fd, STDERR_FILENO);
    pthread_mutex_unlock(&log->lock);
}

void dr_log_queue(dr_log *log, uint64_t *lines, uint64_t *bytes)
{
    pthread_mutex_lock(&log->lock);
    *lines = log->lines + log->writing_lines;
    *bytes = log->len + log->writing_len;
    pthread_mutex_unlock(&log->lock);
}

uint64_t dr_log_dropped(dr_log *log)
{
    pthread_mutex_lock(&log->lock);
    const uint64_t dropped = log->dropped;
    pthread_mutex_unlock(&log->lock);
    return dropped;
}
