/* descriptor.c: descriptors of a process that is to become another program. */
#include "base/descriptor.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int dr_descriptor_high(int fd, int first)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, first);
}

void dr_descriptor_close(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

void dr_descriptor_close_from(int first)
{
    struct rlimit files;
    if (syscall(SYS_close_range, first, ~0u, 0) == 0 || getrlimit(RLIMIT_NOFILE, &files) != 0) {
        return;
    }
    for (int fd = first; (rlim_t)fd < files.rlim_cur; fd++) { /* before Linux 5.9 */
        (void)close(fd);
    }
}
