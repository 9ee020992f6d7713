/* loss.c: why a connection could not be opened, or has ended: the words for it, said once. */
#include "transport/loss.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

dr_loss dr_loss_new(dora_err err, int os_error)
{
    bool has_errno = os_error > 0 && err != DORA_EINTERRUPTED;
    return (dr_loss){err, os_error, has_errno ? strerror(os_error) : dora_err_text(err)};
}

dr_loss dr_loss_of(int os_error)
{
    bool is_closed =
        os_error == 0 || os_error == EPIPE || os_error == ECONNRESET || os_error == ENOTCONN;
    return dr_loss_new(is_closed ? DORA_ECLOSED : DORA_EIO, os_error);
}

const char *dr_loss_text(const dr_loss *loss, char text[DR_LOSS_TEXT_MAX])
{
    if (loss->err == DORA_ECLOSED && loss->os_error == 0) {
        return "closed the connection";
    }
    const char *doing = loss->err != DORA_ECONNECT ? "connection lost"
                        : loss->os_error == -1     ? "cannot look up the host"
                                                   : "cannot connect";
    snprintf(text, DR_LOSS_TEXT_MAX, "%s: %s", doing, loss->reason);
    return text;
}

dora_err dr_loss_error(const dr_loss *loss, const char *doing, dora_error *error)
{
    if (loss->err == DORA_ECONNECT) { /* a peer that refused what it had been shown by then */
        dora_error_set(error, loss->err, "%s", loss->reason);
    } else {
        dora_error_set(error, loss->err, "%s: %s", doing, loss->reason);
    }
    if (error != NULL) {
        error->code = loss->err == DORA_EINTERRUPTED ? 0
                      : loss->err == DORA_ECONNECT   ? DORA_CODE_CONNECT
                                                     : DORA_CODE_RECEIVE;
        error->os_error = loss->os_error;
    }
    return loss->err;
}

dora_err dr_loss_error_connect(const dr_loss *loss, const dr_address *address, dora_error *error)
{
    char text[DR_ADDRESS_TEXT_MAX];
    if (loss->err != DORA_ECONNECT) {
        return dr_loss_error(loss, "connect", error);
    }
    dora_error_set(error, loss->err, "cannot connect to %s: %s", dr_address_text(address, text),
                   loss->reason);
    if (error != NULL) {
        error->code = DORA_CODE_CONNECT;
        error->os_error = loss->os_error;
    }
    return loss->err;
}
