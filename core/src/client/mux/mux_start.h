/* mux_start.h: the mux as what begins its calls needs it. */
#ifndef DR_CLIENT_MUX_START_H
#define DR_CLIENT_MUX_START_H

#include "client/mux/mux.h"

/* dr_mux_owner is the mux as its nodes see it. */
dr_nodes_owner dr_mux_owner(dora_mux *mux);

#endif
