/* adopted.h: what process 1 of a container is given: processes whose parent has ended. */
#ifndef DR_SERVER_ADOPTED_H
#define DR_SERVER_ADOPTED_H

#include <stdbool.h>

#include <uv.h>

struct dr_server;

typedef struct dr_adopted {
    uv_signal_t ended; /* of a child */
    bool is_watching;
} dr_adopted;

/* dr_adopted_open waits from now on for whatever is left to this process when its own parent ends,
 * and has ended itself, where this is process 1; elsewhere it does nothing. Processes of a pool are
 * waited for by their crew, and those that a program which calls run() has started, by it, as long
 * as they are in its process group.
 * dr_adopted_look looks once more: a child of somebody else may have stood in front.
 * Thread: the supervisor's. */
void dr_adopted_open(struct dr_server *server);
void dr_adopted_look(struct dr_server *server);
void dr_adopted_close(struct dr_server *server);

#endif
