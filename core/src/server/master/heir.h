/* heir.h: a master that takes over from another one (elder.h), which has started it. Thread: the
 * supervisor's. */
#ifndef DR_SERVER_HEIR_H
#define DR_SERVER_HEIR_H

#include "server/upgrade/line.h"
#include "server/upgrade/moved.h"

struct dr_server;

typedef enum dr_heir_stage {
    DR_HEIR_NONE = 0, /* this server was started by itself */
    DR_HEIR_LOADING,
    DR_HEIR_READY, /* all is prepared; nobody comes in yet */
    DR_HEIR_SERVING
} dr_heir_stage;

/* dr_heir_file is a pid file that was offered. */
typedef struct dr_heir_file {
    char *path;
    int fd; /* -1: it was taken */
} dr_heir_file;

typedef struct dr_heir {
    dr_heir_stage stage;
    int fd; /* the link, until there is a loop; -1 */
    dr_line *line;
    pid_t elder; /* 0: it has ended */
    dr_heir_file *files;
    size_t file_count;
    dr_moved moved; /* what came from the elder */
} dr_heir;

/* dr_heir_link takes the link out of the environment. Returns: -1: nobody is to be taken over
 * from. Thread: before any other and any child. */
int dr_heir_link(void);

/* dr_heir_begin asks over the link for what can be taken over, and takes this process's output into
 * use. Errors: DORA_EIO where there is nobody. Ownership: takes the link. */
dora_err dr_heir_begin(struct dr_server *server, int link_fd, dora_error *error);

/* dr_heir_open listens to the link on the server's loop. Errors: DORA_EIO, DORA_ENOMEM. */
dora_err dr_heir_open(struct dr_server *server, dora_error *error);

/* dr_heir_pid_file gives the open and locked file of that name, where it was offered; -1: it was
 * not. NULL is fine. Ownership: gives. */
int dr_heir_pid_file(struct dr_server *server, const char *path);

/* dr_heir_waits: all is prepared. Returns: whether the other server is told so, and has to say when
 * clients are let in; else they are now. dr_heir_is_ready: whether that moment is awaited. */
bool dr_heir_waits(struct dr_server *server);
bool dr_heir_is_ready(const struct dr_server *server);

/* dr_heir_elder_pid gives the process that this one took over from, while it lives; else 0. */
pid_t dr_heir_elder_pid(const struct dr_server *server);

/* dr_heir_close closes the link: the loop ends. dr_heir_fini frees. Where nobody was taken over
 * from, they say why: `why`. */
void dr_heir_close(struct dr_server *server);
void dr_heir_fini(struct dr_server *server, const char *why);

#endif
