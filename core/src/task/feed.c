/* feed.c: records of a pool's handlers, from their socket into the server's log. */
#include "task/feed.h"

#include <string.h>
#include <unistd.h>

#include "ipc/log_packet.h"

#define PACKETS_A_TURN 256 /* then the supervisor looks after its other work */

static void say_dropped(const dr_feed *feed, const dr_log_entry *entry, uint64_t dropped)
{
    dr_log_write(feed->log, DR_LOG_ERROR, feed->pool, "%llu records of process %d were dropped",
                 (unsigned long long)dropped, entry->pid);
}

/* take reads up to `max` records. Returns: how many. */
static int take(const dr_feed *feed, int max)
{
    dr_log_packet packet;
    dr_log_entry entry;
    uint64_t dropped;
    int count = 0;
    while (count < max && dr_log_packet_receive(feed->read_fd, &packet, &entry, &dropped)) {
        if (dropped > 0) {
            say_dropped(feed, &entry, dropped);
        }
        entry.pool = feed->pool;
        if (entry.tag.len == 0) {
            entry.tag = (dora_slice){feed->pool, strlen(feed->pool)};
        }
        dr_log_record(feed->log, &entry);
        count++;
    }
    return count;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    (void)take(poll->data, PACKETS_A_TURN);
}

dora_err dr_feed_open(dr_feed *feed, uv_loop_t *loop, dr_log *log, const char *pool,
                      dora_error *error)
{
    int fds[2];
    const dora_err err = dr_log_packet_pair(fds, error);
    if (err != DORA_OK) {
        return err;
    }
    *feed = (dr_feed){.read_fd = fds[0], .write_fd = fds[1], .log = log, .pool = pool};
    if (uv_poll_init(loop, &feed->poll, fds[0]) != 0) {
        close(fds[0]);
        close(fds[1]);
        return dora_error_set(error, DORA_EIO, "cannot watch the log's socket");
    }
    feed->is_open = true;
    feed->poll.data = feed;
    uv_poll_start(&feed->poll, UV_READABLE, on_readable);
    return DORA_OK;
}

void dr_feed_close(dr_feed *feed)
{
    if (!feed->is_open) {
        return;
    }
    while (take(feed, PACKETS_A_TURN) == PACKETS_A_TURN) {
    }
    feed->is_open = false;
    uv_close((uv_handle_t *)&feed->poll, NULL);
    close(feed->read_fd);
    close(feed->write_fd);
}
