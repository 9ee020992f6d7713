/* watched_file.c: when to read a node file again, and what is wrong with it. */
#include "discovery/watched_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "discovery/node_file.h"
#include "discovery/registry.h"

#define WHY_BYTES 8192 /* a path and an error's message */

/* What tells one state of the file from another. */
typedef struct state {
    int missing; /* the errno of looking at it, or of opening it; 0: it is there */
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
} state;

struct dr_watched_file {
    char *name; /* "file PATH" */
    const char *path;
    bool is_known; /* `last` holds */
    state last;
    char why[WHY_BYTES];
};

#define PREFIX "file "

dora_err dr_watched_file_new(dr_watched_file **file, const char *path, dora_error *error)
{
    if (path[0] == '\0') {
        return dora_error_set(error, DORA_EINVAL, "file: the path of a node file is missing");
    }
    dr_watched_file *self = dr_calloc(1, sizeof *self);
    const size_t size = sizeof PREFIX + strlen(path);
    char *name = self != NULL ? dr_alloc(size) : NULL;
    if (name == NULL) {
        dr_free(self);
        return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
    }
    snprintf(name, size, PREFIX "%s", path);
    self->name = name;
    self->path = name + sizeof PREFIX - 1;
    snprintf(self->why, sizeof self->why, "%s: not read yet", name);
    *file = self;
    return DORA_OK;
}

void dr_watched_file_free(dr_watched_file *file)
{
    if (file != NULL) {
        dr_free(file->name);
        dr_free(file);
    }
}

static state state_of(int result, const struct stat *status)
{
    if (result != 0) {
        return (state){.missing = errno};
    }
    return (state){.device = status->st_dev,
                   .inode = status->st_ino,
                   .size = status->st_size,
                   .changed = status->st_ctim}; /* of its rights, too */
}

static bool is_same(const state *one, const state *other)
{
    return one->missing == other->missing && one->device == other->device &&
           one->inode == other->inode && one->size == other->size &&
           one->changed.tv_sec == other->changed.tv_sec &&
           one->changed.tv_nsec == other->changed.tv_nsec;
}

static dora_err read_all(int fd, size_t size, dr_buf *text, dora_error *error)
{
    if (dr_buf_reserve(text, size + 1) != DORA_OK) {
        return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
    }
    while (text->len < size) {
        const ssize_t got = read(fd, text->data + text->len, size - text->len);
        if (got == 0) {
            break; /* shorter now: what is there is judged */
        }
        if (got < 0 && errno != EINTR) {
            return dora_error_set(error, DORA_EIO, "%s", strerror(errno));
        }
        text->len += got > 0 ? (size_t)got : 0;
    }
    return DORA_OK;
}

/* read_open reads what is open, and notes its state. */
static dora_err read_open(dr_watched_file *self, int fd, dr_roster *roster, dora_error *error)
{
    struct stat status;
    dr_buf text = {0};
    self->last = state_of(fstat(fd, &status), &status);
    if (self->last.missing != 0 || !S_ISREG(status.st_mode)) {
        return dora_error_set(error, DORA_EIO, "it is no regular file");
    }
    if (status.st_size > DR_REGISTRY_FILE_BYTES_MAX) {
        return dora_error_set(error, DORA_ETOOBIG, "it is longer than %u bytes",
                              DR_REGISTRY_FILE_BYTES_MAX);
    }
    dora_err err = read_all(fd, (size_t)status.st_size, &text, error);
    if (err == DORA_OK) {
        err = dr_node_file_read(dr_buf_slice(&text), roster, error);
    }
    dr_buf_fini(&text);
    return err;
}

bool dr_watched_file_look(dr_watched_file *file, dr_roster *roster, const char **warning)
{
    struct stat status;
    dora_error error;
    const state before = file->last;
    const bool was_known = file->is_known;
    const state now = state_of(stat(file->path, &status), &status);
    *warning = NULL;
    if (file->is_known && is_same(&now, &file->last)) {
        return false;
    }
    file->is_known = true;
    file->last = now;
    /* What is no file (a pipe) must not keep us waiting. */
    const int fd = now.missing == 0 ? open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    dora_err err = DORA_EIO;
    if (fd >= 0) {
        err = read_open(file, fd, roster, &error);
        close(fd);
    } else {
        file->last.missing = now.missing != 0 ? now.missing : errno; /* opened again next time */
        dora_error_set(&error, err, "%s", strerror(file->last.missing));
    }
    if (err == DORA_OK) {
        file->why[0] = '\0';
        return true;
    }
    file->is_known = err != DORA_ENOMEM; /* that is not the file's fault: it is read again */
    snprintf(file->why, sizeof file->why, "%s: %s", file->name, error.msg);
    *warning = was_known && is_same(&before, &file->last) ? NULL : file->why;
    return false;
}

const char *dr_watched_file_name(const dr_watched_file *file)
{
    return file->name;
}

const char *dr_watched_file_why(const dr_watched_file *file)
{
    return file->why;
}
