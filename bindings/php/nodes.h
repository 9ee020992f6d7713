/* nodes.h: what PHP programs give as servers, walked for the core. */
#ifndef PHP_DORA_NODES_H
#define PHP_DORA_NODES_H

#include "php_dora.h"

#include <dora/nodes.h>

/* php_dora_nodes_read takes argument 1 of Dora\Client's constructor: a text, a list of nodes, or
 * group => one of these (`text` or `array` is NULL). Returns: NULL with an exception raised.
 * php_dora_nodes_config takes group => list of ['ip' => , 'port' => ]. Nodes that are none are left
 * out, and so are groups without a node; `problems` gets the name of each group, with null, or with
 * the reason where it has no node. Returns: NULL, and why in `error`.
 * Both set nodes and groups of `core`. Ownership: gives what these point into; dora_nodes_free. */
dora_nodes *php_dora_nodes_read(zend_string *text, HashTable *array, dora_client_options *core);
dora_nodes *php_dora_nodes_config(HashTable *config, HashTable *problems, dora_client_options *core,
                                  dora_error *error);

/* php_dora_nodes_file gives a client's nodes anew where they are a node file: with its whole path,
 * as a later chdir() must not lead elsewhere. Links in it stay. Returns: NULL where they are not.
 * Ownership: gives. php_dora_nodes_path is the path in what it gave. */
zend_string *php_dora_nodes_file(const char *nodes);
const char *php_dora_nodes_path(const zend_string *file);

/* php_dora_address makes "ip:port" of an ip (a host name will do; IPv6 without brackets too) and a
 * port (int or text). Returns: NULL where they are no address; `*problem` says what is wrong.
 * Ownership: gives both to the caller, who releases them. */
zend_string *php_dora_address(zval *ip, zval *port, zend_string **problem);

#endif
