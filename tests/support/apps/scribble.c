/* scribble.c: an application in C with a handler that writes over its pool's shared memory: where
 * and by which seed its parameter says. Python handlers can load it for scribble() alone. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <dora/handler.h>

#include "ipc/region.h"

/* open_region maps the region once more, by the descriptor that this worker has of it. */
static bool open_region(dr_region *region)
{
    DIR *folder = opendir("/proc/self/fd");
    struct dirent *entry;
    bool found = false;
    while (folder != NULL && !found && (entry = readdir(folder)) != NULL) {
        char path[512];
        char target[512] = "";
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
        dr_region_shape shape;
        const ssize_t len = readlink(path, target, sizeof(target) - 1);
        const int fd = (int)strtol(entry->d_name, NULL, 10);
        if (len > 0 && strstr(target, "dora-region") != NULL &&
            pread(fd, &shape, sizeof(shape), 0) == (ssize_t)sizeof(shape)) {
            found = dr_region_open(region, dup(fd), &shape, NULL) == DORA_OK;
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    return found;
}

/* area is a part of the region. */
typedef struct area {
    char *from;
    char *to;
} area;

static area area_of(const dr_region *at, const char *name)
{
    const dr_region_shape *shape = &at->shape;
    char *const outboxes_end = (char *)at->tasks;
    const struct {
        const char *name;
        area bytes;
    } areas[] = {
        {"header", {at->base, at->base + sizeof(*shape)}},
        {"board", {(char *)at->status_page, (char *)at->reactors}},
        {"reactors", {(char *)at->reactors, (char *)at->workers}},
        {"workers", {(char *)at->workers, (char *)at->inboxes}},
        {"inboxes", {(char *)at->inboxes, at->outboxes}},
        {"outboxes", {at->outboxes, outboxes_end}},
        {"tasks", {(char *)at->tasks, (char *)(at->tasks + shape->tasks)}},
        {"big", {at->big, at->slab}},
        {"blocks", {at->slab, at->slab + shape->slab_bytes}},
        {"control", {(char *)at->status_page, at->big}},
        {"all", {at->base, at->base + shape->total_bytes}},
    };
    for (size_t i = 0; i < sizeof(areas) / sizeof(areas[0]); i++) {
        if (strcmp(areas[i].name, name) == 0) {
            return areas[i].bytes;
        }
    }
    return (area){NULL, NULL};
}

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* spoil writes over part of an area: how, and how much of it, is the seed's. */
static void spoil(const area *where, uint64_t *state)
{
    const size_t len = (size_t)(where->to - where->from);
    const size_t most = len < (1u << 20) ? len : 1u << 20; /* a handler's moment, not a second */
    const uint64_t how = next(state) % 4;
    if (how == 0) {
        memset(where->from, 0, most);
    } else if (how == 1) {
        memset(where->from, 0xff, most);
    }
    for (size_t i = 0; how > 1 && i < most / 2; i++) {
        const size_t at = next(state) % len;
        where->from[at] = (char)next(state);
    }
}

/* wake_words are not next to each other: by them sleepers are woken. */
static void spoil_wake_words(const dr_region *at, uint64_t *state)
{
    for (uint32_t i = 0; i < at->shape.workers; i++) {
        atomic_store(&at->workers[i].asleep, (uint32_t)next(state) % 5);
        atomic_store(&at->workers[i].big, (uint32_t)next(state) % 4);
    }
    for (uint32_t i = 0; i < at->shape.reactors; i++) {
        atomic_store(&at->reactors[i].asleep, (uint32_t)next(state) % 3);
        atomic_store(&at->reactors[i].ready[0], next(state) & next(state));
    }
}

static void spoil_task_words(const dr_region *at, uint64_t *state)
{
    for (uint32_t i = 0; i < at->shape.tasks; i++) {
        const uint64_t word = atomic_load(&at->tasks[i].word);
        const uint64_t any = next(state);
        /* Sometimes another state of the same task, which looks well. */
        atomic_store(&at->tasks[i].word,
                     any % 3 == 0 ? any : (word & ~(UINT64_C(0xff) << 24)) | (any % 5) << 24);
    }
}

/* scribble. Returns: 0, or 1 where there is no such area or no region. */
DORA_API int scribble(const char *name, uint64_t seed);

DORA_API int scribble(const char *name, uint64_t seed)
{
    dr_region region;
    uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    if (!open_region(&region)) {
        return 1;
    }
    const area where = area_of(&region, name);
    const bool is_known = where.from != NULL;
    if (strcmp(name, "wake words") == 0) {
        spoil_wake_words(&region, &state);
    } else if (strcmp(name, "task words") == 0) {
        spoil_task_words(&region, &state);
    } else if (is_known) {
        spoil(&where, &state);
    } else {
        dr_region_close(&region);
        return 1;
    }
    dr_region_close(&region);
    return 0;
}

static dora_err echo(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    dora_reader reader;
    dora_slice raw;
    dora_request_reader(request, &reader);
    const dora_err err = dora_reader_skip(&reader, &raw);
    return err != DORA_OK ? err : dora_write_raw(dora_reply_writer(reply), raw);
}

/* large answers with so many bytes of text, which do not fit behind a request. */
static dora_err large(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    dora_reader reader;
    dora_value value;
    dora_request_reader(request, &reader);
    dora_err err = dora_reader_value(&reader, &value);
    if (err != DORA_OK || value.type != DORA_INT || value.integer < 0) {
        return DORA_EHANDLER;
    }
    char *text = malloc((size_t)value.integer + 1);
    if (text == NULL) {
        return DORA_ENOMEM;
    }
    memset(text, 'x', (size_t)value.integer);
    err = dora_write_string(dora_reply_writer(reply), text, (size_t)value.integer);
    free(text);
    return err;
}

/* pause_ms sleeps for so long. */
static dora_err pause_ms(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    dora_reader reader;
    dora_value value;
    dora_request_reader(request, &reader);
    if (dora_reader_value(&reader, &value) != DORA_OK || value.type != DORA_INT) {
        return DORA_EHANDLER;
    }
    const struct timespec time = {.tv_sec = value.integer / 1000,
                                  .tv_nsec = value.integer % 1000 * 1000000};
    (void)nanosleep(&time, NULL);
    return dora_write_int(dora_reply_writer(reply), value.integer);
}

/* do_scribble takes "SEED AREA". */
static dora_err do_scribble(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    dora_reader reader;
    dora_value value;
    char text[64] = "";
    char *name = NULL;
    dora_request_reader(request, &reader);
    if (dora_reader_value(&reader, &value) != DORA_OK || value.type != DORA_STRING ||
        value.string.len >= sizeof(text)) {
        return DORA_EHANDLER;
    }
    memcpy(text, value.string.data, value.string.len);
    const uint64_t seed = strtoull(text, &name, 10);
    return scribble(*name == ' ' ? name + 1 : name, seed) != 0
               ? DORA_EHANDLER
               : dora_write_bool(dora_reply_writer(reply), true);
}

DORA_API dora_err dora_app_init(dora_app *app, dora_error *error)
{
    const struct {
        const char *name;
        dora_err (*handler)(const dora_request *, dora_reply *, void *);
    } apis[] = {{"/s/echo", echo},
                {"/s/large", large},
                {"/s/pause", pause_ms},
                {"/s/scribble", do_scribble}};
    dora_err err = DORA_OK;
    (void)error;
    for (size_t i = 0; i < sizeof(apis) / sizeof(apis[0]) && err == DORA_OK; i++) {
        err = dora_app_api(app, apis[i].name, apis[i].handler, NULL);
    }
    return err;
}
