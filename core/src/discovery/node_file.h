/* node_file.h: the file of nodes: written as PHP and as JSON, read as JSON. In the original's
 * shape: group => "IP_PORT" => ip, port, updatetime. Source: PROTOCOL.md, "Node file". */
#ifndef DR_DISCOVERY_NODE_FILE_H
#define DR_DISCOVERY_NODE_FILE_H

#include "discovery/roster.h"

typedef enum dr_node_format { DR_NODE_JSON, DR_NODE_PHP } dr_node_format;

/* dr_node_file_write gives the text of a node file. Ownership: gives; dr_free frees; NULL when out
 * of memory. */
char *dr_node_file_write(const dr_roster *roster, dr_node_format format, size_t *len);

/* dr_node_file_read reads JSON: {"group": {"IP_PORT": {"ip": "...", "port": 9567, ...}}}, or a list
 * of such nodes for a group, as the original's clients are given it. A group without nodes is left
 * out. Errors: DORA_EINVAL, with the place of what is wrong; nothing of the text is quoted. */
dora_err dr_node_file_read(dora_slice text, dr_roster *roster, dora_error *error);

/* dr_node_file_replace writes a file so that readers see the old or the new one, whole: beside it,
 * synced, then renamed; mode 0644 less the umask, or that of the file it replaces, and
 * where we may its owner and group.
 * Errors: DORA_EIO, naming file and reason. */
dora_err dr_node_file_replace(const char *path, dora_slice text, dora_error *error);

#endif
