/* bytes.c: OpenSSL's way to a filter's buffers, which unlike its own are given back when empty. */
#include "tls/bytes.h"

#include <string.h>

static int bytes_read(BIO *bio, char *room, size_t room_len, size_t *got)
{
    dr_tls_filter *filter = BIO_get_data(bio);
    const size_t left = filter->in.len - filter->in_at;
    BIO_clear_retry_flags(bio);
    if (left == 0 || room_len == 0) {
        BIO_set_retry_read(bio);
        *got = 0;
        return -1;
    }
    *got = left < room_len ? left : room_len;
    memcpy(room, filter->in.data + filter->in_at, *got);
    filter->in_at += *got;
    return 1;
}

static int bytes_write(BIO *bio, const char *bytes, size_t len, size_t *wrote)
{
    dr_tls_filter *filter = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (dr_buf_append(&filter->out, bytes, len) != DORA_OK) {
        filter->is_starved = true;
        *wrote = 0;
        return -1;
    }
    *wrote = len;
    return 1;
}

static long bytes_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD *dr_tls_bytes_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "dora");
    if (method == NULL || BIO_meth_set_read_ex(method, bytes_read) != 1 ||
        BIO_meth_set_write_ex(method, bytes_write) != 1 ||
        BIO_meth_set_ctrl(method, bytes_control) != 1) {
        BIO_meth_free(method);
        return NULL;
    }
    return method;
}

BIO *dr_tls_bytes_new(dr_tls_filter *filter)
{
    BIO *bio = BIO_new(filter->context->bytes);
    if (bio != NULL) {
        BIO_set_data(bio, filter);
        BIO_set_init(bio, 1);
    }
    return bio;
}
