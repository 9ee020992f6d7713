/* node_file.c: a roster to the text of a node file and back, and the file put in its place. */
#include "discovery/node_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"
#include "wire/json.h"
#include "wire/json_parse.h"
#include "wire/json_write.h"

/* ---- writing ---- */

typedef struct draft {
    dr_buf text;
    dora_err err; /* the first; later writes are no-ops */
} draft;

static void put(draft *self, dora_slice bytes)
{
    if (self->err == DORA_OK) {
        self->err = dr_buf_append_slice(&self->text, bytes);
    }
}

#define PUT(self, text) put((self), (dora_slice){(text), sizeof(text) - 1})

/* put_php_text writes a single-quoted text: nothing in it but \ and ' means anything to PHP. */
static void put_php_text(draft *self, const char *text)
{
    PUT(self, "'");
    while (text[0] != '\0') {
        const size_t plain = strcspn(text, "\\'");
        put(self, (dora_slice){text, plain});
        text += plain;
        if (text[0] != '\0') {
            PUT(self, "\\");
            put(self, (dora_slice){text, 1});
            text++;
        }
    }
    PUT(self, "'");
}

static void put_json_text(draft *self, const char *text)
{
    if (self->err == DORA_OK) {
        dr_json_writer writer = dr_json_begin(&self->text, 0);
        dr_json_text(&writer, dr_slice(text));
        self->err = dr_json_finish(&writer);
    }
}

/* What a node is named in its group, and its numbers as text. */
typedef struct node_words {
    char key[DR_HOST_BYTES + 8];
    char port[8];
    char updatetime[24];
} node_words;

static void node_words_of(const dr_roster_node *node, node_words *words)
{
    const dr_address *address = &node->address;
    snprintf(words->key, sizeof words->key, "%s_%u", address->host, address->port);
    snprintf(words->port, sizeof words->port, "%u", address->port);
    snprintf(words->updatetime, sizeof words->updatetime, "%" PRId64, node->updatetime);
}

#define PUT_WORD(self, word) put((self), (dora_slice){(word), strlen(word)})

/* put_php writes what the original does: PHP's var_export, byte for byte. */
static void put_php(draft *self, const dr_roster *roster)
{
    node_words words;
    PUT(self, "<?php\n// Written by dora monitor; it writes it again when a node comes or goes.\n"
              "return array (\n");
    for (size_t i = 0; i < roster->count; i++) {
        const dr_roster_group *group = &roster->groups[i];
        PUT(self, "  ");
        put_php_text(self, group->name);
        PUT(self, " => \n  array (\n");
        for (size_t j = 0; j < group->count; j++) {
            node_words_of(&group->nodes[j], &words);
            PUT(self, "    ");
            put_php_text(self, words.key);
            PUT(self, " => \n    array (\n      'ip' => ");
            put_php_text(self, group->nodes[j].address.host);
            PUT(self, ",\n      'port' => ");
            PUT_WORD(self, words.port);
            PUT(self, ",\n      'updatetime' => '");
            PUT_WORD(self, words.updatetime);
            PUT(self, "',\n    ),\n");
        }
        PUT(self, "  ),\n");
    }
    PUT(self, ");\n");
}

static void put_json(draft *self, const dr_roster *roster)
{
    node_words words;
    PUT(self, "{");
    for (size_t i = 0; i < roster->count; i++) {
        const dr_roster_group *group = &roster->groups[i];
        PUT_WORD(self, i > 0 ? ",\n  " : "\n  ");
        put_json_text(self, group->name);
        PUT(self, ": {");
        for (size_t j = 0; j < group->count; j++) {
            node_words_of(&group->nodes[j], &words);
            PUT_WORD(self, j > 0 ? ",\n    " : "\n    ");
            put_json_text(self, words.key);
            PUT(self, ": {\"ip\": ");
            put_json_text(self, group->nodes[j].address.host);
            PUT(self, ", \"port\": ");
            PUT_WORD(self, words.port);
            PUT(self, ", \"updatetime\": \"");
            PUT_WORD(self, words.updatetime);
            PUT(self, "\"}");
        }
        PUT(self, "\n  }");
    }
    PUT_WORD(self, roster->count > 0 ? "\n}\n" : "}\n");
}

