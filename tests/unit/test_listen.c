/* test_listen.c: who a peer is, and what stands where a Unix socket is wanted. */
#include "unit_folder.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/listener.h"
#include "net/local.h"
#include "net/peer.h"

static dr_peer peer_v4(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    assert_int_equal(inet_pton(AF_INET, text, &address.sin_addr), 1);
    return dr_peer_among((const struct sockaddr *)&address, NULL);
}

static dr_peer peer_v6(const char *text)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6};
    assert_int_equal(inet_pton(AF_INET6, text, &address.sin6_addr), 1);
    return dr_peer_among((const struct sockaddr *)&address, NULL);
}

static void peers_are_told_apart(void **state)
{
    (void)state;
    assert_int_equal(peer_v4("127.0.0.1"), DR_PEER_LOOPBACK);
    assert_int_equal(peer_v4("127.255.255.254"), DR_PEER_LOOPBACK);
    assert_int_equal(peer_v4("126.255.255.255"), DR_PEER_OTHER);
    assert_int_equal(peer_v4("128.0.0.1"), DR_PEER_OTHER);
    assert_int_equal(peer_v4("10.0.0.127"), DR_PEER_OTHER);
    assert_int_equal(peer_v4("0.0.0.0"), DR_PEER_OTHER);
    assert_int_equal(peer_v6("::1"), DR_PEER_LOOPBACK);
    assert_int_equal(peer_v6("::ffff:127.0.0.1"), DR_PEER_LOOPBACK);
    assert_int_equal(peer_v6("::ffff:10.0.0.1"), DR_PEER_OTHER);
    assert_int_equal(peer_v6("::2"), DR_PEER_OTHER);
    assert_int_equal(peer_v6("::127.0.0.1"), DR_PEER_OTHER);
    assert_int_equal(peer_v6("fe80::1"), DR_PEER_OTHER);
    const struct sockaddr local = {.sa_family = AF_UNIX};
    const struct sockaddr none = {.sa_family = AF_UNSPEC};
    assert_int_equal(dr_peer_of(&local), DR_PEER_UNIX);
    assert_int_equal(dr_peer_of(&none), DR_PEER_OTHER);
}

/* A machine whose interfaces are a tunnel without an address, one that is down, two that are up. */
static void peers_of_this_machine(void **state)
{
    (void)state;
    struct sockaddr_in down = {.sin_family = AF_INET}, up = down;
    struct sockaddr_in6 global = {.sin6_family = AF_INET6}, link = global, peer = global;
    inet_pton(AF_INET, "10.0.0.8", &down.sin_addr);
    inet_pton(AF_INET, "10.0.0.9", &up.sin_addr);
    inet_pton(AF_INET6, "2001:db8::9", &global.sin6_addr);
    inet_pton(AF_INET6, "fe80::9", &link.sin6_addr);
    link.sin6_scope_id = 3;
    struct ifaddrs list[] = {
        {.ifa_flags = IFF_UP},
        {.ifa_addr = (struct sockaddr *)&down},
        {.ifa_addr = (struct sockaddr *)&up, .ifa_flags = IFF_UP},
        {.ifa_addr = (struct sockaddr *)&global, .ifa_flags = IFF_UP},
        {.ifa_addr = (struct sockaddr *)&link, .ifa_flags = IFF_UP},
    };
    for (int i = 0; i < 4; i++) {
        list[i].ifa_next = &list[i + 1];
    }
    const struct {
        int family;
        unsigned scope;
        const char *text;
        dr_peer peer;
    } cases[] = {
        {AF_INET, 0, "10.0.0.9", DR_PEER_OWN},         {AF_INET, 0, "10.0.0.8", DR_PEER_OTHER},
        {AF_INET, 0, "10.0.0.10", DR_PEER_OTHER},      {AF_INET, 0, "127.9.9.9", DR_PEER_LOOPBACK},
        {AF_INET6, 0, "::ffff:10.0.0.9", DR_PEER_OWN}, {AF_INET6, 0, "::10.0.0.9", DR_PEER_OTHER},
        {AF_INET6, 0, "2001:db8::9", DR_PEER_OWN},     {AF_INET6, 7, "2001:db8::9", DR_PEER_OWN},
        {AF_INET6, 0, "2001:db8::a", DR_PEER_OTHER},   {AF_INET6, 3, "fe80::9", DR_PEER_OWN},
        {AF_INET6, 4, "fe80::9", DR_PEER_OTHER},       {AF_INET6, 0, "::1", DR_PEER_LOOPBACK},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct sockaddr_in v4 = {.sin_family = AF_INET};
        peer.sin6_scope_id = cases[i].scope;
        const bool is_v4 = cases[i].family == AF_INET;
        void *into = is_v4 ? (void *)&v4.sin_addr : (void *)&peer.sin6_addr;
        const struct sockaddr *address = is_v4 ? (const void *)&v4 : (const void *)&peer;
        assert_int_equal(inet_pton(cases[i].family, cases[i].text, into), 1);
        assert_int_equal(dr_peer_among(address, list), cases[i].peer);
    }
}

