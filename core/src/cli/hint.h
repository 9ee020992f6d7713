/* hint.h: what a person may have meant, where a call has failed. */
#ifndef DR_CLI_HINT_H
#define DR_CLI_HINT_H

#include <stdbool.h>

#include <dora/error.h>
#include <dora/value.h>

/* dr_hint_api asks the server for its apis, and writes `; did you mean /user/get?` where one is
 * near to `name`, else nothing. It waits for a second at most. Returns: `hint`. */
#define DR_HINT_MAX 64
const char *dr_hint_api(const char *address, dora_slice name, char hint[DR_HINT_MAX]);

/* dr_hint_http says whether what did not answer a frame answers HTTP: then the port is the wrong
 * one. `failed` is how the call ended. It waits for a little more than a second at most. */
bool dr_hint_http(const dora_error *failed, const char *address);
#define DR_HINT_HTTP "; HTTP is spoken there: give the port behind tcp= in the server's ready line"

#endif
