/* monitor.c: from Redis to node files: dora_monitor_run.
 *
 * One libuv loop moves the sessions. Before it waits, each time, the registry is asked whether it
 * has changed: then the differences go to the log, and the nodes to the files. */
#include <dora/monitor.h>

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/notify.h"
#include "base/signals.h"
#include "base/sized.h"
#include "base/slice.h"
#include "base/title.h"
#include "discovery/redis_uv.h"
#include "discovery/registry.h"
#include "monitor/monitor_file.h"

#define FIRST_STATE_MS 2000u /* a Redis that has not answered by then is not waited for */
#define RETRY_MS 1000u       /* of a file that could not be written */
#define SIGNALS 3
#define TALKS_MAX (2 * DR_REGISTRY_REDIS_MAX)

typedef struct monitor {
    const dora_monitor_options *options;
    dr_log *log;
    dr_notify notify;
    int udp; /* -1: none */
    uv_loop_t loop;
    bool is_loop_open;
    uv_signal_t signals[SIGNALS];
    uv_timer_t retry;
    uv_timer_t watchdog;
    uv_prepare_t before_waiting;
    dr_registry *registry;
    dr_redis_uv *drivers[TALKS_MAX];
    size_t driver_count;
    uint64_t started_ns;
    bool is_ready;      /* the first state is known */
    bool is_stale;      /* a file does not hold the nodes that it should */
    dora_error trouble; /* with it, as it was said last */
    dr_roster nodes;    /* what the files should hold */
} monitor;

static void say(monitor *self, int level, const char *text)
{
    dr_log_write(self->log, level, "monitor", "%s", text);
}

static void on_warning(void *user, const char *text)
{
    say(user, DR_LOG_NOTICE, text);
}

/* ---- nodes ---- */

static void say_change(void *user, bool is_join, const char *group, const dr_address *address)
{
    char node[DR_ADDRESS_TEXT_MAX];
    char line[DR_ADDRESS_TEXT_MAX + 256];
    snprintf(line, sizeof line, "%s %.200s %s", is_join ? "join" : "leave", group,
             dr_address_text(address, node));
    for (char *byte = line; *byte != '\0'; byte++) { /* a group is any text: it stays one line */
        *byte = iscntrl((unsigned char)*byte) ? '?' : *byte;
    }
    say(user, DR_LOG_INFO, line);
}

/* put_files writes what has changed; one that cannot be written is tried again. */
static void put_files(monitor *self)
{
    char line[4096];
    char counts[DR_ROSTER_COUNTS_MAX];
    bool is_stale = false;
    bool is_written = false;
    for (size_t i = 0; i < self->options->file_count; i++) {
        const dora_monitor_file *file = &self->options->files[i];
        dora_error error = {.err = DORA_OK};
        if (dr_monitor_file_put(file, &self->nodes, &is_written, &error) != DORA_OK) {
            if (strcmp(self->trouble.msg, error.msg) != 0) { /* once, not each second */
                say(self, DR_LOG_ERROR, error.msg);
                self->trouble = error;
            }
            is_stale = true;
        } else if (is_written) {
            snprintf(line, sizeof line, "wrote %s: %s", file->path,
                     dr_roster_counts(&self->nodes, counts));
            say(self, DR_LOG_INFO, line);
        }
    }
    self->is_stale = is_stale;
    if (!is_stale) {
        self->trouble.msg[0] = '\0';
    }
}

/* take_nodes makes the registry's nodes those that the files should hold. */
static void take_nodes(monitor *self)
{
    const dr_roster *now = dr_registry_roster(self->registry);
    dr_roster copy = {0};
    if (now == NULL) {
        return;
    }
    if (dr_roster_join(&copy, now) != DORA_OK) {
        dr_roster_fini(&copy);
        say(self, DR_LOG_ERROR, dora_err_text(DORA_ENOMEM));
        return;
    }
    dr_roster_sort(&copy);
    dr_roster_compare(&self->nodes, &copy, say_change, self);
    dr_roster_fini(&self->nodes);
    self->nodes = copy;
    put_files(self);
}

static void tell_state(monitor *self, const char *before)
{
    char lines[128];
    char counts[DR_ROSTER_COUNTS_MAX];
    snprintf(lines, sizeof lines, "%sSTATUS=%s", before, dr_roster_counts(&self->nodes, counts));
    dr_notify_say(&self->notify, lines);
}

static void become_ready(monitor *self)
{
    self->is_ready = true;
    (void)dr_registry_changed(self->registry);
    take_nodes(self);
    if (self->nodes.count == 0) {
        say(self, DR_LOG_NOTICE, "no node is known yet; node files stay as they are until then");
    }
    tell_state(self, "READY=1\n");
    if (self->options->on_ready != NULL) {
        self->options->on_ready(self->options->user, dr_roster_count_nodes(&self->nodes),
                                self->nodes.count);
    }
}

