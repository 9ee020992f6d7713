/* output.c: what a worker prints. */
#include "task/output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

void dr_output_own(void)
{
    struct stat out;
    struct stat err;
    if (fstat(STDOUT_FILENO, &out) != 0 || !S_ISFIFO(out.st_mode)) {
        return;
    }
    const int fd = open("/proc/self/fd/1", O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    (void)dup2(fd, STDOUT_FILENO);
    if (fstat(STDERR_FILENO, &err) == 0 && err.st_ino == out.st_ino && err.st_dev == out.st_dev) {
        (void)dup2(fd, STDERR_FILENO);
    }
    close(fd);
}
