/* mux_start.h: where calls of a mux begin. */
#ifndef DR_CLIENT_MUX_START_H
#define DR_CLIENT_MUX_START_H

#include "client/mux/mux.h"

/* dr_mux_owner is the mux as its nodes see it. */
dr_nodes_owner dr_mux_owner(dora_mux *mux);

#endif
