/* line.h: an end of the link on a loop: it never waits, and what does not go at once is queued.
 * Thread: the loop's. */
#ifndef DR_SERVER_LINE_H
#define DR_SERVER_LINE_H

#include <uv.h>

#include "server/upgrade/packet.h"

typedef struct dr_line dr_line;

/* dr_line_events is what the line says to its owner; `user` is the last argument of each. Each may
 * close the line. */
typedef struct dr_line_events {
    /* on_message: descriptors of the packet that nobody took are closed behind it. */
    void (*on_message)(dr_packet *packet, void *user);
    /* on_end: the other side is gone, or has said what is no message. It is called once. */
    void (*on_end)(void *user);
    /* on_drained: the socket has taken all that had waited. May be NULL. */
    void (*on_drained)(void *user);
    void *user;
} dr_line_events;

/* dr_line_new watches `fd` on `loop`. Ownership: takes the descriptor, also after an error; gives;
 * dr_line_close frees once the loop has turned. Errors: DORA_ENOMEM, DORA_EIO. */
dora_err dr_line_new(dr_line **line, uv_loop_t *loop, int fd, const dr_line_events *events);
void dr_line_close(dr_line *line);

/* dr_line_unsent gives the bytes of the messages that wait. */
size_t dr_line_unsent(const dr_line *line);

/* dr_line_look takes what has come by now, without waiting for the loop to tell. */
void dr_line_look(dr_line *line);

/* dr_line_send sends a message behind those that wait. Where the other side is gone, or there is no
 * memory, it is dropped: the end is told by on_end. Ownership: takes the descriptors. */
void dr_line_send(dr_line *line, dr_link_type type, dora_slice body, const int *fds, size_t count);

#endif
