/* permit.h: who may steer a server. */
#ifndef DR_SERVER_PERMIT_H
#define DR_SERVER_PERMIT_H

#include "net/peer.h"
#include "server/config/config.h"

/* dr_may_control says whether commands are taken from there (control.allow). */
bool dr_may_control(const dr_config *config, dr_peer peer);

#endif
