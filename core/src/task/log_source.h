/* log_source.h: the master's end of what one process of a pool tells of itself, above all of what
 * its handlers log. Each zygote and each worker has a socket of its own, so that one that shuts it
 * down, fills it or writes rubbish into it spoils its own. Thread: the supervisor's, all of it. */
#ifndef DR_TASK_LOG_SOURCE_H
#define DR_TASK_LOG_SOURCE_H

#include <uv.h>

#include "base/log.h"
#include "ipc/log_packet.h"

typedef struct dr_log_source {
    uv_poll_t poll;
    int fd;
    dr_log *log;
    const char *pool;
    bool is_open;
    bool has_worker; /* it is a worker's: its number, and the generation of its application */
    uint32_t worker;
    uint32_t generation;
    bool is_ended; /* the process has shut it down, or ends */
    /* on_word is called with what is no record; NULL: nothing else is expected. It may close the
     * feed. */
    void (*on_word)(struct dr_log_source *feed, dr_packet_kind kind, dora_slice msg);
} dr_log_source;

/* dr_log_source_open makes the socket and begins to read; what the process is given comes in
 * `*write_fd`. `on_word` is the caller's to set. `pool` is borrowed for the feed's life. Ownership:
 * gives `*write_fd`. Errors: DORA_EIO. dr_log_source_read reads what has come, without waiting for
 * the loop's turn: on_word may close the feed. dr_log_source_close reads what has come and ends it;
 * `on_closed` follows (NULL is fine). It does nothing for one that is not open, and returns false.
 */
dora_err dr_log_source_open(dr_log_source *feed, uv_loop_t *loop, dr_log *log, const char *pool,
                            int *write_fd, dora_error *error);
void dr_log_source_read(dr_log_source *feed);
bool dr_log_source_close(dr_log_source *feed, uv_close_cb on_closed);

#endif