static void look_at_drivers(monitor *self)
{
    for (size_t i = 0; i < self->driver_count; i++) {
        dr_redis_uv_look(self->drivers[i]);
    }
}

static void on_before_waiting(uv_prepare_t *handle)
{
    monitor *self = handle->data;
    const bool is_late = dr_clock_ns() - self->started_ns >= FIRST_STATE_MS * UINT64_C(1000000);
    look_at_drivers(self); /* a message to one session has another one ask */
    if (!self->is_ready) {
        if (is_late || !dr_registry_is_reading(self->registry)) {
            become_ready(self);
        }
    } else if (dr_registry_changed(self->registry)) {
        take_nodes(self);
        tell_state(self, "");
    }
}

static void on_retry(uv_timer_t *handle)
{
    monitor *self = handle->data;
    if (self->is_stale) {
        put_files(self);
    }
}

static void on_watchdog(uv_timer_t *handle)
{
    const monitor *self = handle->data;
    dr_notify_say(&self->notify, "WATCHDOG=1");
}

/* ---- the beginning ---- */

static dora_err check_options(const dora_monitor_options *options, dora_error *error)
{
    if (options->redis == NULL || options->redis[0] == '\0') {
        return dora_error_set(error, DORA_EINVAL, "a Redis is missing");
    }
    if (options->file_count == 0) {
        return dora_error_set(error, DORA_EINVAL, "a node file is missing");
    }
    for (size_t i = 0; i < options->file_count; i++) {
        if (options->files[i].path == NULL || options->files[i].path[0] == '\0') {
            return dora_error_set(error, DORA_EINVAL, "the path of a node file is empty");
        }
    }
    return DORA_OK;
}

/* bind_udp takes the original's port. What comes is never read: the kernel drops it when its buffer
 * is full. */
static dora_err bind_udp(monitor *self, const char *text, dora_error *error)
{
    char host[DR_HOST_BYTES];
    char service[8];
    uint16_t port;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_DGRAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    if (dr_address_parse(dr_slice(text), host, &port) != DORA_OK) {
        return dora_error_set(error, DORA_EINVAL, "UDP \"%s\" is not ip:port", text);
    }
    snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(host, service, &hints, &found) != 0) {
        return dora_error_set(error, DORA_EINVAL, "UDP \"%s\" is not ip:port", text);
    }
    self->udp = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const bool is_bound = self->udp >= 0 && bind(self->udp, found->ai_addr, found->ai_addrlen) == 0;
    const int why = errno;
    freeaddrinfo(found);
    if (!is_bound) {
        return dora_error_set(error, DORA_EIO, "cannot bind UDP %s: %s", text, strerror(why));
    }
    return DORA_OK;
}

/* take_tls reads the files of TLS, for connections that are opened from now on. */
static dora_err take_tls(monitor *self, dora_error *error)
{
    const dora_monitor_options *options = self->options;
    const dr_tls_settings settings = {
        .ca = options->tls_ca, .cert = options->tls_cert, .key = options->tls_key};
    dr_tls_context *tls = NULL;
    if (!dr_registry_has_tls(self->registry)) {
        return settings.ca == NULL && settings.cert == NULL && settings.key == NULL
                   ? DORA_OK
                   : dora_error_set(error, DORA_EINVAL,
                                    "files of TLS are given, and no Redis is "
                                    "spoken to with it: write rediss://");
    }
    const dora_err err = dr_tls_context_client(&settings, &tls, error);
    if (err == DORA_OK) {
        dr_registry_use_tls(self->registry, tls, options->tls_name);
    }
    dr_tls_context_free(tls);
    return err;
}

static void take_tls_again(monitor *self)
{
    char line[sizeof(((dora_error *)NULL)->msg) + 64];
    dora_error error = {.err = DORA_OK};
    if (take_tls(self, &error) != DORA_OK) {
        snprintf(line, sizeof line, "%s; TLS goes on with the files that were read before",
                 error.msg);
        say(self, DR_LOG_ERROR, line);
        return;
    }
    say(self, DR_LOG_INFO, "the files of TLS are read again");
}

static void on_signal(uv_signal_t *handle, int number)
{
    monitor *self = handle->data;
    if (number == SIGHUP) {
        take_tls_again(self);
    } else {
        uv_stop(&self->loop);
    }
}

