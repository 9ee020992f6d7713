/* rights.h: as whom a process runs that this one starts, and what it may. */
#ifndef DR_BASE_RIGHTS_H
#define DR_BASE_RIGHTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/account.h"

#define DR_RIGHTS_UNSET UINT64_MAX

typedef struct dr_rights {
    dr_account account;
    bool has_account;        /* it is another user than this process */
    bool no_new_privs;       /* no program that it starts may more than it may itself */
    uint64_t mask;           /* umask; DR_RIGHTS_UNSET: as here */
    uint64_t core_bytes_max; /* of a core file; DR_RIGHTS_UNSET: as here */
    uint64_t data_bytes_max; /* of private memory that it may write; DR_RIGHTS_UNSET: as here */
    uint64_t files_max;      /* descriptors, of what it may raise by itself; 0: as here */
} dr_rights;

/* dr_rights_init sets what changes nothing. dr_rights_fini frees the account. */
void dr_rights_init(dr_rights *self);
void dr_rights_fini(dr_rights *self);

/* dr_rights_take gives the calling process these rights, for good. For between fork and exec.
 * Returns: 0, or errno and in `*what` what failed. */
int dr_rights_take(const dr_rights *self, const char **what);

#endif
