/* mux_table.h: the calls of a mux, by guid and by time. */
#ifndef DR_CLIENT_MUX_TABLE_H
#define DR_CLIENT_MUX_TABLE_H

#include "client/mux/mux.h"

/* dr_mux_table_add takes a call in, and makes room so that an alarm never fails. Errors:
 * DORA_ENOMEM. dr_mux_table_remove takes it out again, its alarm too. */
dora_err dr_mux_table_add(dora_mux *mux, dr_mux_call *call);
void dr_mux_table_remove(dora_mux *mux, dr_mux_call *call);
dr_mux_call *dr_mux_table_find(const dora_mux *mux, const char *guid);

/* dr_mux_alarm sets when a call is looked at, 0: never. */
void dr_mux_alarm(dora_mux *mux, dr_mux_call *call, uint64_t alarm_ns);

void dr_mux_list_add(dr_mux_list *list, dr_mux_call *call);
void dr_mux_list_remove(dr_mux_list *list, dr_mux_call *call);

#endif
