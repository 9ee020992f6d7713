/* log_file.c: opening the file that a log is written to. */
#include "base/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* descriptor_of gives the number that a path like /dev/fd/5 means; -1: it is another one. */
static int descriptor_of(const char *path)
{
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
    if (strcmp(path, "/dev/stdout") == 0) {
        return STDOUT_FILENO;
    }
    if (strcmp(path, "/dev/stderr") == 0) {
        return STDERR_FILENO;
    }
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        const size_t len = strlen(folders[i]);
        if (strncmp(path, folders[i], len) == 0 && strlen(path + len) < 8 && path[len] != '\0' &&
            strspn(path + len, "0123456789") == strlen(path + len)) {
            return (int)strtol(path + len, NULL, 10);
        }
    }
    return -1;
}

int dr_log_file_open(const char *path, dora_error *error)
{
    const int number = descriptor_of(path);
    /* Not blocking, or a fifo that nobody reads would hold up the start. */
    const int fd =
        number >= 0
            ? fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
            : open(path,
                   O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK,
                   0644);
    if (fd < 0) {
        const char *why = errno == ELOOP   ? "it is a symbolic link, which is not followed; name "
                                             "the file itself"
                          : errno == ENXIO ? "it is a fifo that nobody reads, or a socket; start "
                                             "its reader first"
                                           : strerror(errno);
        dora_error_set(error, DORA_EIO, "log.file: cannot open %s: %s", path, why);
        return -1;
    }
    if (number < 0) {
        (void)fcntl(fd, F_SETFL, O_APPEND); /* now it may wait for a reader that is slow */
    }
    return fd;
}
