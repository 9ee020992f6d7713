/* permit.c: who may steer a server. */
#include "server/ops/permit.h"

bool dr_may_control(const dr_config *config, dr_peer peer)
{
    if (config->control.any) {
        return true;
    }
    const bool is_here = peer == DR_PEER_LOOPBACK || peer == DR_PEER_OWN;
    return (is_here && config->control.loopback) || (peer == DR_PEER_UNIX && config->control.local);
}
