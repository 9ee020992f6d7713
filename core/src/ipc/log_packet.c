/* log_packet.c: what a zygote or a worker tells the master of itself, one packet a record. */
#include "ipc/log_packet.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* A packet's texts, in their order; those from PART_API on are of a call. */
enum {
    PART_TAG = 0,
    PART_FILE,
    PART_MSG,
    PART_API,
    PART_GUID,
    PART_TRACE,
    PART_TYPE,
    PART_CLASS,
    PART_TRACEBACK,
    PART_COUNT
};

static const size_t PART_MAX[PART_COUNT] = {DR_LOG_TAG_MAX, DR_LOG_FILE_MAX,  DR_LOG_RECORD_MAX,
                                            DR_LOG_TAG_MAX, DR_LOG_TAG_MAX,   DR_TRACE_BYTES_MAX,
                                            DR_LOG_TAG_MAX, DR_LOG_CLASS_MAX, DR_LOG_RECORD_MAX};

/* head stands before the bytes of the texts. */
typedef struct head {
    uint64_t time_ns;
    uint64_t dropped;
    int32_t level;
    int32_t pid;
    uint32_t line;
    uint32_t lens[PART_COUNT];
    uint8_t is_value; /* these are 0 or 1 */
    uint8_t is_line;
    uint8_t has_call; /* of kind `call_kind` */
    uint8_t is_timed;
    uint32_t kind; /* dr_packet_kind */
    uint32_t call_kind;
    int64_t code; /* this and what follows: of the call */
    uint64_t queue_ns;
    uint64_t run_ns;
} head;

static_assert(sizeof(head) <= 128, "DR_LOG_PACKET_MAX has room for it");
static_assert(DR_TRACE_BYTES_MAX <= DR_LOG_TAG_MAX, "DR_LOG_PACKET_MAX has room for it");

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
    static const dr_log_call none;
    const dr_log_call *call = entry->call != NULL ? entry->call : &none;
    const dora_slice texts[PART_COUNT] = {entry->tag, entry->file,      entry->msg,
                                          call->api,  call->guid,       call->trace,
                                          call->type, call->class_name, call->traceback};
    head first = {.time_ns = entry->time_ns,
                  .dropped = dropped,
                  .level = entry->level,
                  .pid = entry->pid,
                  .line = entry->line,
                  .is_value = entry->is_value && entry->msg.len <= DR_LOG_RECORD_MAX, /* not cut */
                  .is_line = entry->is_line,
                  .has_call = entry->call != NULL,
                  .call_kind = call->kind,
                  .is_timed = call->is_timed,
                  .code = call->code,
                  .queue_ns = call->queue_ns,
                  .run_ns = call->run_ns};
    struct iovec parts[1 + PART_COUNT] = {{.iov_base = &first, .iov_len = sizeof(first)}};
    for (size_t i = 0; i < PART_COUNT; i++) {
        parts[1 + i] = part(texts[i], PART_MAX[i]);
        first.lens[i] = (uint32_t)parts[1 + i].iov_len;
    }
    const struct msghdr packet = {.msg_iov = parts, .msg_iovlen = 1 + PART_COUNT};
    return sendmsg(fd, &packet, MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
}

bool dr_log_packet_say(int fd, dr_packet_kind kind, const char *msg, size_t msg_len)
{
    head first = {.pid = getpid(), .kind = kind};
    struct iovec parts[2] = {{.iov_base = &first, .iov_len = sizeof(first)},
                             part((dora_slice){msg, msg_len}, DR_LOG_RECORD_MAX)};
    first.lens[PART_MSG] = (uint32_t)parts[1].iov_len;
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
    dora_slice texts[PART_COUNT];
    const char *bytes = packet->bytes + sizeof(first);
    if (len < sizeof(first)) {
        return false;
    }
    memcpy(&first, packet->bytes, sizeof(first));
    size_t left = len - sizeof(first);
    for (size_t i = 0; i < PART_COUNT; i++) {
        if (first.lens[i] > left) {
            return false;
        }
        texts[i] = (dora_slice){bytes, first.lens[i]};
        bytes += first.lens[i];
        left -= first.lens[i];
    }
    const bool is_error = first.call_kind == DR_LOG_CALL_ERROR;
    packet->call = (dr_log_call){.kind = is_error ? DR_LOG_CALL_ERROR : DR_LOG_CALL_WITHIN,
                                 .api = texts[PART_API],
                                 .guid = texts[PART_GUID],
                                 .trace = texts[PART_TRACE],
                                 .type = texts[PART_TYPE],
                                 .code = first.code,
                                 .is_timed = first.is_timed != 0,
                                 .queue_ns = first.queue_ns,
                                 .run_ns = first.run_ns,
                                 .class_name = texts[PART_CLASS],
                                 .traceback = texts[PART_TRACEBACK]};
    *entry = (dr_log_entry){.level = first.level,
                            .time_ns = first.time_ns,
                            .tag = texts[PART_TAG],
                            .file = texts[PART_FILE],
                            .line = first.line,
                            .pid = first.pid,
                            .msg = texts[PART_MSG],
                            .is_value = first.is_value != 0,
                            .is_line = first.is_line != 0,
                            .call = first.has_call != 0 ? &packet->call : NULL};
    *dropped = first.dropped;
    packet->kind = (dr_packet_kind)first.kind;
    return left == 0 && first.kind <= DR_PACKET_FILE;
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
