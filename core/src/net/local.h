/* local.h: a listening Unix socket, and what may stand in its place already. */
#ifndef DR_NET_LOCAL_H
#define DR_NET_LOCAL_H

#include <sys/types.h>

#include "net/listener.h"

/* dr_local_listen makes a non-blocking socket that listens at `path`, whose file is for its owner
 * alone (0600) from the first moment. The file of a server that is no more is replaced. Errors:
 * DORA_EIO names the path and why: too long, in use, no socket, no permission. Ownership: gives the
 * descriptor; borrows `path` until dr_local_remove, which removes the file if it still is this
 * socket's. */
dora_err dr_local_listen(dr_local *local, const char *path, int backlog, int *listen_fd,
                         dora_error *error);
void dr_local_remove(dr_local *local);

/* dr_local_give gives the file another owner and group (-1: as it is), then its mode. Errors:
 * DORA_EIO names the path and why. */
dora_err dr_local_give(const dr_local *local, uid_t owner, gid_t group, mode_t mode,
                       dora_error *error);

#endif
