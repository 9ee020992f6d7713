/* env_file.h: a file of environment variables (.env), one a line. */
#ifndef DR_SERVER_ENV_FILE_H
#define DR_SERVER_ENV_FILE_H

#include "server/config/config.h"

/* dr_env_name_is_good says whether a variable may have this name: letters, digits and "_", no
 * digit first, and none that Dora sets itself. */
bool dr_env_name_is_good(dora_slice name);

/* dr_env_parse adds the variables of a file's text to `env` as NAME=value. A line is empty, begins
 * with "#", or is NAME=VALUE, with "export " before it or not. VALUE is 'as it stands', or "with
 * \n, \r, \t, \\, \" and \$", or plain: up to " #", without the blanks around it. Nothing is put
 * in for $NAME. Errors: DORA_ECONFIG, `path`, line and mend in each line of the message;
 * DORA_ENOMEM. */
dora_err dr_env_parse(dora_slice text, const char *path, dr_texts *env, dora_error *error);

/* dr_env_load does so for a file. Errors: as above; DORA_EIO. */
dora_err dr_env_load(const char *path, dr_texts *env, dora_error *error);

#endif
