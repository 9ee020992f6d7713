/* entry.h: how a server stands in Redis: the original's set member and keys, and ours. Pure.
 * Source: PROTOCOL.md, "Discovery". */
#ifndef DR_DISCOVERY_ENTRY_H
#define DR_DISCOVERY_ENTRY_H

#include "base/address.h"

#define DR_ENTRY_SET "dora.serverlist"
#define DR_ENTRY_CHANNEL "dora.nodes"
#define DR_ENTRY_TTL_S 20u      /* of dora.node.IP.PORT; the original counts 20 s, too */
#define DR_ENTRY_BEAT_MS 4000u  /* so that three beats may fail before a node is left out */
#define DR_ENTRY_GROUPS_MAX 64u /* of one server */
#define DR_ENTRY_GROUP_BYTES_MAX 128u
#define DR_ENTRY_BYTES_MAX 16384u /* of a set member; a longer one is nonsense */
#define DR_ENTRY_KEY_MAX (DR_HOST_BYTES + 32)

typedef struct dr_entry {
    dr_address address;
    char **groups; /* each once */
    size_t count;
} dr_entry;

void dr_entry_fini(dr_entry *entry);

/* dr_entry_write gives the set member, byte for byte as PHP's json_encode would:
 * {"node":{"ip":"10.0.2.15","port":9567},"group":["group1","group2"]}.
 * Ownership: gives text that dr_free frees; NULL when out of memory. */
char *dr_entry_write(const dr_entry *entry);

/* dr_entry_read reads a set member of ours or of the original (where port may be a text of digits
 * and unknown keys are skipped). Errors: DORA_EINVAL, saying what is wrong with it; DORA_ENOMEM. */
dora_err dr_entry_read(dora_slice text, dr_entry *entry, dora_error *error);

/* dr_entry_time_key and dr_entry_node_key write "dora.servertime.IP.PORT.time" and
 * "dora.node.IP.PORT". */
const char *dr_entry_time_key(const dr_address *address, char key[DR_ENTRY_KEY_MAX]);
const char *dr_entry_node_key(const dr_address *address, char key[DR_ENTRY_KEY_MAX]);

#endif
