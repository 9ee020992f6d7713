/* sources.c: the files that applications consist of, watched by inotify. */
#include "server/master/sources.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "server/config/runtime.h"

#define EVENTS (IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ONLYDIR | IN_EXCL_UNLINK)

/* name is that of a file in a folder. */
typedef struct name {
    char *text;
    uint64_t load;       /* the last one that it counts for: an application consists of it, or may
                          * from now on; 0: none */
    uint64_t changed_ms; /* it has when it did not count; 0: no */
} name;

/* folder is one that is watched, with the names of the files in it of which something is known. */
typedef struct folder {
    struct folder *next;
    int watch;      /* -1: it is gone, or cannot be watched */
    uint32_t depth; /* below an application's own; DR_NOT_IN_TREE: it is no such folder */
    name *names;
    size_t count;
    char path[];
} folder;

#define NOT_IN_TREE UINT32_MAX

struct dr_sources {
    int fd;
    folder *folders;
    uint32_t folder_count;
    uint64_t load; /* that is under way, or was last: 1, 2, ... */
    bool is_refusal_told;
    char changed[PATH_MAX + NAME_MAX + 2];
};

dora_err dr_sources_new(dr_sources **sources, dora_error *error)
{
    dr_sources *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "out of memory");
    }
    self->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (self->fd < 0) {
        const int why = errno;
        free(self);
        return dora_error_set(error, DORA_EIO,
                              "dev: cannot watch files: %s (fs.inotify.max_user_instances)",
                              strerror(why));
    }
    self->load = 1;
    *sources = self;
    return DORA_OK;
}

static void folder_free(folder *gone)
{
    for (size_t i = 0; i < gone->count; i++) {
        free(gone->names[i].text);
    }
    free(gone->names);
    free(gone);
}

void dr_sources_free(dr_sources *sources)
{
    if (sources == NULL) {
        return;
    }
    while (sources->folders != NULL) {
        folder *gone = sources->folders;
        sources->folders = gone->next;
        folder_free(gone);
    }
    close(sources->fd);
    free(sources);
}

int dr_sources_fd(const dr_sources *sources)
{
    return sources->fd;
}

