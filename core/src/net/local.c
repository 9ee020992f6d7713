/* local.c: a listening Unix socket, and what may stand in its place already. */
#include "net/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/listener.h"

#define PATH_BYTES_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

static dora_err cannot(const char *path, dora_error *error)
{
    const int os_error = errno;
    return dora_error_set(error, DORA_EIO, "cannot listen on %s: %s", path, strerror(os_error));
}

/* bind_private binds so that the file never is for more than its owner: on Linux a socket's file
 * has the mode of the socket. */
static int bind_private(const struct sockaddr_un *address)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    if (fchmod(fd, S_IRUSR | S_IWUSR) != 0 ||
        bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0) {
        const int kept = errno;
        close(fd);
        errno = kept;
        return -1;
    }
    return fd;
}

/* remove_stale removes the file of a server that is no more. */
static dora_err remove_stale(const struct sockaddr_un *address, dora_error *error)
{
    const char *path = address->sun_path;
    struct stat status;
    if (lstat(path, &status) == 0 && !S_ISSOCK(status.st_mode)) {
        return dora_error_set(error, DORA_EIO,
                              "cannot listen on %s: it exists and is no socket; remove it, or name "
                              "another path",
                              path);
    }
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return cannot(path, error);
    }
    const bool is_connected =
        connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN;
    const int why = errno;
    close(fd);
    if (is_connected) {
        return dora_error_set(error, DORA_EIO,
                              "cannot listen on %s: another server listens there; stop it, or name "
                              "another path",
                              path);
    }
    errno = why;
    if (why != ENOENT && (why != ECONNREFUSED || (unlink(path) != 0 && errno != ENOENT))) {
        return cannot(path, error);
    }
    return DORA_OK;
}

dora_err dr_local_listen(dr_local *local, const char *path, int backlog, int *listen_fd,
                         dora_error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t len = strlen(path);
    if (len == 0 || len > PATH_BYTES_MAX) {
        return dora_error_set(error, DORA_EIO,
                              "cannot listen on %s: the path of a Unix socket has 1 to %zu bytes, "
                              "not %zu",
                              path, PATH_BYTES_MAX, len);
    }
    memcpy(address.sun_path, path, len);
    int fd = bind_private(&address);
    if (fd < 0 && errno == EADDRINUSE) {
        const dora_err err = remove_stale(&address, error);
        if (err != DORA_OK) {
            return err;
        }
        fd = bind_private(&address);
    }
    if (fd < 0) {
        return cannot(path, error);
    }
    struct stat status;
    if (listen(fd, backlog) != 0 || lstat(path, &status) != 0) {
        cannot(path, error);
        close(fd);
        (void)unlink(path);
        return DORA_EIO;
    }
    *listen_fd = fd;
    local->path = path;
    local->device = status.st_dev;
    local->inode = status.st_ino;
    return DORA_OK;
}

/* It is changed by its name, which in a folder of others may be anything by now: no link is
 * followed. */
dora_err dr_local_give(const dr_local *local, uid_t owner, gid_t group, mode_t mode,
                       dora_error *error)
{
    const char *path = local->path;
    if (lchown(path, owner, group) != 0) {
        return dora_error_set(error, DORA_EIO, "cannot give %s to user %d and group %d: %s", path,
                              (int)owner, (int)group, strerror(errno));
    }
    if (fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW) != 0) {
        return dora_error_set(error, DORA_EIO, "cannot give %s the mode %04o: %s", path,
                              (unsigned)mode, strerror(errno));
    }
    return DORA_OK;
}

void dr_local_remove(dr_local *local)
{
    struct stat status;
    if (local->path == NULL) {
        return;
    }
    /* Another server may stand there by now. */
    if (lstat(local->path, &status) == 0 && status.st_dev == local->device &&
        status.st_ino == local->inode) {
        (void)unlink(local->path);
    }
    local->path = NULL;
}
