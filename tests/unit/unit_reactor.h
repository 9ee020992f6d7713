/* unit_reactor.h: a reactor of a test, what it is asked that the test does not care for, and a
 * client of it. */
#ifndef DORA_TEST_UNIT_REACTOR_H
#define DORA_TEST_UNIT_REACTOR_H

#include "unit.h"

#include "net/reactor.h"

#define UNIT_GUID_BYTES "0123456789abcdef0123456789abcdef"

/* unit_reactor_events gives events of which none does anything; on_frame and what else matters are
 * the test's to set. */
dr_reactor_events unit_reactor_events(void *user);

/* unit_reactor_begin makes a reactor, unit_reactor_end ends one that was made. */
void unit_reactor_begin(dr_reactor *reactor, const dr_reactor_events *events, bool *is_made);
void unit_reactor_end(dr_reactor *reactor, bool *is_made);

/* unit_reactor_listen has it listen on a free port; the descriptor stands in `*listen_fd` until it
 * is the reactor's. unit_reactor_connect makes a client of that port, which is connected. */
uint16_t unit_reactor_listen(dr_reactor *reactor, int *listen_fd);
void unit_reactor_connect(uint16_t port, int *client);

/* unit_frame appends a frame of an end without settings. */
void unit_frame(dr_buf *out, const char *guid, const char *body, size_t len);

#endif
