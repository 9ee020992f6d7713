/* test_upgrade_link.c: messages between an old master and its heir, as bodies that are cut at every
 * place, and over a socket with descriptors. */
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/slice.h"
#include "server/upgrade/packet.h"

/* linked has the descriptors of a test; 0: there is none. */
typedef struct linked {
    int ends[2];
    int pipe[2];
    int reader;
    dr_packet packet;
} linked;

static void close_one(int *fd)
{
    if (*fd > 0) {
        close(*fd);
    }
    *fd = 0;
}

static void linked_end(linked *self)
{
    close_one(&self->ends[0]);
    close_one(&self->ends[1]);
    close_one(&self->pipe[0]);
    close_one(&self->pipe[1]);
    close_one(&self->reader);
    dr_packet_close(&self->packet);
}

UNIT_SCENE(linked, linked_end)

static void a_body_comes_back(void **state)
{
    dr_link_writer writer;
    dora_slice body;
    dora_slice bytes;
    uint64_t number = 0;
    (void)state;
    dr_link_begin(&writer);
    dr_link_put_number(&writer, UINT64_MAX - 1);
    dr_link_put_bytes(&writer, dr_slice("a path"));
    dr_link_put_bytes(&writer, (dora_slice){NULL, 0});
    dr_link_put_number(&writer, 0x0102030405060708u);
    assert_true(dr_link_written(&writer, &body));
    assert_int_equal(body.len, 8 + 4 + 6 + 4 + 8);
    assert_true(dr_link_take_number(&body, &number));
    assert_true(number == UINT64_MAX - 1);
    assert_true(dr_link_take_bytes(&body, &bytes));
    assert_int_equal(bytes.len, 6);
    assert_memory_equal(bytes.data, "a path", 6);
    assert_true(dr_link_take_bytes(&body, &bytes));
    assert_int_equal(bytes.len, 0);
    assert_memory_equal(body.data, "\1\2\3\4\5\6\7\10", 8);
    assert_true(dr_link_take_number(&body, &number));
    assert_int_equal(body.len, 0);
}

static void a_cut_body_is_refused_where_it_is_cut(void **state)
{
    dr_link_writer writer;
    dora_slice whole;
    (void)state;
    dr_link_begin(&writer);
    dr_link_put_number(&writer, 7);
    dr_link_put_bytes(&writer, dr_slice("text"));
    assert_true(dr_link_written(&writer, &whole));
    for (size_t len = 0; len <= whole.len; len++) {
        uint64_t number = 0;
        dora_slice bytes;
        char *copy = malloc(len + 1); /* of its own size: a read past it is noticed */
        assert_non_null(copy);
        memcpy(copy, whole.data, len);
        dora_slice body = {copy, len};
        const bool has_number = dr_link_take_number(&body, &number);
        const bool has_bytes = has_number && dr_link_take_bytes(&body, &bytes);
        assert_int_equal(has_number, len >= 8);
        assert_int_equal(has_bytes, len == whole.len);
        assert_true(has_bytes || body.len == (has_number ? len - 8 : len));
        free(copy);
    }
}

static void a_length_beyond_the_body_is_refused(void **state)
{
    dora_slice body = {"\377\377\377\377abc", 7};
    dora_slice bytes;
    (void)state;
    assert_false(dr_link_take_bytes(&body, &bytes));
    assert_int_equal(body.len, 7);
}

static void a_body_has_its_limit(void **state)
{
    dr_link_writer writer;
    dora_slice body;
    static char much[DR_LINK_BYTES_MAX];
    (void)state;
    dr_link_begin(&writer);
    dr_link_put_bytes(&writer, (dora_slice){much, sizeof(much) - 4});
    assert_true(dr_link_written(&writer, &body));
    assert_int_equal(body.len, DR_LINK_BYTES_MAX);
    dr_link_begin(&writer);
    dr_link_put_bytes(&writer, (dora_slice){much, sizeof(much) - 3});
    assert_false(dr_link_written(&writer, &body));
    dr_link_put_number(&writer, 1); /* what comes behind does not make it whole */
    assert_false(dr_link_written(&writer, &body));
}

