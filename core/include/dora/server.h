/* server.h: starting the server from a program. `dora serve`, `python -m dora serve`, Python's
 * app.run() and PHP's $app->run() are doors to the one function here. */
#ifndef DORA_SERVER_H
#define DORA_SERVER_H

#include <dora/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* dora_host is the process that becomes the master: what it runs, and how to start it again.
 * Both lists end with NULL and are borrowed for the call. */
typedef struct dora_host {
    size_t size;         /* see version.h */
    const char *runtime; /* "c", "python", "php" */
    /* zygote starts a zygote for any application of this runtime and for C applications:
     * {"/usr/bin/python3", "-m", "dora", "zygote"}. */
    const char *const *zygote;
    /* again is the command line of this very process, where it is an application file that called
     * run(): the pool of `again_app` (a FILE argument of serve, or `app` of a pool in `config`) is
     * started with it. NULL both for the command line programs. */
    const char *const *again;
    const char *again_app;
    /* config is JSON text like that of a configuration file, read before the file of --config;
     * config_name is what messages call it. NULL both: none. */
    const char *config;
    const char *config_name;
    /* options is a JSON object: what run() was given beside the flags in argv. Its members are keys
     * of a configuration file, of the whole server or of a pool; the latter are for the pool of
     * `again_app`. They win over `config` and the file of --config; flags win over them. A member
     * of an inner object may be named with a dot: {"log.level": 3}. options_name is what messages
     * call it. NULL both: none. */
    const char *options;
    const char *options_name;
    /* pid_files are written beside the configuration's pid_file, with the master's process id. Ends
     * with NULL; NULL: none. */
    const char *const *pid_files;
    /* may_use says whether a file that options or configuration name may be used: a configuration,
     * applications, PHP's module, log and pid files. Errors: any, `error` says why it may not; the
     * server does not start then. NULL: any file. Thread: the caller's. */
    dora_err (*may_use)(const char *path, dora_error *error);
} dora_host;

/* dora_main is the `dora` program: `dora serve`, `dora check`, `dora call`, and so on. It prints
 * to stdout and stderr. Returns: the exit status (core/OPERATIONS.md, "Command line").
 * Thread: call it on the main thread; `serve` handles SIGINT, SIGTERM and SIGHUP while it runs. */
DORA_API int dora_main(int argc, char **argv, const dora_host *host);

/* dora_options_check looks at dora_host.options beforehand, for a pool of `runtime`, so that a
 * binding can raise an exception where run() was called. Errors: DORA_EINVAL for a name that is no
 * option, DORA_ECONFIG for a value that is not allowed, DORA_ENOMEM. Thread: any. */
DORA_API dora_err dora_options_check(const char *runtime, const char *options, const char *name,
                                     dora_error *error);

/* dora_local_ip writes the first private IPv4 address (10/8, 172.16/12, 192.168/16) of an interface
 * that is up. Returns: false where there is none. Thread: any. */
#define DORA_LOCAL_IP_BYTES 16
DORA_API bool dora_local_ip(char text[DORA_LOCAL_IP_BYTES]);

#ifdef __cplusplus
}
#endif
#endif
