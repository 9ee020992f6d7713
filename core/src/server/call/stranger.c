/* stranger.c: who comes and does not speak our language: written down, but not without end. */
#include "server/call/stranger.h"

#include "base/log_few.h"
#include "net/peer.h"
#include "server/call/lane.h"

static void say(dr_conn *conn, const char *what, const char *why, dr_lane *lane)
{
    char who[DR_PEER_TEXT_MAX];
    uint32_t unsaid;
    uv_os_fd_t fd;
    if (!dr_log_few_may(&lane->strangers, uv_now(&lane->reactor.loop), &unsaid)) {
        return;
    }
    if (uv_fileno(&conn->uv.handle, &fd) != 0) {
        fd = -1;
    }
    if (unsaid > 0) {
        dr_log_write(lane->backend->log, DR_LOG_NOTICE, "master",
                     "%u more connections were ended like those before; not all are told", unsaid);
    }
    dr_log_write(lane->backend->log, DR_LOG_NOTICE, "master", "%s %s ended: %s", what,
                 dr_peer_text(fd, who), why);
}

void dr_stranger_tls(dr_conn *conn, const char *why, void *user)
{
    say(conn, "TLS connection of", why, user);
}

void dr_stranger_plain(dr_conn *conn, const char *why, void *user)
{
    say(conn, "connection of", why, user);
}