static void a_packet_needs_its_head(void **state)
{
    dr_link_type type = 0;
    dora_slice body;
    unsigned char head[DR_LINK_HEAD_BYTES];
    static char packet[DR_LINK_HEAD_BYTES + DR_LINK_BYTES_MAX + 1];
    (void)state;
    dr_link_head(DR_LINK_READY, head);
    memcpy(packet, head, sizeof(head));
    for (size_t len = 0; len < DR_LINK_HEAD_BYTES; len++) {
        assert_false(dr_link_open((dora_slice){packet, len}, &type, &body));
    }
    assert_true(dr_link_open((dora_slice){packet, DR_LINK_HEAD_BYTES}, &type, &body));
    assert_int_equal(type, DR_LINK_READY);
    assert_int_equal(body.len, 0);
    assert_true(dr_link_open((dora_slice){packet, sizeof(packet) - 1}, &type, &body));
    assert_false(dr_link_open((dora_slice){packet, sizeof(packet)}, &type, &body));
}

static void descriptors_ride_along(void **state)
{
    char byte = 0;
    dora_error error = {0};
    linked *self = *state;
    dr_packet *packet = &self->packet;
    assert_int_equal(dr_packet_pair(self->ends, &error), DORA_OK);
    assert_int_equal(pipe2(self->pipe, O_CLOEXEC), 0);
    assert_int_equal(dr_packet_send(self->ends[1], DR_LINK_OUTPUT, dr_slice("body"), self->pipe, 2),
                     DORA_OK);
    close_one(&self->pipe[0]);
    close_one(&self->pipe[1]);
    assert_int_equal(dr_packet_receive(self->ends[0], packet), DORA_OK);
    assert_int_equal(packet->type, DR_LINK_OUTPUT);
    assert_int_equal(packet->sender, getpid());
    assert_int_equal(packet->body.len, 4);
    assert_int_equal(packet->fd_count, 2);
    self->reader = dr_packet_fd(packet);
    assert_true((fcntl(self->reader, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(write(packet->fds[0], "x", 1), 1);
    assert_int_equal(read(self->reader, &byte, 1), 1);
    dr_packet_close(packet);
    assert_int_equal(packet->fd_count, 0);
    assert_int_equal(dr_packet_fd(packet), -1);
    assert_int_equal(read(self->reader, &byte, 1), 0); /* the other one was closed */
    close_one(&self->ends[1]);
    assert_int_equal(dr_packet_receive(self->ends[0], packet), DORA_ECLOSED);
}

static void what_does_not_fit_is_not_sent(void **state)
{
    const int three[3] = {0, 0, 0};
    static char much[DR_LINK_BYTES_MAX + 1];
    const dora_slice large = {much, sizeof(much)};
    const dora_slice none = {NULL, 0};
    dora_error error = {0};
    linked *self = *state;
    assert_int_equal(dr_packet_pair(self->ends, &error), DORA_OK);
    const int fd = self->ends[1];
    assert_int_equal(dr_packet_send(fd, DR_LINK_READY, large, NULL, 0), DORA_EINVAL);
    assert_int_equal(dr_packet_send(fd, DR_LINK_READY, none, three, 3), DORA_EINVAL);
    close_one(&self->ends[0]);
    assert_int_equal(dr_packet_send(fd, DR_LINK_READY, none, NULL, 0), DORA_ECLOSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_comes_back),
        cmocka_unit_test(a_cut_body_is_refused_where_it_is_cut),
        cmocka_unit_test(a_length_beyond_the_body_is_refused),
        cmocka_unit_test(a_body_has_its_limit),
        cmocka_unit_test(a_packet_needs_its_head),
        unit_in(linked, descriptors_ride_along),
        unit_in(linked, what_does_not_fit_is_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
