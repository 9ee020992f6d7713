/* peer_name.c: the name in a certificate, by which others know who showed it. */
#include "tls/peer_name.h"

#include <openssl/x509v3.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

/* copy takes text that is a name for sure: a NUL in it, or what no line of a log can show, would
 * make it another's. */
static char *copy(const unsigned char *text, int len)
{
    if (text == NULL || len <= 0 || (size_t)len > DR_HOST_NAME_MAX) {
        return NULL;
    }
    for (int i = 0; i < len; i++) {
        if (text[i] < 0x20 || text[i] == 0x7f) {
            return NULL;
        }
    }
    char *name = dr_alloc((size_t)len + 1);
    if (name != NULL) {
        memcpy(name, text, (size_t)len);
        name[len] = '\0';
    }
    return name;
}

/* dns_name gives the first; `has_any`: there is one, even if it cannot be a name. */
static char *dns_name(const X509 *cert, bool *has_any)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    char *found = NULL;
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !*has_any; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS) {
            *has_any = true;
            found =
                copy(ASN1_STRING_get0_data(name->d.dNSName), ASN1_STRING_length(name->d.dNSName));
        }
    }
    GENERAL_NAMES_free(names);
    return found;
}

static char *common_name(const X509 *cert)
{
    const X509_NAME *subject = X509_get_subject_name(cert);
    const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0) {
        return NULL;
    }
    unsigned char *text = NULL;
    const int len =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    char *name = copy(text, len);
    OPENSSL_free(text);
    return name;
}

char *dr_tls_peer_name(const X509 *cert)
{
    bool has_dns = false;
    char *name = dns_name(cert, &has_dns);
    return has_dns ? name : common_name(cert);
}
