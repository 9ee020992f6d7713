/* packet.c: one message of the link, over its socket, its descriptors riding along. */
#include "server/upgrade/packet.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

dora_err dr_packet_pair(int ends[2], dora_error *error)
{
    const int on = 1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return dora_error_set(error, DORA_EIO, "cannot make a socket: %s", strerror(errno));
    }
    (void)setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
    return DORA_OK;
}

dora_err dr_packet_send(int fd, dr_link_type type, dora_slice body, const int *fds, size_t count)
{
    unsigned char head[DR_LINK_HEAD_BYTES];
    struct iovec parts[2] = {{.iov_base = head, .iov_len = sizeof(head)},
                             {.iov_base = (void *)(uintptr_t)body.data, .iov_len = body.len}};
    struct msghdr packet = {.msg_iov = parts, .msg_iovlen = body.len > 0 ? 2 : 1};
    alignas(struct cmsghdr) char ancillary[CMSG_SPACE(sizeof(int) * DR_LINK_FDS_MAX)];
    if (count > DR_LINK_FDS_MAX || body.len > DR_LINK_BYTES_MAX) {
        return DORA_EINVAL;
    }
    dr_link_head(type, head);
    if (count > 0) {
        packet.msg_control = ancillary;
        /* Both lengths are socklen_t in musl, size_t in glibc. */
        packet.msg_controllen = (socklen_t)CMSG_SPACE(sizeof(int) * count);
        struct cmsghdr *item = CMSG_FIRSTHDR(&packet);
        item->cmsg_level = SOL_SOCKET;
        item->cmsg_type = SCM_RIGHTS;
        item->cmsg_len = (socklen_t)CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(item), fds, sizeof(int) * count);
    }
    ssize_t sent;
    do {
        sent = sendmsg(fd, &packet, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        return errno == EAGAIN ? DORA_EAGAIN : errno == ETOOMANYREFS ? DORA_EFULL : DORA_ECLOSED;
    }
    return DORA_OK;
}

/* take_ancillary takes what came beside a message: who sent it, its descriptors. */
static void take_ancillary(dr_packet *packet, const struct cmsghdr *item)
{
    const size_t len = item->cmsg_len - CMSG_LEN(0);
    if (item->cmsg_type == SCM_CREDENTIALS && len >= sizeof(struct ucred)) {
        struct ucred who;
        memcpy(&who, CMSG_DATA(item), sizeof(who));
        packet->sender = who.pid;
    }
    for (size_t at = 0; item->cmsg_type == SCM_RIGHTS && at + sizeof(int) <= len;
         at += sizeof(int)) {
        int fd;
        memcpy(&fd, CMSG_DATA(item) + at, sizeof(fd));
        if (packet->fd_count < DR_LINK_FDS_MAX) {
            packet->fds[packet->fd_count++] = fd;
        } else {
            close(fd);
        }
    }
}

dora_err dr_packet_receive(int fd, dr_packet *packet)
{
    struct iovec part = {.iov_base = packet->bytes, .iov_len = sizeof(packet->bytes)};
    alignas(struct cmsghdr) char
        ancillary[CMSG_SPACE(sizeof(int) * DR_LINK_FDS_MAX) + CMSG_SPACE(sizeof(struct ucred))];
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = ancillary,
                             .msg_controllen = sizeof(ancillary)};
    packet->fd_count = 0;
    packet->sender = 0;
    ssize_t got;
    do {
        got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return errno == EAGAIN ? DORA_EAGAIN : DORA_ECLOSED;
    }
    for (struct cmsghdr *item = CMSG_FIRSTHDR(&message); item != NULL;
         item = CMSG_NXTHDR(&message, item)) {
        if (item->cmsg_level == SOL_SOCKET) {
            take_ancillary(packet, item);
        }
    }
    if (got == 0) { /* no message is empty */
        return DORA_ECLOSED;
    }
    if (!dr_link_open((dora_slice){packet->bytes, (size_t)got}, &packet->type, &packet->body)) {
        dr_packet_close(packet);
        return DORA_EPROTO;
    }
    return DORA_OK;
}

int dr_packet_fd(dr_packet *packet)
{
    const int fd = packet->fd_count > 0 ? packet->fds[0] : -1;
    if (fd >= 0) {
        packet->fd_count--;
        memmove(packet->fds, packet->fds + 1, packet->fd_count * sizeof(*packet->fds));
    }
    return fd;
}

void dr_packet_close(dr_packet *packet)
{
    while (packet->fd_count > 0) {
        close(packet->fds[--packet->fd_count]);
    }
}
