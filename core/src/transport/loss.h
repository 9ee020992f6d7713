/* loss.h: why a connection could not be opened, or has ended: the words for it, said once. */
#ifndef DR_TRANSPORT_LOSS_H
#define DR_TRANSPORT_LOSS_H

#include <dora/error.h>

#include "base/address.h"

/* dr_loss: `err` is DORA_ECONNECT where no connection came about, DORA_ECLOSED where the peer has
 * ended it, DORA_ETIMEDOUT, DORA_EINTERRUPTED, DORA_ENOMEM, else DORA_EIO. `os_error` is the errno,
 * 0 where there is none, -1 for a host that is not known. `reason` is for people; it lives on. */
typedef struct dr_loss {
    dora_err err;
    int os_error;
    const char *reason;
} dr_loss;

/* dr_loss_of is the loss of an open connection, by its errno; 0: the peer has closed it.
 * dr_loss_new is any other; where there is no errno the reason is the err's own text. */
dr_loss dr_loss_of(int os_error);
dr_loss dr_loss_new(dora_err err, int os_error);

/* dr_loss_text is a phrase about the peer: "cannot connect: Connection refused". */
#define DR_LOSS_TEXT_MAX 160
const char *dr_loss_text(const dr_loss *loss, char text[DR_LOSS_TEXT_MAX]);

/* dr_loss_error writes it as the error of a call, with its code: "receive: timed out" where `doing`
 * is "receive"; of an ECONNECT the reason alone. dr_loss_error_connect has "cannot connect to
 * `address`: Connection refused" then. Returns: err. */
dora_err dr_loss_error(const dr_loss *loss, const char *doing, dora_error *error);
dora_err dr_loss_error_connect(const dr_loss *loss, const dr_address *address, dora_error *error);

#endif
