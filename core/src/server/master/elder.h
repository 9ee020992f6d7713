/* elder.h: how a master hands over to its heir, the same program started anew (upgrade/link.h).
 *
 * The heir gets ready beside it; until then nothing is changed, and whatever goes wrong is told to
 * who asked. When the heir serves, this one accepts no more, finishes what it has, and ends; what
 * the heir has taken (sockets, pid files, places in Redis) it leaves where it is. Thread: the
 * supervisor's, but for what says so. */
#ifndef DR_SERVER_ELDER_H
#define DR_SERVER_ELDER_H

#include <sys/stat.h>

#include "base/signals.h"
#include "server/config/config.h"
#include "server/upgrade/moving.h"

struct dr_reload_request;
struct dr_server;

#define DR_ELDER_WHY_BYTES 4096 /* as a message of dora_error */

typedef enum dr_elder_stage {
    DR_ELDER_ALONE = 0, /* no upgrade is under way */
    DR_ELDER_WAITING,   /* for an heir that gets ready */
    DR_ELDER_GIVING,    /* it was told to take over */
    DR_ELDER_FAILED,    /* the heir is ended */
    DR_ELDER_OVER       /* the heir serves */
} dr_elder_stage;

typedef struct dr_elder {
    char **words;     /* how this program was started; NULL: it is not known */
    uid_t uid;        /* as whom */
    sigset_t ignored; /* signals that were when it started */
    dr_elder_stage stage;
    struct dr_heir_process *heir;    /* NULL: there is none */
    struct dr_reload_request *asked; /* by whom; answered with what becomes of it */
    dr_texts places;                 /* in Redis, that the heir has */
    struct stat unix_file; /* of the Unix socket, where it `has_unix`, before the heir has it */
    bool has_unix;
    bool has_taken_unix;
    int stop_signal;              /* came while the heir took over: it is the heir's */
    char why[DR_ELDER_WHY_BYTES]; /* it failed */
    dr_moving moving;             /* what it gives to the heir */
    _Atomic uint32_t let_go;      /* lanes that accept no more */
} dr_elder;

/* dr_elder_init makes one that hands over nothing yet; `signals` is how they were before the server
 * began. Thread: before the process has its title. */
void dr_elder_init(struct dr_server *server, const dr_signals *signals);

/* dr_elder_asked begins an upgrade, or says why not. Ownership: takes the request, which is
 * answered once the heir serves and no lane accepts any more. */
void dr_elder_asked(struct dr_server *server, struct dr_reload_request *request);

/* dr_elder_is_busy says whether an upgrade is under way, and in `why` what to do instead of a
 * reload. */
bool dr_elder_is_busy(const struct dr_server *server);

/* dr_elder_look goes on where lanes have let go of their listeners. */
void dr_elder_look(struct dr_server *server);

/* dr_elder_let_go: a lane has closed its listeners, for the heir accepts. Thread: any. */
void dr_elder_let_go(struct dr_server *server);

/* dr_elder_stopped: the server is told to stop by a signal. Returns: whether that is the heir's
 * affair, which is told; else an heir that gets ready is ended. */
bool dr_elder_stopped(struct dr_server *server, int number);

/* dr_elder_close closes its handles: the loop ends. dr_elder_fini frees. */
void dr_elder_close(struct dr_server *server);
void dr_elder_fini(struct dr_server *server);

#endif
