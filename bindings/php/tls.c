/* tls.c: how clients speak TLS: the options and the settings of php.ini for it. */
#include "tls.h"

#include <sys/stat.h>

#include "policy.h"

#define TLS_MARK "tls://"

static bool has_mark(const char *nodes)
{
    return nodes != NULL && strstr(nodes, TLS_MARK) != NULL;
}

/* Whether one of the nodes may be spoken to over TLS: of a registry, that is known later. */
static bool may_speak(const php_dora_tls *tls, const dora_client_options *nodes)
{
    bool may = tls->is_all || has_mark(nodes->nodes);

    if (nodes->nodes != NULL) {
        may = may || strncmp(nodes->nodes, ZEND_STRL("file:")) == 0 ||
              strncmp(nodes->nodes, ZEND_STRL("redis")) == 0;
    }
    for (size_t i = 0; i < nodes->group_count; i++) {
        may = may || has_mark(nodes->groups[i].nodes);
    }
    return may;
}

static bool is_file(size_t which)
{
    return which != PHP_DORA_TLS_NAME;
}

dora_err php_dora_tls_complete(php_dora_tls *tls, const dora_client_options *nodes,
                               dora_error *error)
{
    const bool may = may_speak(tls, nodes);
    dora_err err = DORA_OK;

    for (size_t i = 0; err == DORA_OK && i < PHP_DORA_TLS_COUNT; i++) {
        const char *setting = DORA_G(tls)[i];
        if (tls->texts[i] == NULL && may && setting != NULL && setting[0] != '\0') {
            tls->texts[i] = setting;
        }
        if (tls->texts[i] != NULL && is_file(i)) {
            err = php_dora_policy_file(tls->texts[i], error);
        }
    }
    return err;
}

void php_dora_tls_fill(const php_dora_tls *tls, dora_client_options *options)
{
    options->tls = tls->is_all;
    options->tls_ca = tls->texts[PHP_DORA_TLS_CA];
    options->tls_crl = tls->texts[PHP_DORA_TLS_CRL];
    options->tls_cert = tls->texts[PHP_DORA_TLS_CERT];
    options->tls_key = tls->texts[PHP_DORA_TLS_KEY];
    options->tls_name = tls->texts[PHP_DORA_TLS_NAME];
}

void php_dora_tls_append(smart_str *key, const php_dora_tls *tls)
{
    smart_str_appendc(key, tls->is_all ? 't' : '-');
    for (size_t i = 0; i < PHP_DORA_TLS_COUNT; i++) {
        const char *text = tls->texts[i] != NULL ? tls->texts[i] : "";
        const size_t len = strlen(text);
        struct stat about;
        smart_str_append_unsigned(key, len);
        smart_str_appendc(key, ':');
        smart_str_appendl(key, text, len);
        if (len > 0 && is_file(i) && stat(text, &about) == 0) {
            smart_str_append_printf(key, "@%lld.%ld.%lld.%lld", (long long)about.st_mtim.tv_sec,
                                    about.st_mtim.tv_nsec, (long long)about.st_size,
                                    (long long)about.st_ino);
        }
    }
}
