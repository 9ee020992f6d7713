/* ini.h: the settings dora.sign, dora.salt, dora.gzip, dora.timeout, dora.tls_ca and so on: what
 * clients do unless told otherwise. Their values stand in the module's globals. */
#ifndef PHP_DORA_INI_H
#define PHP_DORA_INI_H

#include "php_dora.h"

/* php_dora_ini_register and php_dora_ini_unregister belong to the module's start and end;
 * php_dora_ini_display writes the settings for phpinfo(). */
void php_dora_ini_register(int module_number, int type);
void php_dora_ini_unregister(int module_number, int type);
void php_dora_ini_display(zend_module_entry *module);

#endif
