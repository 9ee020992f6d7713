/* unshared.c: what an application has after loading that cannot be shared over a fork. */
#include "task/unshared.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/threads.h"

#define NAME_MAX_BYTES 160
#define JOINED_MS_MAX 20 /* a thread's last steps in the kernel take microseconds */

typedef union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
} address;

/* is_mute: a datagram socket without an address, to which nobody can answer: the system log's. */
static bool is_mute(int fd)
{
    int type = 0;
    address own = {.any.sa_family = AF_UNSPEC};
    socklen_t type_len = sizeof(type);
    socklen_t own_len = sizeof(own);
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) == 0 && type == SOCK_DGRAM &&
           getsockname(fd, &own.any, &own_len) == 0 && own.any.sa_family == AF_UNIX &&
           own_len <= sizeof(own.any.sa_family);
}

static void name_local(int fd, const address *peer, socklen_t len, char *name, size_t size)
{
    const size_t path_len = len > offsetof(struct sockaddr_un, sun_path)
                                ? len - offsetof(struct sockaddr_un, sun_path)
                                : 0;
    if (path_len == 0) {
        (void)snprintf(name, size, "socket pair");
    } else if (!is_mute(fd)) {
        const bool is_abstract = peer->local.sun_path[0] == '\0';
        (void)snprintf(name, size, "socket to unix:%s%.*s", is_abstract ? "@" : "",
                       (int)path_len - is_abstract, peer->local.sun_path + is_abstract);
    }
}

static bool is_connecting(int fd)
{
    struct tcp_info info = {.tcpi_state = TCP_CLOSE};
    socklen_t len = sizeof(info);
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
           info.tcpi_state == TCP_SYN_SENT;
}

/* find_peer gives the other end's address, for a socket that is still connecting, too: getpeername
 * knows none of that, SO_PEERNAME does. Returns: false where it is not connected. */
static bool find_peer(int fd, address *peer, socklen_t *len)
{
    *len = sizeof(*peer);
    if (getpeername(fd, &peer->any, len) == 0) {
        return true;
    }
    if (!is_connecting(fd)) {
        return false;
    }
    *len = sizeof(peer->v6); /* no more than the address has, else it is refused */
    if (getsockopt(fd, SOL_SOCKET, SO_PEERNAME, peer, len) != 0) {
        *len = sizeof(peer->v4);
        (void)getsockopt(fd, SOL_SOCKET, SO_PEERNAME, peer, len);
    }
    return true;
}

/* name_socket leaves the name empty where it is not connected. */
static void name_socket(int fd, char *name, size_t size)
{
    address peer = {.any.sa_family = AF_UNSPEC};
    socklen_t len;
    char text[INET6_ADDRSTRLEN] = "";
    if (!find_peer(fd, &peer, &len)) {
        return;
    }
    if (peer.any.sa_family == AF_INET) {
        (void)inet_ntop(AF_INET, &peer.v4.sin_addr, text, sizeof(text));
        (void)snprintf(name, size, "socket to %s:%u", text, ntohs(peer.v4.sin_port));
    } else if (peer.any.sa_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &peer.v6.sin6_addr, text, sizeof(text));
        (void)snprintf(name, size, "socket to [%s]:%u", text, ntohs(peer.v6.sin6_port));
    } else if (peer.any.sa_family == AF_UNIX) {
        name_local(fd, &peer, len, name, size);
    } else {
        (void)snprintf(name, size, "socket");
    }
}

