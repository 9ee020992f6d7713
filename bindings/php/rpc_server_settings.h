/* rpc_server_settings.h: the original's settings: three sections of names and values. */
#ifndef PHP_DORA_RPC_SERVER_SETTINGS_H
#define PHP_DORA_RPC_SERVER_SETTINGS_H

#include "php_dora.h"

/* The sections of configure(), in the order of the object's properties. */
enum { PHP_DORA_RPC_HTTP = 0, PHP_DORA_RPC_TCP, PHP_DORA_RPC_DORA, PHP_DORA_RPC_SECTIONS };

/* php_dora_rpc_section is all settings of a section, and which of them the program gave. */
typedef struct php_dora_rpc_section {
    int number;
    zval *all;   /* an array; borrowed */
    zval *given; /* an array whose keys are what configure() and the class gave; borrowed */
} php_dora_rpc_section;

/* php_dora_rpc_section_of gives the number of the section called `name`, -1 for an unknown one. */
int php_dora_rpc_section_of(const zend_string *name);

/* php_dora_rpc_settings_fill adds the original's defaults for what is missing or null. */
void php_dora_rpc_settings_fill(int section, zval *all);

/* php_dora_rpc_settings_check looks at the types in all sections. Numbers that are out of bounds
 * are brought within: Swoole took them. Returns: false with a \TypeError raised that names the
 * setting.  */
bool php_dora_rpc_settings_check(const php_dora_rpc_section *sections);

/* php_dora_rpc_setting_number gives a setting that is a number, within the bounds there are for it
 * here, or 1 or 0 for one that is on or off; 0 when it is not there. php_dora_rpc_setting_text
 * gives a checked one that is a text. php_dora_rpc_setting_list gives an array, NULL when there is
 * none.  */
zend_long php_dora_rpc_setting_number(const php_dora_rpc_section *section, const char *name);
zval *php_dora_rpc_setting_list(const php_dora_rpc_section *section, const char *name);
const char *php_dora_rpc_setting_text(const php_dora_rpc_section *section, const char *name);

/* php_dora_rpc_setting_is_given says whether the program set it itself, be it to the default. */
bool php_dora_rpc_setting_is_given(const php_dora_rpc_section *sections, int section,
                                   const char *name);

/* php_dora_rpc_notes is lists of settings, separated by commas, each empty where there is none. */
typedef struct php_dora_rpc_notes {
    zend_string *unused;  /* given by the program, and without a meaning here */
    zend_string *unknown; /* that nobody knows */
    zend_string *limited; /* out of bounds, each with the number that counts instead */
} php_dora_rpc_notes;

/* php_dora_rpc_settings_notes makes them; `sections_unknown` is an array of names that stand behind
 * the unknown ones. Ownership: gives the strings. */
php_dora_rpc_notes php_dora_rpc_settings_notes(const php_dora_rpc_section *sections,
                                               zval *sections_unknown);

#endif
