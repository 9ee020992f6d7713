/* clients.c: the clients of the core that this process has. Under FPM they outlive requests, and so
 * do their connections. */
#include "clients.h"

#include "warnings.h"

#define CLIENTS_KEPT 32 /* a node file that changes now and then must not fill a process */

static void shared_free(zval *slot)
{
    php_dora_shared *shared = Z_PTR_P(slot);

    dora_client_free(shared->client);
    pefree(shared, true);
}

void php_dora_clients_init(HashTable *table)
{
    zend_hash_init(table, 0, NULL, shared_free, true);
}

void php_dora_clients_fini(HashTable *table)
{
    zend_hash_destroy(table);
}

static void key_append(smart_str *key, const char *text)
{
    const size_t len = strlen(text);

    smart_str_append_unsigned(key, len);
    smart_str_appendc(key, ':');
    smart_str_appendl(key, text, len);
}

static zend_string *key_make(const dora_client_options *nodes, const php_dora_options *options)
{
    smart_str key = {0};

    smart_str_appendc(&key, options->sign ? 's' : '-');
    smart_str_appendc(&key, options->gzip ? 'z' : '-');
    smart_str_append_unsigned(&key, options->bytes_max);
    smart_str_appendc(&key, ' ');
    if (options->salt != NULL) {
        key_append(&key, options->salt);
    }
    php_dora_tls_append(&key, &options->tls);
    if (options->token != NULL) { /* callers never share a connection */
        smart_str_appendc(&key, '@');
        key_append(&key, options->token);
    }
    if (nodes->nodes != NULL) {
        smart_str_appendc(&key, '=');
        smart_str_appends(&key, nodes->nodes);
    }
    for (size_t i = 0; i < nodes->group_count; i++) {
        smart_str_appendc(&key, '/');
        key_append(&key, nodes->groups[i].name);
        smart_str_appendc(&key, '=');
        key_append(&key, nodes->groups[i].nodes);
    }
    return smart_str_extract(&key);
}

static dora_client *client_make(const dora_client_options *nodes, const php_dora_options *options,
                                dora_error *error)
{
    dora_client *client = NULL;
    dora_client_options made = {.size = sizeof made,
                                .nodes = nodes->nodes,
                                .groups = nodes->groups,
                                .group_count = nodes->group_count,
                                .timeout_ms = DORA_G(timeout_ms),
                                .sign = options->sign,
                                .salt = options->salt,
                                .gzip = options->gzip,
                                .frame_bytes_max = options->bytes_max,
                                .on_warning = php_dora_warnings_hear,
                                .token = options->token};

    php_dora_tls_fill(&options->tls, &made);
    (void)dora_client_new(&client, &made, error); /* NULL where it failed */
    return client;
}

/* Drops the one that was not used for longest, if it may go. */
static void relieve(HashTable *table)
{
    zend_string *key;
    zend_string *oldest_key = NULL;
    php_dora_shared *shared;
    php_dora_shared *oldest = NULL;

    ZEND_HASH_FOREACH_STR_KEY_PTR(table, key, shared)
    {
        if (shared->refs == 0 && (oldest == NULL || shared->used < oldest->used) &&
            dora_client_pending(shared->client) == 0) {
            oldest = shared;
            oldest_key = key;
        }
    }
    ZEND_HASH_FOREACH_END();
    if (oldest != NULL) {
        zend_hash_del(table, oldest_key);
    }
}

php_dora_shared *php_dora_clients_take(HashTable *table, const dora_client_options *nodes,
                                       const php_dora_options *options, dora_error *error)
{
    php_dora_options whole = *options;

    if (php_dora_tls_complete(&whole.tls, nodes, error) != DORA_OK) {
        return NULL;
    }
    zend_string *key = key_make(nodes, &whole);
    php_dora_shared *shared = zend_hash_find_ptr(table, key);
    if (shared == NULL) {
        dora_client *client = client_make(nodes, &whole, error);
        if (client == NULL) {
            goto out;
        }
        if (zend_hash_num_elements(table) >= CLIENTS_KEPT) {
            relieve(table);
        }
        shared = pecalloc(1, sizeof(*shared), true);
        shared->client = client;
        zend_hash_str_add_new_ptr(table, ZSTR_VAL(key), ZSTR_LEN(key), shared);
    }
    shared->refs++;
    shared->used = ++DORA_G(clients_taken);
out:
    zend_string_release(key);
    return shared;
}

void php_dora_clients_give(php_dora_shared *shared)
{
    if (shared != NULL) {
        shared->refs--;
    }
}

void php_dora_clients_forget(HashTable *table)
{
    php_dora_shared *shared;

    ZEND_HASH_FOREACH_PTR(table, shared)
    {
        dora_client_forget(shared->client);
    }
    ZEND_HASH_FOREACH_END();
}
