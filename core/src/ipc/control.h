/* control.h: the messages between the master and a zygote, over a SOCK_SEQPACKET pair. */
#ifndef DR_IPC_CONTROL_H
#define DR_IPC_CONTROL_H

#include <sys/types.h>

#include "base/limits.h"
#include "ipc/region.h"

enum {
    DR_CONTROL_FD = 3, /* where a zygote finds its end */
    DR_CONTROL_FDS_MAX = DR_REACTORS_MAX + 2
};

typedef enum dr_control_kind {
    /* master to zygote */
    DR_CONTROL_SETUP = 1, /* text: dr_control_setup, then the target; fds: region, log,
                           * eventfds */
    DR_CONTROL_FORK,      /* slot, number: the worker's number in its title; fds: its log; where it
                           * has an event loop, the pipe that wakes it, both ends */
    DR_CONTROL_PING,      /* PONG is wanted: the zygote's loop turns */
    DR_CONTROL_STOP,
    /* zygote to master */
    DR_CONTROL_HELLO,    /* number: region layout; text: "runtime version / dora version" */
    DR_CONTROL_FILE,     /* text: the path of a file that the application consists of */
    DR_CONTROL_NAME,     /* text: one api name; empty: the fallback, which is said last */
    DR_CONTROL_ABOUT,    /* text: a piece of what is said of the api named last; number: of what
                          * (dr_about_part) */
    DR_CONTROL_LIMIT,    /* number: how many ms the api named last may run; 0: as long as it likes.
                          * Not said of one that has its pool's limit */
    DR_CONTROL_LOADED,   /* the application is loaded, all names are said; number: 1 where its
                         * workers run event loops */
    DR_CONTROL_FAILED,   /* text: why it does not load */
    DR_CONTROL_UNSHARED, /* text: what there is after loading that workers cannot share, so that it
                          * must load after the fork; number: threads */
    DR_CONTROL_PONG,
    /* about a slot */
    DR_CONTROL_FORKED,     /* slot, pid; fd: pidfd */
    DR_CONTROL_EXITED,     /* slot, pid, number: wait status */
    DR_CONTROL_NOT_STARTED /* slot; text: why it could not be forked */
} dr_control_kind;

/* dr_control_setup tells a zygote what it is. Followed by the target's bytes. */
typedef struct dr_control_setup {
    dr_region_shape shape;
    uint32_t reply_bytes_max;
    uint32_t log_level;
    uint32_t concurrency;
    uint32_t threads;
    uint32_t time_limit_ms;
    uint32_t accepted_limit_ms;
    uint32_t kill_after_ms;
    uint32_t memory_hard_mb; /* 0: no limit */
    uint8_t preload;
    uint8_t dev;   /* it says which files it has loaded */
    uint8_t is_c;  /* run the core's C runtime, not the process's own */
    char pool[66]; /* the longest name, and its end */
} dr_control_setup;

typedef struct dr_control_head {
    uint32_t kind;
    uint32_t slot;
    int32_t pid;
    int32_t number;
} dr_control_head;

typedef struct dr_control_message {
    dr_control_head head;
    size_t text_len;
    pid_t sender; /* as the kernel knows it; 0 where it was not asked to say so */
    size_t fd_count;
    int fds[DR_CONTROL_FDS_MAX];
    char text[DR_CONTROL_BYTES_MAX];
} dr_control_message;

/* dr_control_know_senders makes the kernel say who sent what is received at `fd` from now on. */
void dr_control_know_senders(int fd);

/* dr_control_send sends one message, with text (cut at the limit) and descriptors. A peer that is
 * gone is DORA_ECLOSED, one that is full (of a non-blocking socket) DORA_EAGAIN.
 * Ownership: borrows the descriptors. */
dora_err dr_control_send(int fd, const dr_control_head *head, const void *text, size_t text_len,
                         const int *fds, size_t fd_count);

/* dr_control_receive takes one message. Returns: DORA_EAGAIN when a non-blocking socket has none,
 * DORA_ECLOSED at its end, DORA_EPROTO for one that is no message. Ownership: gives the
 * descriptors (close-on-exec). */
dora_err dr_control_receive(int fd, dr_control_message *message);

/* dr_control_fd gives the message's first descriptor to the caller, -1: it has none.
 * dr_control_close closes those that nobody took. */
int dr_control_fd(dr_control_message *message);
void dr_control_close(dr_control_message *message);

#endif
