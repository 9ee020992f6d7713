/* capability.c: the single rights that root is made of. By system calls: libcap would be a library
 * for three of them, and one that knows nothing of threads. */
#include "base/capability.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAPABILITIES_MAX 64 /* that the sets have room for */

typedef struct sets {
    struct __user_cap_data_struct half[_LINUX_CAPABILITY_U32S_3]; /* of 32 each */
} sets;

static uint32_t half_of(uint64_t capabilities, unsigned i)
{
    return (uint32_t)(capabilities >> (32 * i));
}

bool dr_capabilities_have(uint64_t wanted)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    sets now;
    return syscall(SYS_capget, &head, now.half) == 0 &&
           (now.half[0].effective & half_of(wanted, 0)) == half_of(wanted, 0) &&
           (now.half[1].effective & half_of(wanted, 1)) == half_of(wanted, 1);
}

void dr_capabilities_hold_back(uint64_t held)
{
    for (int i = 0; i < CAPABILITIES_MAX; i++) {
        if ((held & DR_CAPABILITY(i)) != 0) {
            (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, i, 0, 0);
        }
    }
}

int dr_capabilities_keep(uint64_t kept)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    sets next;
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        next.half[i] = (struct __user_cap_data_struct){.effective = half_of(kept, i),
                                                       .permitted = half_of(kept, i)};
    }
    /* What cannot be inherited leaves the ambient set, too. */
    return syscall(SYS_capset, &head, next.half) == 0 ? 0 : errno;
}

int dr_capabilities_bound(uint64_t kept)
{
    int is_there;
    if (!dr_capabilities_have(DR_CAPABILITY(CAP_SETPCAP))) {
        return 0;
    }
    for (int i = 0; (is_there = prctl(PR_CAPBSET_READ, i, 0, 0, 0)) >= 0; i++) {
        if (is_there == 1 && (kept & DR_CAPABILITY(i)) == 0 &&
            prctl(PR_CAPBSET_DROP, i, 0, 0, 0) != 0) {
            return errno;
        }
    }
    return 0;
}
