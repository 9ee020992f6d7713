/* pid_file.c: files that hold the server's process id, locked while it lives. */
#include "server/master/pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PID_FILE_BYTES_MAX 256 /* a process id, and what others' servers write behind it */
#define OPEN_TRIES_MAX 100     /* each needs another server that ended just now */

/* is_same says whether the open file still is the one of that name. */
static bool is_same(int fd, const char *path)
{
    struct stat open_file;
    struct stat named;
    return fstat(fd, &open_file) == 0 && lstat(path, &named) == 0 &&
           open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

static long number_in(int fd)
{
    char text[32];
    const ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
    text[len > 0 ? len : 0] = '\0';
    return strtol(text, NULL, 10);
}

/* is_pid_file says whether a file is empty, or short with a number alone in its first line. */
static bool is_pid_file(int fd)
{
    char text[PID_FILE_BYTES_MAX + 2];
    const ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
    if (len <= 0 || len > PID_FILE_BYTES_MAX) {
        return len == 0;
    }
    text[len] = '\0';
    const size_t digits = strspn(text, "0123456789");
    return digits > 0 && (text[digits] == '\n' || text[digits] == '\0');
}

/* refusal says why an open file may not become a pid file; NULL: it may. In a folder of many, a
 * name that somebody else has put there must harm nothing. */
static const char *refusal(int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return strerror(errno);
    }
    if (!S_ISREG(status.st_mode)) {
        return "is no regular file";
    }
    if (status.st_uid != geteuid()) {
        return "belongs to another user; remove it, or name another file";
    }
    if (status.st_nlink > 1) {
        return "has other names, too (hard links); remove it, or name another file";
    }
    return is_pid_file(fd) ? NULL : "holds something else; remove it, or name another file";
}

/* open_locked opens and locks the file of that name. */
static dora_err open_locked(const char *path, int *result, dora_error *error)
{
    for (int tries = 0; tries < OPEN_TRIES_MAX; tries++) {
        const int fd =
            open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK, 0644);
        if (fd < 0 && errno == ELOOP) {
            return dora_error_set(error, DORA_EIO,
                                  "pid_file: %s is a symbolic link, which is not followed; remove "
                                  "it, or name the file itself",
                                  path);
        }
        if (fd < 0) {
            break;
        }
        const char *why_not = refusal(fd);
        if (why_not != NULL) {
            close(fd);
            return dora_error_set(error, DORA_EIO, "pid_file: %s %s", path, why_not);
        }
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            const bool is_held = errno == EWOULDBLOCK;
            const long holder = number_in(fd);
            const char *why = strerror(errno);
            close(fd);
            return is_held
                       ? dora_error_set(error, DORA_EIO,
                                        "pid_file: %s belongs to process %ld, a server that "
                                        "runs; stop it or name another file",
                                        path, holder)
                       : dora_error_set(error, DORA_EIO, "pid_file: cannot lock %s: %s", path, why);
        }
        if (is_same(fd, path)) {
            *result = fd;
            return DORA_OK;
        }
        close(fd); /* its server ended and removed it before we had the lock */
    }
    return dora_error_set(error, DORA_EIO, "pid_file: cannot open %s: %s", path, strerror(errno));
}

static bool is_held(const dr_pid_files *files, const char *path)
{
    for (size_t i = 0; i < files->count; i++) {
        if (is_same(files->items[i].fd, path)) {
            return true;
        }
    }
    return false;
}

static bool write_own(const dr_pid_file *file)
{
    return ftruncate(file->fd, 0) == 0 && lseek(file->fd, 0, SEEK_SET) == 0 &&
           dprintf(file->fd, "%d\n", getpid()) > 0;
}

/* keep puts a file among the others. Ownership: takes the descriptor. */
static dora_err keep(dr_pid_files *files, const char *path, int fd, bool is_elders,
                     dora_error *error)
{
    const dr_pid_file file = {.path = strdup(path), .fd = fd, .is_elders = is_elders};
    dr_pid_file *items = realloc(files->items, (files->count + 1) * sizeof(*items));
    if (items != NULL) {
        files->items = items;
    }
    if (items == NULL || file.path == NULL) {
        close(fd);
        free(file.path);
        return dora_error_set(error, DORA_ENOMEM, "out of memory");
    }
    files->items[files->count++] = file;
    return DORA_OK;
}

dora_err dr_pid_files_adopt(dr_pid_files *files, const char *path, int fd, dora_error *error)
{
    if (!is_same(fd, path)) {
        close(fd);
        return dora_error_set(error, DORA_EIO, "pid_file: %s is another file by now", path);
    }
    return keep(files, path, fd, true, error);
}

void dr_pid_files_take_over(dr_pid_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        files->items[i].is_elders = false;
        (void)write_own(&files->items[i]); /* it is open, and of a few bytes */
    }
}

dora_err dr_pid_files_add(dr_pid_files *files, const char *path, dora_error *error)
{
    if (path == NULL || is_held(files, path)) {
        return DORA_OK;
    }
    dr_pid_file file = {.fd = -1};
    const dora_err err = open_locked(path, &file.fd, error);
    if (err != DORA_OK) {
        return err;
    }
    if (!write_own(&file)) {
        const char *why = strerror(errno);
        close(file.fd);
        return dora_error_set(error, DORA_EIO, "pid_file: cannot write %s: %s", path, why);
    }
    return keep(files, path, file.fd, false, error);
}

void dr_pid_files_remove(dr_pid_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        dr_pid_file *file = &files->items[i];
        if (!file->is_elders && is_same(file->fd, file->path) && number_in(file->fd) == getpid()) {
            (void)unlink(file->path);
        }
        close(file->fd);
        free(file->path);
    }
    free(files->items);
    *files = (dr_pid_files){0};
}
