/* config_about.h: what each key of a configuration is for, in a line. */
#ifndef DR_SERVER_CONFIG_ABOUT_H
#define DR_SERVER_CONFIG_ABOUT_H

#include <stddef.h>

/* dr_config_about is one key. Those of a pool are "pools.NAME.workers". */
typedef struct dr_config_about {
    const char *key;
    const char *usual; /* its default; NULL: that of a new dr_config, a number or a bool */
    const char *text;
} dr_config_about;

/* dr_config_abouts is all of them; a NULL key ends it. */
extern const dr_config_about dr_config_abouts[];

/* dr_config_about_find gives that of a key, NULL where there is none. */
const dr_config_about *dr_config_about_find(const char *key);

#endif
