/* mux_scene.h: a mux without a socket or clock, and a driver that notes what it is told. The tests
 * give every byte and moment. */
#ifndef DORA_TEST_MUX_SCENE_H
#define DORA_TEST_MUX_SCENE_H

#include "unit.h"

#include <dora/mux.h>

#include "client/mux/mux.h"

#define MS ((uint64_t)DR_NS_PER_MS)
#define BEGIN (1000 * MS)
#define CONNS_MAX 16

typedef struct driver {
    dora_mux *mux;
    uint64_t now_ns;
    uint64_t conns[CONNS_MAX]; /* numbers, in the order of the CONNECT events; 0: closed */
    char hosts[CONNS_MAX];
    int conn_count;
    int writes;
    int accepted;
    int parts; /* of streams */
    int done;
    int good;
    dora_err err; /* of the last that ended */
    int64_t code;
    uint32_t retry_after_ms;
    char data[64];
} driver;

/* driver_begin makes a mux whose calls have a second. driver_end ends all calls, and closes all
 * connections. driver_drive takes the events that there are. */
void driver_begin(driver *d, const char *nodes, uint32_t connections, uint32_t retry);
void driver_end(driver *d);
void driver_drive(driver *d);
UNIT_SCENE(driver, driver_end)

/* driver_start begins a call of one api. Returns: its id. */
uint64_t driver_start(driver *d, dora_mux_mode mode);

/* driver_take takes all that is to be written on a connection, and gives the guids of the frames.
 * Returns: how many there are, at most `room`. */
int driver_take(driver *d, uint64_t conn, char guids[][33], int room);

/* driver_say has the server say something, in pieces of `step` bytes; 0 is all at once.
 * driver_put_reply appends a reply; driver_reply has the server say one, with data where it is
 * good. */
void driver_say(driver *d, uint64_t conn, const dr_buf *bytes, size_t step);
void driver_put_reply(dr_buf *out, const char *guid, int64_t code, bool is_result, bool has_data);
void driver_reply(driver *d, uint64_t conn, const char *guid, int64_t code);

#endif
