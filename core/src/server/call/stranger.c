/* stranger.c: who comes and does not speak our language: written down, but not without end. */
#include "server/call/stranger.h"

#include "base/limits.h"
#include "net/peer.h"
#include "server/call/lane.h"

/* may_say: anybody can connect, and the log is for more than that. */
static bool may_say(dr_lane *lane, uint32_t *unsaid)
{
    dr_strangers *strangers = &lane->strangers;
    const uint64_t now_ms = uv_now(&lane->reactor.loop);
    *unsaid = 0;
    if (now_ms - strangers->since_ms >= DR_STRANGERS_MS) {
        *unsaid = strangers->unsaid;
        *strangers = (dr_strangers){.since_ms = now_ms};
    }
    if (strangers->said >= DR_STRANGERS_SAID_MAX) {
        strangers->unsaid++;
        return false;
    }
    strangers->said++;
    return true;
}

static void say(dr_conn *conn, const char *what, const char *why, dr_lane *lane)
{
    char who[DR_PEER_TEXT_MAX];
    uint32_t unsaid;
    uv_os_fd_t fd;
    if (!may_say(lane, &unsaid)) {
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
