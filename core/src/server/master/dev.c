/* dev.c: loads what was saved, a moment after the last of several saves. */
#include "server/master/dev.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/slice.h"
#include "server/master/master.h"

static void say(dr_server *server, const dora_error *error)
{
    dr_log_write(server->backend.log, DR_LOG_ERROR, "dev", "%s", error->msg);
}

/* begin_again starts what has not loaded, and with it all that waits for it. What cannot be started
 * waits for the next save. */
static void begin_again(dr_server *server)
{
    dora_error error = {.err = DORA_OK};
    server->dev.has_not_begun = false;
    for (uint32_t i = 0; i < server->backend.pool_count; i++) {
        if (server->crews[i] != NULL) {
            dr_crew_discard(server->crews[i]); /* it is freed when its processes have gone */
        }
    }
    dr_settings_reload(server);
    dr_dev_begin(server);
    if (dr_launch_all(server, &error) != DORA_OK) {
        (void)dr_dev_waits(server, error.msg);
    }
}

static void on_quiet(uv_timer_t *timer)
{
    dr_server *server = timer->data;
    server->dev.first_ms = 0;
    if (server->dev.has_not_begun && atomic_load(&server->backend.phase) == DR_PHASE_STARTING) {
        begin_again(server);
        return;
    }
    dr_reload_again(server); /* what is being loaded is older */
    dr_reload_want(server);
}

/* load_soon waits for other saves. */
static void load_soon(dr_server *server, const char *path)
{
    dr_dev *dev = &server->dev;
    const uint64_t now_ms = dr_clock_ms();
    if (dev->first_ms == 0) {
        dr_log_write(server->backend.log, DR_LOG_NOTICE, "dev", "%s has changed", path);
        dev->first_ms = now_ms;
    }
    if (now_ms - dev->first_ms < DR_DEV_SAVES_MS) {
        uv_timer_start(&dev->quiet, on_quiet, DR_DEV_QUIET_MS, 0);
    }
}

static void on_change(uv_poll_t *poll, int status, int events)
{
    dr_server *server = poll->data;
    (void)status;
    (void)events;
    const char *path = dr_sources_read(server->dev.sources, server->dev.has_failed);
    if (path != NULL) {
        load_soon(server, path);
    }
}

/* watch_trees looks for source code that comes; files that are there are told by who loads them. */
static void watch_trees(dr_server *server)
{
    const dr_config *config = server->backend.config;
    for (size_t i = 0; i < config->pool_count; i++) {
        dora_error error = {.err = DORA_OK};
        const dr_pool_config *pool = &config->pools[i];
        const bool is_module = dr_app_is_module(pool->runtime, pool->app);
        if (dr_sources_add_tree(server->dev.sources, is_module ? "." : pool->app, &error) !=
            DORA_OK) {
            say(server, &error);
        }
    }
}

/* watch_text watches a file that the configuration names; NULL: none. */
static void watch_text(dr_server *server, const char *path)
{
    if (path != NULL) {
        dr_dev_file(server, dr_slice(path));
    }
}

static bool is_in_foreground(void)
{
    return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

dora_err dr_dev_open(dr_server *server, dora_error *error)
{
    dr_dev *dev = &server->dev;
    const dora_err err =
        server->backend.config->dev ? dr_sources_new(&dev->sources, error) : DORA_OK;
    if (err != DORA_OK || dev->sources == NULL) {
        return err;
    }
    uv_timer_init(&server->loop, &dev->quiet);
    uv_poll_init(&server->loop, &dev->poll, dr_sources_fd(dev->sources));
    dev->quiet.data = dev->poll.data = server;
    uv_poll_start(&dev->poll, UV_READABLE, on_change);
    dev->has_terminal = is_in_foreground() && tcgetattr(STDIN_FILENO, &dev->terminal) == 0;
    watch_trees(server);
    watch_text(server, server->backend.config->file);
    return DORA_OK;
}

void dr_dev_file(dr_server *server, dora_slice path)
{
    char text[PATH_MAX];
    dora_error error = {.err = DORA_OK};
    if (path.len == 0 || path.len >= sizeof(text)) {
        return;
    }
    memcpy(text, path.data, path.len);
    text[path.len] = '\0';
    bool has_changed;
    if (dr_sources_add(server->dev.sources, text, &has_changed, &error) != DORA_OK) {
        say(server, &error);
    }
    if (has_changed) {
        load_soon(server, text);
    }
}

void dr_dev_launch(dr_server *server, const dr_pool_config *pool)
{
    if (server->dev.sources != NULL) {
        watch_text(server, pool->env_file);
        watch_text(server, dr_app_is_module(pool->runtime, pool->app) ? NULL : pool->app);
    }
}

bool dr_dev_waits(dr_server *server, const char *why)
{
    dr_dev *dev = &server->dev;
    if (dev->sources != NULL && !dev->has_not_begun) {
        dev->has_not_begun = dev->has_failed = true;
        dr_log_write_lines(server->backend.log, DR_LOG_ERROR, "dev",
                           "not started, a save starts it again: %s", why);
    }
    return dev->sources != NULL;
}

bool dr_dev_waits_for(dr_server *server, const dr_crew *crew)
{
    const bool is_about_code =
        crew->had_greeted || (crew->zygote != NULL && crew->zygote->has_greeted);
    return is_about_code && dr_dev_waits(server, crew->why.msg);
}

bool dr_dev_has_lost_terminal(const dr_server *server)
{
    struct termios settings;
    return server->dev.has_terminal && tcgetattr(STDIN_FILENO, &settings) != 0;
}

void dr_dev_begin(dr_server *server)
{
    if (server->dev.sources != NULL) {
        dr_sources_begin(server->dev.sources);
        watch_text(server, server->backend.config->file);
    }
}

void dr_dev_loaded(dr_server *server, bool is_good)
{
    server->dev.has_failed = !is_good;
    if (is_good && server->dev.sources != NULL) {
        dr_sources_settle(server->dev.sources);
    }
}

static void on_closed(uv_handle_t *handle)
{
    dr_server *server = handle->data;
    dr_sources_free(server->dev.sources);
    server->dev.sources = NULL;
}

void dr_dev_close(dr_server *server)
{
    dr_dev *dev = &server->dev;
    if (dev->sources == NULL || uv_is_closing((uv_handle_t *)&dev->poll)) {
        return;
    }
    uv_close((uv_handle_t *)&dev->quiet, NULL);
    uv_close((uv_handle_t *)&dev->poll, on_closed);
    if (dev->has_terminal && is_in_foreground()) {
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &dev->terminal); /* who read from it may be killed */
    }
}
