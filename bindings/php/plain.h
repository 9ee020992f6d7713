/* plain.h: objects as values of the wire. */
#ifndef PHP_DORA_PLAIN_H
#define PHP_DORA_PLAIN_H

#include "typed.h"

/* php_dora_plain gives what stands for an object on the wire, or is nearer to it: of a DateTime its
 * text, of a backed enum its value, of a JsonSerializable what it says, of others what `encode` (a
 * callable, may be NULL) makes of them. Source: the table of PROTOCOL.md, "Conversion table".
 * stdClass and ArrayObject are arrays; `*is_map` is then true. With `typed` the program's own
 * objects are their public properties, cases of pure enums their names. Runs PHP code, which may
 * make calls. Returns: false where nothing stands for it, or with an exception raised. Ownership:
 * gives `*plain`. */
bool php_dora_plain(zend_object *object, const zval *encode, const php_dora_typed *typed,
                    zval *plain, bool *is_map);

#endif
