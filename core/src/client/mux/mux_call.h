/* mux_call.h: what becomes of a call of a mux, from one try to the next. */
#ifndef DR_CLIENT_MUX_CALL_H
#define DR_CLIENT_MUX_CALL_H

#include "client/mux/mux.h"

/* dr_mux_place finds node and connection for the next try. Errors: DORA_ECONNECT where no node is
 * left to try, DORA_ENOMEM. */
dora_err dr_mux_place(dora_mux *mux, dr_mux_call *call, uint64_t now_ns);

/* dr_mux_again ends a try. Returns: whether another one is under way; else the call stands nowhere,
 * and is to be ended. `reason` is why, where there was no reply. */
bool dr_mux_again(dora_mux *mux, dr_mux_call *call, const dr_try *made, const dr_reason *reason,
                  uint64_t now_ns);

/* dr_mux_fail does so for a try without a reply, and ends the call where there is no other. */
void dr_mux_fail(dora_mux *mux, dr_mux_call *call, const dr_try *made, const dr_reason *reason,
                 uint64_t now_ns);

/* dr_mux_pause has a call that stands nowhere wait for a server to come back, after a try that
 * ended as `made` says. Returns: whether it does. dr_mux_resume begins the next try when its pause
 * is over. */
bool dr_mux_pause(dora_mux *mux, dr_mux_call *call, const dr_try *made, const dr_reason *reason,
                  uint64_t now_ns);
void dr_mux_resume(dora_mux *mux, dr_mux_call *call, uint64_t now_ns);

/* dr_mux_over ends a call with an error, of which dora_mux_next will tell. dr_mux_forget frees one
 * of which nothing is to be told any more. */
void dr_mux_over(dora_mux *mux, dr_mux_call *call, const dr_reason *reason);
void dr_mux_forget(dora_mux *mux, dr_mux_call *call);

/* dr_mux_leave takes a call off its connection, dr_mux_remove out of everything: it has ended.
 * dr_mux_call_free frees one that stands nowhere any more. */
void dr_mux_leave(dora_mux *mux, dr_mux_call *call);
void dr_mux_remove(dora_mux *mux, dr_mux_call *call);
void dr_mux_call_free(dr_mux_call *call);
bool dr_mux_is_submission(dr_call_type type);

/* dr_reason_late is that of a call whose time is over, dr_reason_stopping that of one which a
 * server that stops did not take, dr_reason_no_room of one for which it had no room,
 * dr_reason_no_memory of one for which we had none. dr_reason_new makes one with one reference, and
 * dr_reason_refused one of a server's no; out of memory: one that lives for ever. dr_reason_take
 * takes one more, dr_reason_drop drops one (NULL is fine). dr_reason_give fills an error by it. */
extern const dr_reason dr_reason_late;
extern const dr_reason dr_reason_stopping;
extern const dr_reason dr_reason_no_room;
extern const dr_reason dr_reason_no_memory;
const dr_reason *dr_reason_new(dora_err err, int os_error, int64_t code, const char *msg);
const dr_reason *dr_reason_refused(const dr_incoming *incoming);
const dr_reason *dr_reason_take(const dr_reason *reason);
void dr_reason_drop(const dr_reason *reason);
void dr_reason_give(const dr_reason *reason, dora_error *error);

#endif
