/* service.c: the service manager is told what happens, and that the threads still turn. */
#include "server/master/service.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/master/master.h"
#include "server/ops/stat.h"

/* write_status writes one line for people: `systemctl status` shows it. */
static void write_status(dr_server *server, char status[DR_SERVICE_STATUS_BYTES])
{
    char why[128];
    const dr_config *config = server->backend.config;
    if (!dr_stat_is_ready(&server->backend, why, sizeof(why))) {
        (void)snprintf(status, DR_SERVICE_STATUS_BYTES, "%.*s", (int)strcspn(why, "\n"), why);
        return;
    }
    char port[16] = "";
    if (config->tcp_host != NULL) {
        (void)snprintf(port, sizeof(port), ":%u", server->tcp_port);
    } else if (config->tls_host != NULL) {
        (void)snprintf(port, sizeof(port), ":%u", server->tls_port);
    }
    (void)snprintf(status, DR_SERVICE_STATUS_BYTES, "serving on %.150s%s, generation %" PRIu32,
                   config->tcp_host != NULL    ? config->tcp_host
                   : config->tls_host != NULL  ? config->tls_host
                   : config->unix_path != NULL ? config->unix_path
                                               : "HTTP",
                   port, server->reload.generation);
}

/* say sends `lines` with the status. */
static void say(dr_server *server, const char *lines)
{
    dr_service *service = &server->service;
    char text[DR_SERVICE_STATUS_BYTES + 128];
    write_status(server, service->said);
    (void)snprintf(text, sizeof(text), "%sSTATUS=%s", lines, service->said);
    dr_notify_say(&service->notify, text);
}

void dr_service_ready(dr_server *server)
{
    char lines[64];
    (void)snprintf(lines, sizeof(lines), "READY=1\nMAINPID=%ld\n", (long)getpid());
    /* Only a daemon is another process than the one that was started. */
    say(server, server->backend.config->daemonize ? lines : "READY=1\n");
}

void dr_service_reloading(dr_server *server)
{
    dr_notify_reloading(&server->service.notify);
}

void dr_service_stopping(dr_server *server)
{
    say(server, "STOPPING=1\n");
}

void dr_service_hand_over(dr_server *server, pid_t pid)
{
    char lines[64];
    (void)snprintf(lines, sizeof(lines), "READY=1\nMAINPID=%ld\n", (long)pid);
    say(server, lines);
    dr_service_close(server);
    dr_notify_close(&server->service.notify);
}

void dr_service_look(dr_server *server)
{
    char status[DR_SERVICE_STATUS_BYTES];
    if (server->service.notify.fd < 0 || atomic_load(&server->backend.phase) == DR_PHASE_STARTING) {
        return;
    }
    write_status(server, status);
    if (strcmp(status, server->service.said) != 0) {
        say(server, "");
    }
}

/* have_turned says whether every lane that runs has answered the last pulse. */
static bool have_turned(dr_server *server, uint32_t asked)
{
    for (uint32_t i = 0; i < server->backend.lane_count; i++) {
        const uint32_t pulse = atomic_load(&server->threads[i].pulse);
        if (server->threads[i].is_running && pulse != DR_PULSE_ENDED && pulse != asked) {
            return false;
        }
    }
    return true;
}

static void on_watchdog(uv_timer_t *timer)
{
    dr_server *server = timer->data;
    dr_service *service = &server->service;
    const uint32_t asked = atomic_load(&service->pulse);
    if (have_turned(server, asked)) { /* else they may yet, or the manager ends us */
        dr_notify_say(&service->notify, "WATCHDOG=1");
        atomic_store(&service->pulse, (asked + 1) % DR_PULSE_ENDED);
    }
    dr_reactor_threads_ask(server); /* again: a lane may have started since */
}

void dr_service_init(dr_server *server)
{
    dr_service *service = &server->service;
    if (service->notify.fd >= 0 && service->notify.watchdog_ms > 0) {
        const uint64_t every_ms = service->notify.watchdog_ms;
        uv_timer_init(&server->loop, &service->watchdog);
        service->watchdog.data = server;
        service->has_watchdog = true;
        uv_timer_start(&service->watchdog, on_watchdog, 0, every_ms);
    }
}

void dr_service_close(dr_server *server)
{
    dr_service *service = &server->service;
    if (service->has_watchdog) {
        service->has_watchdog = false;
        uv_close((uv_handle_t *)&service->watchdog, NULL);
    }
}
