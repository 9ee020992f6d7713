/* stream.c: the bytes of one open connection, without waiting. */
#include "transport/stream.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static bool is_again(int number)
{
    return number == EAGAIN || number == EWOULDBLOCK || number == EINTR;
}

static dora_err lost(dr_loss *loss, int number)
{
    *loss = dr_loss_of(number);
    return loss->err;
}

dora_err dr_stream_send(const dr_stream *stream, dora_slice bytes, size_t *sent, dr_loss *loss)
{
    ssize_t count = send(stream->fd, bytes.data, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    *sent = count > 0 ? (size_t)count : 0;
    if (count < 0 && !is_again(errno)) {
        return lost(loss, errno);
    }
    return *sent == bytes.len ? DORA_OK : DORA_EAGAIN;
}

dora_err dr_stream_receive(const dr_stream *stream, char *room, size_t room_len, bool may_wait,
                           size_t *got, dr_loss *loss)
{
    ssize_t count = recv(stream->fd, room, room_len, may_wait ? 0 : MSG_DONTWAIT);
    *got = count > 0 ? (size_t)count : 0;
    if (count > 0) {
        return DORA_OK;
    }
    if (count < 0 && is_again(errno)) {
        return DORA_EAGAIN;
    }
    return lost(loss, count == 0 ? 0 : errno);
}

bool dr_stream_is_quiet(const dr_stream *stream)
{
    char byte;
    ssize_t got = recv(stream->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && is_again(errno);
}

void dr_stream_close(dr_stream *stream)
{
    if (stream->fd >= 0) {
        close(stream->fd);
        stream->fd = -1;
    }
}
