/* log_packet.c: what a zygote or a worker tells the master of itself, one packet a record. */
#include "ipc/log_packet.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* head stands before the bytes of tag, file and message. */
typedef struct head {
    uint64_t time_ns;
    uint64_t dropped;
    int32_t level;
    int32_t pid;
    uint32_t line;
    uint32_t tag_len;
    uint32_t file_len;
    uint32_t msg_len;
    uint32_t is_value; /* 0 or 1 */
    uint32_t kind;     /* dr_packet_kind */
} head;

dora_err dr_log_packet_pair(int fds[2], dora_error *error)
{
    const int bytes = DR_LOG_SOCKET_BYTES;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
        return dora_error_set(error, DORA_EIO, "cannot make a socket pair for the log: %s",
                              strerror(errno));
    }
    /* Past the system's limit where this process may, else as much as that. */
    if (setsockopt(fds[1], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) != 0) {
        (void)setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    }
    return DORA_OK;
}

static struct iovec part(dora_slice bytes, size_t max)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)bytes.data,
                          .iov_len = bytes.len < max ? bytes.len : max};
}

bool dr_log_packet_send(int fd, const dr_log_entry *entry, uint64_t dropped)
{
    head first = {.time_ns = entry->time_ns,
                  .dropped = dropped,
                  .level = entry->level,
                  .pid = entry->pid,
                  .line = entry->line};
    struct iovec parts[4] = {{.iov_base = &first, .iov_len = sizeof(first)},
                             part(entry->tag, DR_LOG_TAG_MAX),
                             part(entry->file, DR_LOG_FILE_MAX),
                             part(entry->msg, DR_LOG_RECORD_MAX)};
    first.tag_len = (uint32_t)parts[1].iov_len;
    first.file_len = (uint32_t)parts[2].iov_len;
    first.msg_len = (uint32_t)parts[3].iov_len;
    first.is_value = entry->is_value && entry->msg.len <= DR_LOG_RECORD_MAX; /* cut: no value */
    const struct msghdr packet = {.msg_iov = parts, .msg_iovlen = 4};
    return sendmsg(fd, &packet, MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
}

bool dr_log_packet_say(int fd, dr_packet_kind kind, const char *msg, size_t msg_len)
{
    head first = {.pid = getpid(), .kind = kind};
    struct iovec parts[2] = {{.iov_base = &first, .iov_len = sizeof(first)},
                             part((dora_slice){msg, msg_len}, DR_LOG_RECORD_MAX)};
    first.msg_len = (uint32_t)parts[1].iov_len;
    const struct msghdr packet = {.msg_iov = parts, .msg_iovlen = 2};
    while (sendmsg(fd, &packet, MSG_NOSIGNAL) < 0) {
        struct pollfd writable = {.fd = fd, .events = POLLOUT};
        if (errno != EINTR && errno != EAGAIN) {
            return false;
        }
        (void)poll(&writable, 1, 100);
    }
    return true;
}

/* decode reads a packet. Returns: false for one that a handler made up. */
static bool decode(dr_log_packet *packet, size_t len, dr_log_entry *entry, uint64_t *dropped)
{
    head first;
    const char *bytes = packet->bytes;
    if (len < sizeof(first)) {
        return false;
    }
    memcpy(&first, bytes, sizeof(first));
    if ((uint64_t)sizeof(first) + first.tag_len + first.file_len + first.msg_len != len) {
        return false;
    }
    const char *tag = bytes + sizeof(first);
    const char *file = tag + first.tag_len;
    *entry = (dr_log_entry){.level = first.level,
                            .time_ns = first.time_ns,
                            .tag = {tag, first.tag_len},
                            .file = {file, first.file_len},
                            .line = first.line,
                            .pid = first.pid,
                            .msg = {file + first.file_len, first.msg_len},
                            .is_value = first.is_value != 0};
    *dropped = first.dropped;
    packet->kind = (dr_packet_kind)first.kind;
    return first.kind <= DR_PACKET_NOT_STARTED;
}

/* is_ended tells the end of a socket from an empty packet. */
static bool is_ended(int fd)
{
    struct pollfd look = {.fd = fd, .events = POLLRDHUP};
    return poll(&look, 1, 0) < 0 || (look.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

bool dr_log_packet_receive(int fd, dr_log_packet *packet, dr_log_entry *entry, uint64_t *dropped)
{
    const ssize_t got = recv(fd, packet->bytes, sizeof(packet->bytes), MSG_DONTWAIT);
    const bool is_ours = got > 0 && decode(packet, (size_t)got, entry, dropped);
    packet->is_end = got == 0 ? is_ended(fd) : got < 0 && errno != EAGAIN && errno != EINTR;
    packet->is_bad = got >= 0 && !is_ours && !packet->is_end;
    return is_ours;
}
