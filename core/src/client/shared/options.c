/* options.c: the options that a caller gives, of whatever version he is. */
#include "client/shared/options.h"

#include "base/sized.h"

dora_err dr_client_options_take(const dora_client_options **options, dora_client_options *room,
                                dora_error *error)
{
    static const dr_sized type = DR_SIZED(dora_client_options, user);
    static const dora_client_options none = {.size = sizeof none};
    const void *taken = *options != NULL ? *options : &none;
    const dora_err err = dr_sized_take(&type, &taken, room, error);
    *options = taken;
    return err;
}

dora_err dr_call_options_take(const dora_call_options **options, dora_call_options *room,
                              dora_error *error)
{
    static const dr_sized type = DR_SIZED(dora_call_options, trace);
    static const dora_call_options none = {.size = sizeof none};
    const void *taken = *options != NULL ? *options : &none;
    const dora_err err = dr_sized_take(&type, &taken, room, error);
    *options = taken;
    return err;
}