typedef struct place {
    unit_folder folder;
    char path[300];
    dr_local local;
    int fd;
    int keep;
    dora_error error;
} place;

static void set_up(place *self, const char *name)
{
    unit_folder_make(&self->folder);
    snprintf(self->path, sizeof(self->path), "%s/%s", self->folder.path, name);
}

static void tear_down(place *self)
{
    unit_close(&self->fd);
    unit_close(&self->keep);
    dr_local_remove(&self->local);
    unit_folder_remove(&self->folder);
}
UNIT_SCENE(place, tear_down)

static void a_socket_is_private_and_goes(void **state)
{
    place *self = *state;
    struct stat status;
    set_up(self, "sock");
    const mode_t before = umask(0);
    assert_int_equal(dr_local_listen(&self->local, self->path, 5, &self->fd, &self->error),
                     DORA_OK);
    umask(before);
    assert_int_equal(stat(self->path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    /* A second server is refused, and the first one's file stays. */
    dr_local second = {0};
    int none;
    assert_int_equal(dr_local_listen(&second, self->path, 5, &none, &self->error), DORA_EIO);
    assert_non_null(strstr(self->error.msg, "another server listens there; stop it, or name"));
    assert_non_null(strstr(self->error.msg, self->path));
    dr_local_remove(&second);
    assert_int_equal(stat(self->path, &status), 0);
    dr_local_remove(&self->local);
    assert_int_equal(stat(self->path, &status), -1);
    dr_local_remove(&self->local);
    unit_close(&self->fd);
}

static void a_stale_file_is_replaced(void **state)
{
    place *self = *state;
    dr_local old = {0};
    set_up(self, "sock");
    assert_int_equal(dr_local_listen(&old, self->path, 5, &self->fd, &self->error), DORA_OK);
    self->keep = dup(self->fd); /* so that the file's number is not used again */
    unit_close(&self->fd);
    assert_int_equal(dr_local_listen(&self->local, self->path, 5, &self->fd, &self->error),
                     DORA_EIO);
    unit_close(&self->keep);
    assert_int_equal(dr_local_listen(&self->local, self->path, 5, &self->fd, &self->error),
                     DORA_OK);
    struct stat status;
    old.inode = self->local.inode + 1;
    dr_local_remove(&old); /* not its own any more */
    assert_int_equal(stat(self->path, &status), 0);
    dr_local_remove(&self->local);
    unit_close(&self->fd);
}

static void a_file_is_not_replaced(void **state)
{
    place *self = *state;
    set_up(self, "file");
    unit_write(self->path, "");
    assert_int_equal(dr_local_listen(&self->local, self->path, 5, &self->fd, &self->error),
                     DORA_EIO);
    assert_non_null(strstr(self->error.msg, "it exists and is no socket; remove it"));
}

static void the_path_has_a_limit(void **state)
{
    place *self = *state;
    const size_t max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
    set_up(self, "");
    const size_t start = strlen(self->path);
    memset(self->path + start, 'x', max + 1 - start);
    self->path[max + 1] = '\0';
    assert_int_equal(dr_local_listen(&self->local, self->path, 5, &self->fd, &self->error),
                     DORA_EIO);
    assert_non_null(strstr(self->error.msg, "has 1 to 107 bytes, not 108"));
    self->path[max] = '\0';
    assert_int_equal(dr_local_listen(&self->local, self->path, 5, &self->fd, &self->error),
                     DORA_OK);
    dr_local_remove(&self->local);
    unit_close(&self->fd);
    assert_int_equal(
        dr_local_listen(&self->local, "/no/such/folder/sock", 5, &self->fd, &self->error),
        DORA_EIO);
    assert_string_equal(self->error.msg,
                        "cannot listen on /no/such/folder/sock: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peers_are_told_apart),       cmocka_unit_test(peers_of_this_machine),
        unit_in(place, a_socket_is_private_and_goes), unit_in(place, a_stale_file_is_replaced),
        unit_in(place, a_file_is_not_replaced),       unit_in(place, the_path_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