char *dr_node_file_write(const dr_roster *roster, dr_node_format format, size_t *len)
{
    draft self = {.err = DORA_OK};
    if (format == DR_NODE_PHP) {
        put_php(&self, roster);
    } else {
        put_json(&self, roster);
    }
    if (self.err != DORA_OK) {
        dr_buf_fini(&self.text);
        return NULL;
    }
    *len = self.text.len;
    return self.text.data;
}

/* ---- reading ---- */

/* whole_of reads a number, or a text of digits, as the original has both. */
static bool whole_of(const json_t *json, int64_t *number)
{
    if (json_is_integer(json)) {
        *number = json_integer_value(json);
        return true;
    }
    const char *text = json_string_value(json);
    char *end;
    if (text == NULL || text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    *number = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0';
}

/* A path may lead to any file, and what is wrong with it is told to whoever named the path: so
 * messages say where, and quote nothing. Groups and nodes are counted from 1. */
typedef struct place {
    size_t group;
    size_t node;
} place;

/* take_node reads one node. */
static dora_err take_node(dr_roster *roster, const char *group, const place *at, const json_t *json,
                          dora_error *error)
{
    int64_t port = 0;
    int64_t updatetime = 0;
    dr_address address;
    const char *ip = json_string_value(json_object_get(json, "ip"));
    if (ip == NULL || !whole_of(json_object_get(json, "port"), &port) ||
        dr_address_make(dr_slice(ip), port, &address, NULL) != DORA_OK) {
        return dora_error_set(error, DORA_EINVAL,
                              "group %zu, node %zu: an object with \"ip\" (a text) and \"port\" "
                              "(1 to 65535) is expected",
                              at->group, at->node);
    }
    address.is_tls = json_is_true(json_object_get(json, "tls"));
    (void)whole_of(json_object_get(json, "updatetime"), &updatetime);
    const dora_err err = dr_roster_add(roster, dr_slice(group), &address, updatetime);
    if (err == DORA_EFULL) {
        return dora_error_set(error, DORA_EINVAL, "more than %u nodes, or %u groups",
                              DR_ROSTER_NODES_MAX, DR_ROSTER_GROUPS_MAX);
    }
    return err == DORA_OK ? err : dora_error_set(error, err, "%s", dora_err_text(err));
}

static dora_err take_group(dr_roster *roster, const char *group, size_t number, json_t *json,
                           dora_error *error)
{
    const char *key;
    json_t *node;
    size_t i;
    place at = {.group = number, .node = 0};
    dora_err err = DORA_OK;
    if (!json_is_object(json) && !json_is_array(json)) {
        return dora_error_set(error, DORA_EINVAL, "group %zu: nodes are expected", number);
    }
    json_object_foreach(json, key, node)
    {
        at.node++;
        err = err == DORA_OK ? take_node(roster, group, &at, node, error) : err;
    }
    json_array_foreach(json, i, node)
    {
        at.node++;
        err = err == DORA_OK ? take_node(roster, group, &at, node, error) : err;
    }
    return err;
}

/* fault_of says what is wrong with JSON. jansson's own words quote the text. */
static const char *fault_of(const json_error_t *fault)
{
    switch (json_error_code(fault)) {
    case json_error_out_of_memory:
        return "out of memory";
    case json_error_premature_end_of_input:
        return "it ends in the middle";
    case json_error_duplicate_key:
        return "a name stands there twice";
    case json_error_end_of_input_expected:
        return "something stands behind the JSON";
    default:
        return "this is no JSON; a node file is what `dora monitor --out nodes.json` writes";
    }
}

dora_err dr_node_file_read(dora_slice text, dr_roster *roster, dora_error *error)
{
    static const char php[] = "<?php";
    json_error_t fault;
    dora_err err = DORA_OK;
    *roster = (dr_roster){0};
    if (text.len >= sizeof php - 1 && memcmp(text.data, php, sizeof php - 1) == 0) {
        return dora_error_set(error, DORA_EINVAL,
                              "this is the PHP form; the JSON form is expected here, which `dora "
                              "monitor --out nodes.json` writes");
    }
    json_t *json;
    err = dr_json_parse(text, DR_SETTINGS_DEPTH_MAX, JSON_REJECT_DUPLICATES, &json, &fault);
    if (err != DORA_OK) {
        return dora_error_set(error, DORA_EINVAL, "line %d, column %d: %s", fault.line,
                              fault.column, err == DORA_ETOOBIG ? fault.text : fault_of(&fault));
    }
    if (json_is_object(json)) {
        const char *group;
        json_t *nodes;
        size_t number = 0;
        json_object_foreach(json, group, nodes)
        {
            number++;
            err = err == DORA_OK ? take_group(roster, group, number, nodes, error) : err;
        }
    } else if (json_array_size(json) > 0 || !json_is_array(json)) { /* PHP's empty array is [] */
        err = dora_error_set(error, DORA_EINVAL, "an object with groups is expected");
    }
    json_decref(json);
    if (err != DORA_OK) {
        dr_roster_fini(roster);
    }
    return err;
}

/* ---- the file ---- */

#define SIBLING_TRIES_MAX 16 /* each needs another file of the same random name */

/* open_sibling makes a new file beside `path`, on the same file system. */
static int open_sibling(const char *path, char *name, size_t size)
{
    int fd = -1;
    for (int tries = 0; tries < SIBLING_TRIES_MAX && fd < 0; tries++) {
        uint32_t chance = 0;
        (void)!getrandom(&chance, sizeof chance, GRND_NONBLOCK); /* O_EXCL is what counts */
        snprintf(name, size, "%s.%08" PRIx32 ".tmp", path, chance);
        fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0644);
        if (fd < 0 && errno != EEXIST) {
            break;
        }
    }
    return fd;
}

