/* log_source.c: records of one process's handlers, from their socket into the server's log. */
#include "task/log_source.h"

#include <stddef.h>
#include <unistd.h>

#include "base/slice.h"

#define PACKETS_A_TURN 256  /* then the supervisor looks after its other work */
#define TURNS_AT_THE_END 64 /* what a process leaves that the end of another one has outlived */

static void say_dropped(const dr_log_source *feed, const dr_log_entry *entry, uint64_t dropped)
{
    dr_log_write(feed->log, DR_LOG_ERROR, feed->pool, "%llu records of process %d were dropped",
                 (unsigned long long)dropped, entry->pid);
}

static void record(const dr_log_source *feed, dr_log_entry *entry, uint64_t dropped)
{
    if (dropped > 0) {
        say_dropped(feed, entry, dropped);
    }
    entry->pool = feed->pool;
    if (entry->tag.len == 0) {
        entry->tag = dr_slice(feed->pool);
    }
    dr_log_record(feed->log, entry);
}

/* take reads up to `max` packets. Returns: how many there were. */
static int take(dr_log_source *feed, int max)
{
    dr_log_packet packet;
    dr_log_entry entry;
    uint64_t dropped;
    for (int count = 0; count < max; count++) {
        if (!feed->is_open) {
            return count;
        }
        const bool is_ours = dr_log_packet_receive(feed->fd, &packet, &entry, &dropped);
        if (!is_ours && !packet.is_bad) {
            feed->is_ended = packet.is_end;
            return count;
        }
        if (is_ours && packet.kind == DR_PACKET_RECORD) {
            packet.call.has_worker = feed->has_worker;
            packet.call.worker = feed->worker;
            packet.call.generation = feed->generation;
            record(feed, &entry, dropped);
        } else if (is_ours && feed->on_word != NULL) {
            feed->on_word(feed, packet.kind, entry.msg);
        }
    }
    return max;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    dr_log_source *feed = (dr_log_source *)(void *)((char *)poll - offsetof(dr_log_source, poll));
    (void)events;
    (void)take(feed, PACKETS_A_TURN);
    if (feed->is_open && (feed->is_ended || status != 0)) {
        uv_poll_stop(poll); /* it would be readable for ever */
    }
}

dora_err dr_log_source_open(dr_log_source *feed, uv_loop_t *loop, dr_log *log, const char *pool,
                            int *write_fd, dora_error *error)
{
    int fds[2];
    const dora_err err = dr_log_packet_pair(fds, error);
    if (err != DORA_OK) {
        return err;
    }
    *feed = (dr_log_source){.fd = fds[0], .log = log, .pool = pool};
    if (uv_poll_init(loop, &feed->poll, fds[0]) != 0) {
        close(fds[0]);
        close(fds[1]);
        return dora_error_set(error, DORA_EIO, "cannot watch the log's socket");
    }
    feed->is_open = true;
    uv_poll_start(&feed->poll, UV_READABLE, on_readable);
    uv_unref((uv_handle_t *)&feed->poll);
    *write_fd = fds[1];
    return DORA_OK;
}

void dr_log_source_read(dr_log_source *feed)
{
    for (int turn = 0; turn < TURNS_AT_THE_END && take(feed, PACKETS_A_TURN) > 0; turn++) {
    }
}

bool dr_log_source_close(dr_log_source *feed, uv_close_cb on_closed)
{
    if (!feed->is_open) {
        return false;
    }
    feed->on_word = NULL;
    dr_log_source_read(feed);
    feed->is_open = false;
    uv_close((uv_handle_t *)&feed->poll, on_closed);
    close(feed->fd);
    return true;
}
