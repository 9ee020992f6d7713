/* nodes.h: what PHP programs give as servers, to the texts that the core takes. */
#ifndef PHP_DORA_NODES_H
#define PHP_DORA_NODES_H

#include "php_dora.h"

typedef struct php_dora_group {
    zend_string *name;  /* NULL: the only set, which has none */
    zend_string *nodes; /* "host:port", several separated by commas; or a registry */
} php_dora_group;

typedef struct php_dora_nodes {
    php_dora_group *groups;
    size_t count;
} php_dora_nodes;

/* php_dora_nodes_read takes argument 1 of Dora\Client's constructor: a text, a list of nodes, or
 * group => one of these (`text` or `array` is NULL). Returns: false with an exception raised.
 * php_dora_nodes_config takes group => list of ['ip' => , 'port' => ]. Nodes that are none are left
 * out, and so are groups without a node; `problems` gets the name of each group, with null, or with
 * the reason where it has no node.
 * Ownership: php_dora_nodes_free frees, also after an error. */
bool php_dora_nodes_read(php_dora_nodes *nodes, zend_string *text, HashTable *array);
void php_dora_nodes_config(php_dora_nodes *nodes, HashTable *config, HashTable *problems);
void php_dora_nodes_free(php_dora_nodes *nodes);

/* php_dora_nodes_file gives the path of the node file, where they are one: whole, in `nodes` too,
 * as a later chdir() must not lead elsewhere. Links in it stay. Returns: NULL where there is none.
 * Ownership: gives. */
zend_string *php_dora_nodes_file(php_dora_nodes *nodes);

/* php_dora_nodes_is_registry says whether they are one, whose groups are not known yet. */
bool php_dora_nodes_is_registry(const php_dora_nodes *nodes);

/* php_dora_nodes_has says whether there is a group of this name. */
bool php_dora_nodes_has(const php_dora_nodes *nodes, const zend_string *group);

/* php_dora_address makes "ip:port" of an ip (a host name will do; IPv6 without brackets too) and a
 * port (int or text). Returns: NULL where they are no address; `*problem` says what is wrong.
 * Ownership: gives both to the caller, who releases them. */
zend_string *php_dora_address(zval *ip, zval *port, zend_string **problem);

#endif