static bool write_all(int fd, dora_slice text)
{
    while (text.len > 0) {
        const ssize_t wrote = write(fd, text.data, text.len);
        if (wrote < 0 && errno != EINTR) {
            return false;
        }
        text.data += wrote > 0 ? wrote : 0;
        text.len -= wrote > 0 ? (size_t)wrote : 0;
    }
    return true;
}

/* sync_folder makes the new name last. A file system that cannot do that still has the file. */
static void sync_folder(char *name)
{
    char *slash = strrchr(name, '/');
    if (slash != NULL) {
        slash[1] = '\0';
    }
    const int fd = open(slash != NULL ? name : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

/* replace puts `text` where `path` is, which is no link. Returns: 0, or the errno. */
static int replace(const char *path, dora_slice text, const struct stat *before)
{
    const size_t size = strlen(path) + 16;
    char *name = dr_alloc(size);
    if (name == NULL) {
        return ENOMEM;
    }
    const int fd = open_sibling(path, name, size);
    if (fd < 0) {
        const int why = errno;
        dr_free(name);
        return why;
    }
    int why = 0;
    if (before != NULL) { /* who could read it goes on reading it, where we may see to that */
        (void)!fchown(fd, before->st_uid, before->st_gid);
    }
    if ((before != NULL && fchmod(fd, before->st_mode & 07777) != 0) || !write_all(fd, text) ||
        fsync(fd) != 0) {
        why = errno;
    }
    if (close(fd) != 0 && why == 0) {
        why = errno;
    }
    if (why == 0 && rename(name, path) != 0) {
        why = errno;
    }
    if (why != 0) {
        (void)unlink(name);
    } else {
        sync_folder(name);
    }
    dr_free(name);
    return why;
}

dora_err dr_node_file_replace(const char *path, dora_slice text, dora_error *error)
{
    struct stat before;
    if (lstat(path, &before) == 0 && S_ISLNK(before.st_mode) && before.st_uid != geteuid() &&
        before.st_uid != 0) {
        return dora_error_set(
            error, DORA_EIO, "cannot write %s: it is a symbolic link that another user made", path);
    }
    const bool is_there = stat(path, &before) == 0;
    if (is_there && !S_ISREG(before.st_mode)) {
        return dora_error_set(error, DORA_EIO, "cannot write %s: it is no regular file", path);
    }
    char *target = is_there ? realpath(path, NULL) : NULL; /* a link goes on being one */
    const int why = replace(target != NULL ? target : path, text, is_there ? &before : NULL);
    free(target);
    if (why != 0) {
        return dora_error_set(error, DORA_EIO, "cannot write %s: %s", path, strerror(why));
    }
    return DORA_OK;
}
