/* rollout.c: what is told of reloads that are watched: in words, and in numbers. */
#include "server/ops/rollout.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "server/ops/stat.h"

static const char *const sides[DR_CANARY_SIDES] = {"old", "new"};

void dr_rollout_init(dr_rollout *rollout)
{
    pthread_mutex_init(&rollout->lock, NULL);
}

void dr_rollout_fini(dr_rollout *rollout)
{
    pthread_mutex_destroy(&rollout->lock);
}

void dr_rollout_begun(dr_rollout *rollout, uint32_t generation)
{
    pthread_mutex_lock(&rollout->lock);
    rollout->state = DR_ROLLOUT_WATCHING;
    rollout->generation = generation;
    rollout->began_ms = dr_clock_ms();
    rollout->ended_ms = 0;
    rollout->text[0] = '\0';
    rollout->counts[DR_ROLLOUT_WATCHING]++;
    pthread_mutex_unlock(&rollout->lock);
}

void dr_rollout_ended(dr_rollout *rollout, dr_rollout_state state, const char *text)
{
    pthread_mutex_lock(&rollout->lock);
    rollout->state = state;
    rollout->ended_ms = dr_clock_ms();
    rollout->counts[state]++;
    (void)snprintf(rollout->text, sizeof(rollout->text), "%s", text);
    pthread_mutex_unlock(&rollout->lock);
}

dr_rollout dr_rollout_now(dr_rollout *rollout)
{
    pthread_mutex_lock(&rollout->lock);
    const dr_rollout now = *rollout;
    pthread_mutex_unlock(&rollout->lock);
    return now;
}

const char *dr_rollout_name(dr_rollout_state state)
{
    static const char *const names[] = {"none", "watching", "ahead", "back", "replaced"};
    return names[state];
}

bool dr_rollout_is_configured(const dr_backend *backend)
{
    return backend->config->reload.canary_percent > 0;
}

/* add writes behind what stands in a text. Returns: the new length. */
DORA_PRINTF(4, 5)
static size_t add(char *text, size_t room, size_t len, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int more = vsnprintf(text + len, room - len, format, args);
    va_end(args);
    return more > 0 && (size_t)more < room - len ? len + (size_t)more : room - 1;
}

static size_t add_side(char *text, size_t room, size_t len, const char *name, const dr_seen *seen)
{
    const uint64_t median = dr_seen_us(seen, 50);
    const uint64_t late = dr_seen_us(seen, 90);
    len = add(text, room, len,
              "%s %" PRIu64 " calls, %" PRIu64 " errors, %" PRIu64 " deaths of workers", name,
              seen->calls, seen->errors, seen->deaths);
    return seen->timed == 0 ? len
                            : add(text, room, len,
                                  ", median %" PRIu64 ".%02" PRIu64 " ms, 90 %% within %" PRIu64
                                  ".%02" PRIu64 " ms",
                                  median / 1000, median % 1000 / 10, late / 1000, late % 1000 / 10);
}

size_t dr_rollout_figures(dr_backend *backend, char *text, size_t room)
{
    size_t len = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < backend->pool_count; i++) {
        dr_seen seen[DR_CANARY_SIDES];
        if (dr_canary_look(&backend->pools[i], seen)) {
            len = add(text, room, len, "%spool %s: ", len > 0 ? "; " : "",
                      backend->config->pools[i].name);
            len = add_side(text, room, len, sides[DR_CANARY_NEW], &seen[DR_CANARY_NEW]);
            len = add(text, room, len, ", ");
            len = add_side(text, room, len, sides[DR_CANARY_OLD], &seen[DR_CANARY_OLD]);
        }
    }
    return len;
}

static void put_text(dora_writer *writer, const char *key, const char *text)
{
    dr_stat_key(writer, key);
    dora_write_string(writer, text, strlen(text));
}

static void put_side(dora_writer *writer, const char *key, const dr_seen *seen)
{
    dr_stat_key(writer, key);
    dora_write_array(writer, 5);
    dr_stat_put(writer, "calls", seen->calls);
    dr_stat_put(writer, "errors", seen->errors);
    dr_stat_put(writer, "deaths", seen->deaths);
    dr_stat_put(writer, "median_us", dr_seen_us(seen, 50));
    dr_stat_put(writer, "p90_us", dr_seen_us(seen, 90));
}

/* put_pools tells what is seen of each pool: nothing where none is watched. */
static void put_pools(dora_writer *writer, dr_backend *backend)
{
    dora_write_array(writer, backend->pool_count);
    for (uint32_t i = 0; i < backend->pool_count; i++) {
        dr_seen seen[DR_CANARY_SIDES];
        (void)dr_canary_look(&backend->pools[i], seen);
        dr_stat_key(writer, backend->config->pools[i].name);
        dora_write_array(writer, DR_CANARY_SIDES);
        for (uint32_t side = 0; side < DR_CANARY_SIDES; side++) {
            put_side(writer, sides[side], &seen[side]);
            dora_write_end(writer);
        }
        dora_write_end(writer);
    }
    dora_write_end(writer);
}

void dr_rollout_put(dora_writer *writer, void *of)
{
    dr_backend *backend = of;
    char text[DR_ROLLOUT_TEXT_MAX];
    const dr_rollout now = dr_rollout_now(backend->rollout);
    const uint64_t end_ms = now.ended_ms != 0 ? now.ended_ms : dr_clock_ms();
    const bool is_watching = now.state == DR_ROLLOUT_WATCHING;
    dora_write_array(writer, 10);
    put_text(writer, "state", dr_rollout_name(now.state));
    dr_stat_put(writer, "generation", now.generation);
    dr_stat_put(writer, "ms", now.state != DR_ROLLOUT_NONE ? end_ms - now.began_ms : 0);
    dr_stat_put(writer, "watch_s", backend->config->reload.watch_s);
    dr_stat_put(writer, "canary_percent", backend->config->reload.canary_percent);
    if (is_watching) {
        (void)dr_rollout_figures(backend, text, sizeof(text));
    }
    put_text(writer, "text", is_watching ? text : now.text);
    dr_stat_put(writer, "ahead", now.counts[DR_ROLLOUT_AHEAD]);
    dr_stat_put(writer, "back", now.counts[DR_ROLLOUT_BACK]);
    dr_stat_put(writer, "replaced", now.counts[DR_ROLLOUT_REPLACED]);
    dr_stat_key(writer, "pools");
    put_pools(writer, backend);
    dora_write_end(writer);
}
