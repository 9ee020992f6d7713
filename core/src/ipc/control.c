/* control.c: one control message is one packet, its descriptors riding along. */
#include "ipc/control.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

dora_err dr_control_send(int fd, const dr_control_head *head, const void *text, size_t text_len,
                         const int *fds, size_t fd_count)
{
    dr_control_head copy = *head;
    struct iovec parts[2] = {
        {.iov_base = &copy, .iov_len = sizeof(copy)},
        {.iov_base = (void *)(uintptr_t)text,
         .iov_len = text_len < DR_CONTROL_BYTES_MAX ? text_len : DR_CONTROL_BYTES_MAX}};
    struct msghdr packet = {.msg_iov = parts, .msg_iovlen = 2};
    alignas(struct cmsghdr) char ancillary[CMSG_SPACE(sizeof(int) * DR_CONTROL_FDS_MAX)];
    if (fd_count > DR_CONTROL_FDS_MAX) {
        return DORA_EINVAL;
    }
    if (fd_count > 0) {
        packet.msg_control = ancillary;
        /* Both lengths are socklen_t in musl, size_t in glibc. */
        packet.msg_controllen = (socklen_t)CMSG_SPACE(sizeof(int) * fd_count);
        struct cmsghdr *item = CMSG_FIRSTHDR(&packet);
        item->cmsg_level = SOL_SOCKET;
        item->cmsg_type = SCM_RIGHTS;
        item->cmsg_len = (socklen_t)CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(item), fds, sizeof(int) * fd_count);
    }
    ssize_t sent;
    do {
        sent = sendmsg(fd, &packet, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        return errno == EAGAIN ? DORA_EAGAIN : DORA_ECLOSED;
    }
    return DORA_OK;
}

int dr_control_fd(dr_control_message *message)
{
    const int fd = message->fd_count > 0 ? message->fds[0] : -1;
    if (fd >= 0) {
        message->fd_count--;
        memmove(message->fds, message->fds + 1, message->fd_count * sizeof(*message->fds));
    }
    return fd;
}

void dr_control_close(dr_control_message *message)
{
    while (message->fd_count > 0) {
        close(message->fds[--message->fd_count]);
    }
}

void dr_control_know_senders(int fd)
{
    const int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
}

/* take_ancillary takes what came beside a message: who sent it, its descriptors. */
static void take_ancillary(dr_control_message *message, const struct cmsghdr *item)
{
    const size_t len = item->cmsg_len - CMSG_LEN(0);
    if (item->cmsg_type == SCM_CREDENTIALS && len >= sizeof(struct ucred)) {
        struct ucred who;
        memcpy(&who, CMSG_DATA(item), sizeof(who));
        message->sender = who.pid;
    }
    for (size_t at = 0; item->cmsg_type == SCM_RIGHTS && at + sizeof(int) <= len;
         at += sizeof(int)) {
        int fd;
        memcpy(&fd, CMSG_DATA(item) + at, sizeof(fd));
        if (message->fd_count < DR_CONTROL_FDS_MAX) {
            message->fds[message->fd_count++] = fd;
        } else {
            close(fd);
        }
    }
}

/* is_ended tells the end of a socket from an empty packet. */
static bool is_ended(int fd)
{
    struct pollfd look = {.fd = fd, .events = POLLRDHUP};
    return poll(&look, 1, 0) < 0 || (look.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

dora_err dr_control_receive(int fd, dr_control_message *message)
{
    struct iovec parts[2] = {{.iov_base = &message->head, .iov_len = sizeof(message->head)},
                             {.iov_base = message->text, .iov_len = sizeof(message->text)}};
    alignas(struct cmsghdr) char
        ancillary[CMSG_SPACE(sizeof(int) * DR_CONTROL_FDS_MAX) + CMSG_SPACE(sizeof(struct ucred))];
    struct msghdr packet = {.msg_iov = parts,
                            .msg_iovlen = 2,
                            .msg_control = ancillary,
                            .msg_controllen = sizeof(ancillary)};
    message->fd_count = 0;
    message->text_len = 0;
    message->sender = 0;
    ssize_t got;
    do {
        got = recvmsg(fd, &packet, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return errno == EAGAIN ? DORA_EAGAIN : DORA_ECLOSED;
    }
    for (struct cmsghdr *item = CMSG_FIRSTHDR(&packet); item != NULL;
         item = CMSG_NXTHDR(&packet, item)) {
        if (item->cmsg_level == SOL_SOCKET) {
            take_ancillary(message, item);
        }
    }
    if (got == 0 && is_ended(fd)) {
        return DORA_ECLOSED;
    }
    if ((size_t)got < sizeof(message->head)) {
        dr_control_close(message);
        return DORA_EPROTO;
    }
    message->text_len = (size_t)got - sizeof(message->head);
    return DORA_OK;
}
