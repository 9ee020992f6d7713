/* typed_uses.h: names of classes in doc comments. */
#ifndef PHP_DORA_TYPED_USES_H
#define PHP_DORA_TYPED_USES_H

#include "typed_plan.h"

/* php_dora_uses_class finds the class that a doc comment names, as PHP would at that place: by the
 * file's `use` and namespace. Returns: NULL where there is none, or with an exception raised. */
zend_class_entry *php_dora_uses_class(const php_dora_place *place, dora_slice name);

#endif
