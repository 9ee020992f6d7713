/* dev.h: dr_dev, a server for who writes its application: it loads what was saved, and leaves the
 * terminal to whom it belongs. Thread: the supervisor's. */
#ifndef DR_SERVER_DEV_H
#define DR_SERVER_DEV_H

#include <termios.h>
#include <uv.h>

#include <dora/error.h>
#include <dora/value.h>

#include "server/config/config.h"
#include "server/master/sources.h"
#include "task/crew.h"

struct dr_server;

typedef struct dr_dev {
    dr_sources *sources; /* NULL: this server is not for that */
    bool has_terminal;   /* it was started at one, in the foreground */
    bool has_failed;     /* what was loaded last */
    bool has_not_begun;  /* that was the first, and nothing serves */
    uint64_t first_ms;   /* the first of the saves that are not loaded yet; 0: there is none */
    uv_poll_t poll;
    uv_timer_t quiet;
    struct termios terminal;
} dr_dev;

/* dr_dev_open begins to watch the applications' files, where the configuration wants it; else it
 * does nothing, as all that follows. Errors: DORA_EIO. dr_dev_close gives the terminal back as it
 * was. */
dora_err dr_dev_open(struct dr_server *server, dora_error *error);
void dr_dev_close(struct dr_server *server);

/* dr_dev_file: an application consists of this file, too. */
void dr_dev_file(struct dr_server *server, dora_slice path);

/* dr_dev_launch: the processes of a pool are about to be started. */
void dr_dev_launch(struct dr_server *server, const dr_pool_config *pool);

/* dr_dev_waits: nothing could be started; `why` is told, once. Returns: true where all is started
 * again after the next save. dr_dev_waits_for: an application does not load at the start, and true
 * only where a save may mend that. */
bool dr_dev_waits(struct dr_server *server, const char *why);
bool dr_dev_waits_for(struct dr_server *server, const dr_crew *crew);

/* dr_dev_has_lost_terminal: the window that the server was started in is closed, which is what a
 * SIGHUP is about, then. */
bool dr_dev_has_lost_terminal(const struct dr_server *server);

/* dr_dev_begin: the applications are about to be loaded. dr_dev_loaded: a reload has ended. */
void dr_dev_begin(struct dr_server *server);
void dr_dev_loaded(struct dr_server *server, bool is_good);

#endif
