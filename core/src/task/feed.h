/* feed.h: the master's end of what a pool's handlers log.
 * Thread: the supervisor's, all of it. */
#ifndef DR_TASK_FEED_H
#define DR_TASK_FEED_H

#include <uv.h>

#include "base/log.h"

/* dr_feed lives as long as its pool, over all its zygotes. */
typedef struct dr_feed {
    uv_poll_t poll;
    int read_fd;
    int write_fd; /* what zygotes and workers are given */
    dr_log *log;
    const char *pool;
    bool is_open;
} dr_feed;

/* dr_feed_open makes the socket and begins to read. `pool` is borrowed for the feed's life.
 * Errors: DORA_EIO. dr_feed_close reads what has come and ends it; fine on one that is not open. */
dora_err dr_feed_open(dr_feed *feed, uv_loop_t *loop, dr_log *log, const char *pool,
                      dora_error *error);
void dr_feed_close(dr_feed *feed);

#endif
