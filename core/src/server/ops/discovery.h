/* discovery.h: one server's places in all its Redis, kept on the supervisor's loop. */
#ifndef DR_SERVER_DISCOVERY_H
#define DR_SERVER_DISCOVERY_H

#include "discovery/registration.h"
#include "server/call/backend.h"

#define DR_DISCOVERY_GRACE_MS 1000u   /* what a withdrawal may take */
#define DR_DISCOVERY_PATIENCE_MS 500u /* a pool without workers for less is none to withdraw for */
#define DR_DISCOVERY_WHY_BYTES 512
#define DR_DISCOVERY_QUIET_MS 10000u /* between two lines of the log about the same trouble */

/* dr_discovery_open finds what clients are to connect to, once the listeners are open, and makes
 * backend->discovery where the configuration has any Redis. Errors: DORA_ECONFIG where no address
 * is fit to be told to others; DORA_ENOMEM, DORA_EIO. dr_discovery_close closes its handles,
 * dr_discovery_free (NULL is fine) frees once the loop has run. */
dora_err dr_discovery_open(dr_backend *backend, uv_loop_t *loop, uint16_t tcp_port,
                           dora_error *error);
void dr_discovery_close(dr_backend *backend);
void dr_discovery_free(dr_discovery *discovery);

/* dr_discovery_take_tls reads the files of `config`'s discovery.tls anew, for the connections that
 * are opened from then on. Errors: as dr_discovery_tls_open; all stays as it was then. Thread: the
 * supervisor's. */
dora_err dr_discovery_take_tls(dr_backend *backend, const dr_config *config, dora_error *error);

/* dr_discovery_look joins where the server takes calls (dr_stat_has_workers), and withdraws where
 * it has not for DR_DISCOVERY_PATIENCE_MS. dr_discovery_withdraw leaves for good: the server
 * drains. What it says is written at once; nobody waits for the answers. */
void dr_discovery_look(dr_backend *backend);
void dr_discovery_withdraw(dr_backend *backend);

/* dr_discovery_place writes which place `index` is, the same for every server that is listed with
 * that address in that Redis, and with it takes this one's place. Returns: false where there is
 * none. */
#define DR_DISCOVERY_PLACE_BYTES (DR_REDIS_URL_TEXT_MAX + DR_ADDRESS_TEXT_MAX)
bool dr_discovery_place(const dr_discovery *discovery, size_t index,
                        char text[DR_DISCOVERY_PLACE_BYTES]);

/* dr_discovery_hand_over is dr_discovery_withdraw, but for the places of which `is_taken` says that
 * another process has them: there the server stays listed. */
void dr_discovery_hand_over(dr_backend *backend, bool (*is_taken)(const char *place, void *user),
                            void *user);

/* dr_discovery_row is what can be said of one Redis. The counts are up to a second old. */
typedef struct dr_discovery_row {
    char url[DR_REDIS_URL_TEXT_MAX];
    dr_registration_state state;
    char why[DR_DISCOVERY_WHY_BYTES]; /* what went wrong last, "" while joined */
    uint64_t beats;
    uint64_t failures;
} dr_discovery_row;

/* dr_discovery_rows gives a row for each Redis; `rows` has room for DR_DISCOVERY_REDIS_MAX.
 * dr_discovery_entry is what the server is listed as; borrowed. Both take NULL, which has none.
 * Thread: any. */
size_t dr_discovery_rows(dr_discovery *discovery, dr_discovery_row *rows);
const dr_entry *dr_discovery_entry(const dr_discovery *discovery);

/* dr_discovery_state_name gives "left", "leaving", "joining" or "joined". */
const char *dr_discovery_state_name(dr_registration_state state);

#endif