/* is_source tells source code by its ending. */
static bool is_source(const char *text)
{
    const char *ending = strrchr(text, '.');
    for (int kind = 0; ending != NULL && ending != text && kind < DR_RUNTIME_COUNT; kind++) {
        if (strcmp(ending, dr_runtime_of((dr_runtime_kind)kind)->ending) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_recent(const name *one)
{
    return one->changed_ms > 0 && dr_clock_ms() - one->changed_ms < DR_DEV_LATE_MS;
}

/* forget drops the names that count for no load from `load` on, but for what has just changed.
 * Returns: how many still count. */
static size_t forget(folder *in, uint64_t load)
{
    size_t kept = 0;
    size_t counting = 0;
    for (size_t i = 0; i < in->count; i++) {
        const name one = in->names[i];
        const bool counts = one.load >= load;
        if (!counts && !is_recent(&one)) {
            free(one.text);
            continue;
        }
        in->names[kept++] = one;
        counting += counts;
    }
    in->count = kept;
    return counting;
}

static name *find_name(const folder *in, const char *text)
{
    for (size_t i = 0; i < in->count; i++) {
        if (strcmp(in->names[i].text, text) == 0) {
            return &in->names[i];
        }
    }
    return NULL;
}

/* name_of finds a file of a folder, or adds it. Returns: NULL without memory. */
static name *name_of(folder *in, const char *text)
{
    name *found = find_name(in, text);
    if (found != NULL) {
        return found;
    }
    name *names = realloc(in->names, (in->count + 1) * sizeof(*names));
    if (names == NULL) {
        return NULL;
    }
    in->names = names;
    name *one = &names[in->count];
    *one = (name){.text = strdup(text)};
    in->count += one->text != NULL;
    return one->text != NULL ? one : NULL;
}

/* let_count says that a file counts. Returns: whether it has changed just now. */
static bool let_count(const dr_sources *self, folder *in, const char *text)
{
    name *one = name_of(in, text);
    if (one == NULL) {
        return false;
    }
    const bool has_changed = is_recent(one);
    one->load = self->load;
    one->changed_ms = 0;
    return has_changed;
}

/* note remembers that a file has changed which does not count yet: who loads it may be about to say
 * so. */
static void note(folder *in, const char *text)
{
    name *one = find_name(in, text);
    if (one == NULL) {
        const size_t counting = forget(in, 1);
        one = in->count - counting < DR_DEV_RECENT_MAX ? name_of(in, text) : NULL;
    }
    if (one != NULL) {
        one->changed_ms = dr_clock_ms();
    }
}

static dora_err refused(dr_sources *self, const char *path, const char *why, dora_error *error)
{
    if (self->is_refusal_told) {
        return DORA_OK;
    }
    self->is_refusal_told = true;
    return dora_error_set(error, DORA_EIO,
                          "%s cannot be watched, nor perhaps others: %s; after a change there, "
                          "`dora reload` loads it",
                          path, why);
}

/* watch begins to watch a folder, or goes on where it was deleted and is there again. */
static dora_err watch(dr_sources *self, folder *one, dora_error *error)
{
    if (one->watch >= 0) {
        return DORA_OK;
    }
    one->watch = inotify_add_watch(self->fd, one->path, EVENTS);
    if (one->watch >= 0 || errno == ENOENT || errno == ENOTDIR) {
        return DORA_OK; /* what is not there yet comes into a folder that is watched */
    }
    return refused(self, one->path,
                   errno == ENOSPC ? "there are too many (fs.inotify.max_user_watches)"
                                   : strerror(errno),
                   error);
}

/* folder_of finds a folder by its path, or adds it. Returns: NULL where there are too many. */
static folder *folder_of(dr_sources *self, const char *path, dora_err *err, dora_error *error)
{
    folder *one = self->folders;
    while (one != NULL && strcmp(one->path, path) != 0) {
        one = one->next;
    }
    if (one == NULL && self->folder_count < DR_DEV_FOLDERS_MAX) {
        const size_t size = strlen(path) + 1;
        one = calloc(1, sizeof(*one) + size);
        if (one != NULL) {
            memcpy(one->path, path, size);
            one->watch = -1;
            one->depth = NOT_IN_TREE;
            one->next = self->folders;
            self->folders = one;
            self->folder_count++;
        }
    }
    *err = one != NULL ? watch(self, one, error) : refused(self, path, "there are too many", error);
    return one;
}

/* add_file watches a file by a path that is absolute. */
static dora_err add_file(dr_sources *self, const char *path, bool *has_changed, dora_error *error)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const size_t len = slash == path ? 1 : (size_t)(slash - path);
    dora_err err = DORA_OK;
    if (len >= sizeof(parent)) {
        return DORA_OK; /* the system knows no such file */
    }
    memcpy(parent, path, len);
    parent[len] = '\0';
    folder *in = folder_of(self, parent, &err, error);
    if (in != NULL && slash[1] != '\0') {
        *has_changed |= let_count(self, in, slash + 1);
    }
    return err;
}

/* find_place gives the path of a file without links; it need not be there, but for its folder. */
static bool find_place(const char *path, char real[PATH_MAX])
{
    char parent[PATH_MAX];
    if (realpath(path, real) != NULL) {
        return true;
    }
    const char *slash = strrchr(path, '/');
    const char *text = slash != NULL ? slash + 1 : path;
    const int len = snprintf(parent, sizeof(parent), "%.*s/.", (int)(text - path), path);
    if (len < 0 || (size_t)len >= sizeof(parent) ||
        realpath(slash != NULL ? parent : ".", real) == NULL) {
        return false;
    }
    const size_t at = strlen(real);
    const int rest = snprintf(real + at, PATH_MAX - at, "/%s", text);
    return rest > 0 && (size_t)rest < PATH_MAX - at;
}

dora_err dr_sources_add(dr_sources *sources, const char *path, bool *has_changed, dora_error *error)
{
    char real[PATH_MAX];
    *has_changed = false;
    dora_err err = path[0] == '/' ? add_file(sources, path, has_changed, error) : DORA_OK;
    if (err == DORA_OK && find_place(path, real) && strcmp(real, path) != 0) {
        err = add_file(sources, real, has_changed, error); /* a link leads there */
    }
    return err;
}

/* is_left_out: what tools keep, which is much and no source code. */
static bool is_left_out(const char *text)
{
    return text[0] == '.' || strcmp(text, "__pycache__") == 0 || strcmp(text, "node_modules") == 0;
}

static bool is_folder(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* add_folder watches a folder of a tree and those below it; `depth` below the application's own.
 * `has_come`: it was not there before, so what is in it counts. Returns: whether there is anything
 * that counts. */
static bool add_folder(dr_sources *self, const char *path, uint32_t depth, bool has_come,
                       dora_err *err, dora_error *error)
{
    bool has_source = false;
    folder *one = folder_of(self, path, err, error);
    DIR *entries = one != NULL && *err == DORA_OK ? opendir(path) : NULL;
    if (entries == NULL) {
        return false;
    }
    one->depth = depth;
    const struct dirent *entry;
    while ((entry = readdir(entries)) != NULL) {
        char inner[PATH_MAX];
        const int len = snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
        if (is_left_out(entry->d_name) || len < 0 || (size_t)len >= sizeof(inner)) {
            continue;
        }
        if (has_come && is_source(entry->d_name)) {
            (void)let_count(self, one, entry->d_name);
            has_source = true;
        } else if (depth < DR_DEV_DEPTH_MAX && self->folder_count < DR_DEV_FOLDERS_MAX &&
                   is_folder(inner)) {
            has_source |= add_folder(self, inner, depth + 1, has_come, err, error);
        }
    }
    closedir(entries);
    return has_source;
}

dora_err dr_sources_add_tree(dr_sources *sources, const char *path, dora_error *error)
{
    char real[PATH_MAX];
    dora_err err = DORA_OK;
    if (realpath(path, real) == NULL) {
        return DORA_OK;
    }
    if (!is_folder(real)) {
        char *slash = strrchr(real, '/');
        slash[slash == real] = '\0';
    }
    (void)add_folder(sources, real, 0, false, &err, error);
    return err;
}

/* unwatch: another path may lead to the same folder, and has the same watch. */
static void unwatch(const dr_sources *self, const folder *gone)
{
    for (const folder *one = self->folders; one != NULL; one = one->next) {
        if (one != gone && one->watch == gone->watch) {
            return;
        }
    }
    if (gone->watch >= 0) {
        (void)inotify_rm_watch(self->fd, gone->watch);
    }
}

void dr_sources_begin(dr_sources *sources)
{
    sources->load++;
}

void dr_sources_settle(dr_sources *sources)
{
    folder **at = &sources->folders;
    while (*at != NULL) {
        folder *one = *at;
        const bool has_counting = forget(one, sources->load) > 0;
        const bool is_in_tree = one->depth != NOT_IN_TREE && one->watch >= 0;
        if (has_counting || is_in_tree) {
            at = &one->next;
            continue;
        }
        unwatch(sources, one);
        *at = one->next;
        sources->folder_count--;
        folder_free(one);
    }
}

size_t dr_sources_known(const dr_sources *sources)
{
    size_t count = 0;
    for (const folder *one = sources->folders; one != NULL; one = one->next) {
        count += one->count;
    }
    return count;
}

/* come_folder: one was made in a tree, or moved there. */
static bool come_folder(dr_sources *self, const folder *in, const char *text)
{
    char path[PATH_MAX];
    dora_err err = DORA_OK;
    const int len = snprintf(path, sizeof(path), "%s/%s", in->path, text);
    return in->depth < DR_DEV_DEPTH_MAX && !is_left_out(text) && len > 0 &&
           (size_t)len < sizeof(path) && add_folder(self, path, in->depth + 1, true, &err, NULL);
}

/* counts says whether an event is a change of the application. */
static bool counts(dr_sources *self, folder *in, const struct inotify_event *event, bool takes_any)
{
    if ((event->mask & IN_ISDIR) != 0) {
        return come_folder(self, in, event->name);
    }
    if ((event->mask & IN_CREATE) != 0) {
        if (is_source(event->name)) {
            (void)let_count(self, in, event->name); /* one that was missing? its text comes now */
        }
        return false;
    }
    const bool may_come = takes_any || (event->mask & IN_MOVED_TO) != 0;
    if (is_source(event->name) && may_come) {
        return true;
    }
    const name *one = find_name(in, event->name);
    if (one != NULL && one->load > 0) {
        return true;
    }
    note(in, event->name);
    return false;
}

static void take(dr_sources *self, const struct inotify_event *event, bool takes_any)
{
    if ((event->mask & IN_Q_OVERFLOW) != 0) {
        (void)snprintf(self->changed, sizeof(self->changed), "something");
        return;
    }
    for (folder *in = self->folders; in != NULL; in = in->next) { /* by a link there are two */
        if (in->watch != event->wd) {
            continue;
        }
        if ((event->mask & IN_IGNORED) != 0) {
            in->watch = -1;
        } else if (event->len > 0 && counts(self, in, event, takes_any)) {
            (void)snprintf(self->changed, sizeof(self->changed), "%s/%s", in->path, event->name);
        }
    }
}

const char *dr_sources_read(dr_sources *sources, bool takes_any)
{
    _Alignas(struct inotify_event) char events[16384];
    ssize_t got;
    sources->changed[0] = '\0';
    while ((got = read(sources->fd, events, sizeof(events))) > 0) {
        for (const char *at = events; at < events + got;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)at;
            take(sources, event, takes_any);
            at += sizeof(*event) + event->len;
        }
    }
    return sources->changed[0] != '\0' ? sources->changed : NULL;
}
