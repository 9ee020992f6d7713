/* monitor.h: keeps a node file up to date from Redis. `dora monitor` and PHP's \DoraRPC\Monitor are
 * doors to the one function here. Source: PROTOCOL.md, "Discovery". */
#ifndef DORA_MONITOR_H
#define DORA_MONITOR_H

#include <dora/error.h>
#include <dora/value.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dora_monitor_file {
    const char *path;
    bool is_php; /* else JSON */
} dora_monitor_file;

typedef struct dora_monitor_options {
    size_t size; /* see version.h */
    /* "host:port" or "redis://[[user]:password@]host:port[/database]", for TLS "rediss://...", or
     * several of them, parted by commas. */
    const char *redis;
    const dora_monitor_file *files;
    size_t file_count;
    const char *udp; /* "host:port" that is bound and whose packets are ignored, as the original
                      * does; NULL: none */
    /* Its log: a line for each node that joins or leaves, and what is wrong. `log_file` NULL:
     * stderr, as text; else records of JSON are appended there, as a server's. `log_level` 0: 4. */
    const char *log_file;
    uint32_t log_level;
    /* on_ready hears, once, that the first state is known. NULL: nobody wants to know. */
    void (*on_ready)(void *user, size_t nodes, size_t groups);
    void *user;
    /* For "rediss://": PEM files: whom to trust (NULL: whom the system trusts), and the certificate
     * and key that a Redis sees, where it asks for one. `tls_name` is the name in the certificate
     * of each Redis; NULL: the host that stands in "rediss://". */
    const char *tls_ca;
    const char *tls_cert;
    const char *tls_key;
    const char *tls_name;
} dora_monitor_options;

/* dora_monitor_run watches until SIGTERM or SIGINT. A file is written when its nodes change, whole
 * (written beside it, synced, renamed); while no Redis can be read, or all are suddenly empty, the
 * last good one stays. Tells systemd that it is ready once the first state is known
 * (sd_notify(3)), where NOTIFY_SOCKET is set. The process is named "dora: monitor service".
 * On SIGHUP it reads the files of TLS again, for connections from then on; what is wrong with them
 * is logged, and those that were read before stay.
 * Returns: DORA_OK after a signal. Errors: DORA_EINVAL for the options, DORA_EIO for files that
 * cannot be written at the start, or an address that cannot be bound; later failures to write are
 * logged and tried again.
 * Ownership: borrows the options until it returns, but no argument of main() may stand in them: the
 * name is written over those.
 * Thread: the main thread; it handles the three signals while it runs. */
DORA_API dora_err dora_monitor_run(const dora_monitor_options *options, dora_error *error);

#ifdef __cplusplus
}
#endif
#endif