/* name_kind names a descriptor by what the kernel shows of it; nothing where it can be shared. */
static void name_kind(int fd, const char *link, char *name, size_t size)
{
    static const struct {
        const char *link;
        const char *name;
    } kinds[] = {{"anon_inode:[eventpoll]", "epoll"},   {"anon_inode:[eventfd", "eventfd"},
                 {"anon_inode:[timerfd]", "timerfd"},   {"anon_inode:[signalfd]", "signalfd"},
                 {"anon_inode:[io_uring]", "io_uring"}, {"anon_inode:[fanotify]", "fanotify"},
                 {"anon_inode:inotify", "inotify"},     {"anon_inode:[inotify]", "inotify"}};
    struct stat kind;
    if (strncmp(link, "socket:", 7) == 0) {
        name_socket(fd, name, size);
        return;
    }
    if (fstat(fd, &kind) == 0 && S_ISFIFO(kind.st_mode)) {
        (void)snprintf(name, size, "pipe"); /* with a name in a folder or without */
        return;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strncmp(link, kinds[i].link, strlen(kinds[i].link)) == 0) {
            (void)snprintf(name, size, "%s", kinds[i].name);
        }
    }
}

static bool is_among(int fd, const int *own, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (own[i] == fd) {
            return true;
        }
    }
    return false;
}

/* has says whether a list names it already: ", " stands between two. */
static bool has(const char *list, const char *name)
{
    const size_t len = strlen(name);
    for (const char *at = list; (at = strstr(at, name)) != NULL; at += len) {
        if ((at == list || at[-1] == ' ') && (at[len] == '\0' || at[len] == ',')) {
            return true;
        }
    }
    return false;
}

/* find_descriptors names those that cannot be shared, behind what stands in `text`. */
static void find_descriptors(const dr_unshared_known *known, char *text)
{
    size_t len = strlen(text);
    DIR *folder = opendir("/proc/self/fd");
    const struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        char link[64] = "";
        char name[NAME_MAX_BYTES] = "";
        const int fd = (int)strtol(entry->d_name, NULL, 10);
        if (fd <= STDERR_FILENO || fd == dirfd(folder) || is_among(fd, known->own, known->count) ||
            readlinkat(dirfd(folder), entry->d_name, link, sizeof(link) - 1) <= 0) {
            continue;
        }
        name_kind(fd, link, name, sizeof(name));
        if (name[0] != '\0' && !has(text, name) &&
            len + strlen(name) + sizeof(", ") <= DR_UNSHARED_TEXT_MAX) {
            len += (size_t)snprintf(text + len, DR_UNSHARED_TEXT_MAX - len, "%s%s",
                                    len > 0 ? ", " : "", name);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
}

/* find_in_child looks in a forked process, as the workers will be: what closes itself in one, as
 * Dora's clients do, is no matter. Returns: false when there is none to look in. */
static bool find_in_child(const dr_unshared_known *known, char *text)
{
    char *found =
        mmap(NULL, DR_UNSHARED_TEXT_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (found == MAP_FAILED) {
        return false;
    }
    memcpy(found, text, strlen(text) + 1);
    const pid_t pid = fork();
    if (pid == 0) {
        find_descriptors(known, found);
        _exit(0);
    }
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    memcpy(text, found, DR_UNSHARED_TEXT_MAX);
    (void)munmap(found, DR_UNSHARED_TEXT_MAX);
    return pid > 0;
}

/* threads_over_fork counts those that are there once this process has forked: some libraries end
 * their own before (OpenBLAS, so numpy), and start them again where they are wanted. */
static int threads_over_fork(void)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    int threads = dr_thread_count();
    const pid_t pid = threads > 1 ? fork() : -1;
    if (pid == 0) {
        _exit(0);
    }
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    /* The kernel still counts one that has just been joined. */
    for (int i = 0; pid > 0 && i < JOINED_MS_MAX && (threads = dr_thread_count()) > 1; i++) {
        (void)nanosleep(&moment, NULL);
    }
    return threads;
}

size_t dr_unshared_find(const dr_unshared_known *known, char text[DR_UNSHARED_TEXT_MAX])
{
    const int threads = threads_over_fork();
    text[0] = '\0';
    if (threads > 1) {
        (void)snprintf(text, DR_UNSHARED_TEXT_MAX, "%d threads", threads);
    }
    if (threads > 1 || !find_in_child(known, text)) {
        find_descriptors(known, text);
    }
    return strlen(text);
}