static dora_err open_loop(monitor *self, dora_error *error)
{
    static const int numbers[SIGNALS] = {SIGTERM, SIGINT, SIGHUP};
    int result = uv_loop_init(&self->loop);
    if (result != 0) {
        return dora_error_set(error, DORA_EIO, "cannot make a loop: %s", uv_strerror(result));
    }
    self->is_loop_open = true;
    (void)uv_timer_init(&self->loop, &self->retry);
    (void)uv_timer_init(&self->loop, &self->watchdog);
    (void)uv_prepare_init(&self->loop, &self->before_waiting);
    self->retry.data = self;
    self->watchdog.data = self;
    self->before_waiting.data = self;
    (void)uv_timer_start(&self->retry, on_retry, FIRST_STATE_MS, RETRY_MS);
    (void)uv_prepare_start(&self->before_waiting, on_before_waiting);
    if (self->notify.watchdog_ms > 0) {
        (void)uv_timer_start(&self->watchdog, on_watchdog, 0, self->notify.watchdog_ms);
    }
    for (size_t i = 0; i < SIGNALS; i++) {
        (void)uv_signal_init(&self->loop, &self->signals[i]);
        self->signals[i].data = self;
        const bool is_wanted = numbers[i] != SIGHUP || self->options->tls_ca != NULL ||
                               self->options->tls_cert != NULL;
        const int started =
            is_wanted ? uv_signal_start(&self->signals[i], on_signal, numbers[i]) : 0;
        result = result == 0 ? started : result;
    }
    return result == 0
               ? DORA_OK
               : dora_error_set(error, DORA_EIO, "cannot handle signals: %s", uv_strerror(result));
}

static dora_err open_registry(monitor *self, dora_error *error)
{
    const dr_registry_events events = {.on_warning = on_warning, .user = self};
    dora_err err = dr_registry_new(&self->registry, self->options->redis, true, &events, error);
    const size_t count = err == DORA_OK ? dr_registry_sessions(self->registry) : 0;
    if (err == DORA_OK && count == 0) {
        return dora_error_set(error, DORA_EINVAL, "a Redis is expected, not %s",
                              self->options->redis);
    }
    err = err == DORA_OK ? take_tls(self, error) : err;
    while (err == DORA_OK && self->driver_count < count) {
        dr_redis *session = dr_registry_session(self->registry, self->driver_count);
        err = dr_redis_uv_new(&self->drivers[self->driver_count], &self->loop, session);
        if (err != DORA_OK) {
            return dora_error_set(error, err, "%s", dora_err_text(err));
        }
        self->driver_count++;
    }
    return err;
}

/* ---- the end ---- */

static void close_loop(monitor *self)
{
    uv_close((uv_handle_t *)&self->retry, NULL);
    uv_close((uv_handle_t *)&self->watchdog, NULL);
    uv_close((uv_handle_t *)&self->before_waiting, NULL);
    for (size_t i = 0; i < SIGNALS; i++) {
        uv_close((uv_handle_t *)&self->signals[i], NULL);
    }
    (void)uv_run(&self->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&self->loop);
}

static void close_all(monitor *self)
{
    if (self->registry != NULL) {
        dr_registry_stop(self->registry, dr_clock_ns());
        look_at_drivers(self);
    }
    for (size_t i = 0; i < self->driver_count; i++) {
        dr_redis_uv_close(self->drivers[i], NULL, NULL);
    }
    if (self->is_loop_open) {
        close_loop(self);
    }
    dr_registry_free(self->registry);
    dr_roster_fini(&self->nodes);
    if (self->udp >= 0) {
        close(self->udp);
    }
    dr_notify_close(&self->notify);
    dr_log_free(self->log);
}

static dora_err open_all(monitor *self, dora_error *error)
{
    const dora_monitor_options *options = self->options;
    dora_err err = check_options(options, error);
    for (size_t i = 0; err == DORA_OK && i < options->file_count; i++) {
        err = dr_monitor_file_check(&options->files[i], error);
    }
    if (err == DORA_OK && options->udp != NULL) {
        err = bind_udp(self, options->udp, error);
    }
    if (err == DORA_OK) {
        err = dr_log_new(&self->log, options->log_file, options->log_file != NULL,
                         options->log_level > 0 ? options->log_level : DR_LOG_INFO, error);
    }
    err = err == DORA_OK ? open_loop(self, error) : err;
    return err == DORA_OK ? open_registry(self, error) : err;
}

dora_err dora_monitor_run(const dora_monitor_options *options, dora_error *error)
{
    static const dr_sized type = DR_SIZED(dora_monitor_options, user);
    dora_monitor_options room;
    const void *taken = options;
    const dora_err refusal = dr_sized_take(&type, &taken, &room, error);
    if (refusal != DORA_OK) {
        return refusal;
    }
    monitor *self = dr_calloc(1, sizeof *self);
    if (self == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
    }
    dr_signals before;
    dr_signals_survive(&before);
    self->options = taken;
    self->udp = -1;
    dr_notify_open(&self->notify);
    const dora_err err = open_all(self, error);
    if (err == DORA_OK) {
        dr_title_set("dora: monitor service");
        self->started_ns = dr_clock_ns();
        dr_registry_start(self->registry, self->started_ns);
        look_at_drivers(self);
        (void)uv_run(&self->loop, UV_RUN_DEFAULT);
        dr_notify_say(&self->notify, "STOPPING=1");
    }
    close_all(self);
    dr_signals_restore(&before);
    dr_free(self);
    return err;
}
