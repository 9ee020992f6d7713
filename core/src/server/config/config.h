/* config.h: dr_config, everything a server is told; read from dora.json, then from flags. */
#ifndef DR_SERVER_CONFIG_H
#define DR_SERVER_CONFIG_H

#include <dora/error.h>
#include <dora/value.h>
#include <dora/wire.h>

#include "discovery/redis_url.h"
#include "server/access/access.h"
#include "server/config/runtime.h"
#include "tls/context.h"

#define DR_POOL_WORKERS_MAX 512u /* DR_POOL_SLOTS of it must fit DR_WORKER_SLOTS_MAX */

#define DR_HUNG_UNSET UINT32_MAX

#define DR_HOST_DEFAULT "127.0.0.1"
#define DR_UNIX_MODE_DEFAULT 0600u
#define DR_GROUP_DEFAULT "default"
#define DR_SERVICE_DEFAULT "dora"

/* dr_log_requests is which requests are written to the log; each takes in the one before. */
typedef enum dr_log_requests {
    DR_LOG_REQUESTS_NONE = 0,
    DR_LOG_REQUESTS_ERRORS, /* whose code is not 0 */
    DR_LOG_REQUESTS_SLOW,
    DR_LOG_REQUESTS_ALL
} dr_log_requests;

typedef enum dr_log_format { DR_LOG_TEXT = 0, DR_LOG_JSON } dr_log_format;

/* dr_texts is a list of NUL-ended strings on the heap. */
typedef struct dr_texts {
    char **items;
    size_t count;
} dr_texts;

#define DR_UMASK_UNSET UINT32_MAX
#define DR_CORE_MB_UNSET UINT32_MAX
#define DR_CORE_MB_MAX (1u << 20) /* a terabyte */

typedef enum dr_choice { DR_CHOICE_UNSET = 0, DR_CHOICE_NO, DR_CHOICE_YES } dr_choice;

/* dr_rights_config is as whom a pool's processes run and what they may: of the server, and of each
 * pool what it says else. config_rights.h puts the two together. */
typedef struct dr_rights_config {
    char *user;  /* a name or a number; NULL: not set */
    char *group; /* the same */
    uint32_t umask;
    uint32_t core_mb_max;
    dr_choice no_new_privs;
} dr_rights_config;

/* dr_pool_config is one pool. Strings are on the heap and belong to the config; NULL: not set. */
typedef struct dr_pool_config {
    char *name;
    dr_runtime_kind runtime;
    char *app;         /* a file (absolute, or relative to the working directory) or module:attr */
    char *interpreter; /* NULL: DORA_PYTHON or DORA_PHP, else from PATH */
    dr_texts interpreter_args;
    char *extension; /* PHP's module; NULL: DORA_PHP_EXTENSION, else php.ini */
    dr_texts ini;    /* NAME=value of PHP's settings */
    dr_texts env;    /* NAME=value, before those of env_file, before the server's own */
    char *env_file;  /* read at each start of the pool's processes; NULL: none */
    char *cwd;       /* where they run; NULL: where the server was started */
    dr_rights_config rights;
    uint32_t workers;
    uint32_t concurrency; /* tasks at a time in one worker; above 1 for Python alone */
    uint32_t threads;     /* of a worker with an event loop, for plain functions; likewise */
    dr_texts apis;        /* exact names or ending in `*`; none: what the application reports */
    uint32_t queue_tasks_max;
    uint32_t queue_mb_max;
    uint32_t max_requests;        /* 0: no limit; or DR_MAX_REQUESTS_AUTO */
    uint32_t memory_mb_max;       /* above it a worker is replaced; 0: no limit */
    uint32_t memory_hard_mb;      /* more no process gets; 0: no limit */
    uint32_t restarts_per_minute; /* of workers that ended by themselves; 0: no limit */
    uint32_t time_limit_ms;       /* 0: no limit */
    bool limits_accepted;         /* time_limit_ms was set: it counts for accepted work, too */
    uint32_t kill_after_ms;       /* that a task has which was asked to end; 0: it is not asked */
    uint32_t stream_idle_ms;      /* dr_pool_limits */
    uint32_t newest_first_ms;     /* dr_pool_limits */
    uint32_t hung_ms;             /* 0: is not looked for; DR_HUNG_UNSET: as dr_config.hung_ms */
    uint32_t poison_s;            /* dr_pool_limits */
    bool preload;
    bool dedupe;
    bool cancel; /* what runs is stopped with its connection, even if a repeat could ask for it */
    bool from_again; /* the file that called run(): started by dora_host.again */
} dr_pool_config;

typedef struct dr_config {
    char *tcp_host;    /* NULL: no TCP */
    uint16_t tcp_port; /* 0: any free one */
    char *tls_host;    /* NULL: no TLS */
    uint16_t tls_port;
    bool has_http;
    char *http_host;    /* NULL: that of TCP */
    uint16_t http_port; /* 0: any free one */
    char *unix_path;    /* NULL: no Unix socket */
    char *unix_owner;   /* of its file: a user's name or number; NULL: who makes it */
    char *unix_group;   /* the same */
    uint32_t unix_mode; /* of its file */
    char *admin_host;   /* NULL: no listener for operators */
    uint16_t admin_port;
    uint32_t reactors; /* 0: the server decides */
    uint32_t backlog;
    uint32_t frame_bytes_max;
    uint32_t idle_s; /* 0: idle connections stay open */
    uint32_t linger_ms;
    uint32_t drain_ms;           /* it serves for so long after it was told to stop */
    uint32_t stop_timeout_ms;    /* then what still runs is ended; 0: never */
    uint32_t upgrade_timeout_ms; /* an heir that is not ready by then is ended */
    bool original;              /* it answers as Dora-RPC did where programs of that could see it */
    uint32_t connection_mb_max; /* that one connection has us hold; never less than two frames */
    uint32_t buffers_mb_max;    /* all together; 0: a quarter of the memory that there is */
    uint32_t stall_ms;          /* for a frame or a reply to stand still; 0: for ever */
    uint32_t frame_ms;          /* for a frame that has begun to be whole; 0: ever */
    uint32_t connections_max;   /* 0: as many as there are descriptors */
    uint32_t connections_per_address_max; /* 0: any number */
    uint32_t connection_calls_max;        /* in flight on one connection */
    bool sign;
    bool gzip;
    char *salt;
    bool daemonize;          /* needs log.file */
    bool dev;                /* for who writes the application: dr_config_settle_dev */
    char *pid_file;          /* NULL: none */
    dr_rights_config rights; /* of pools that say nothing else */
    char *master_user;       /* that the master becomes once it listens; NULL: it stays who it is */
    struct {
        char *file; /* NULL: stderr */
        dr_log_format format;
        uint32_t level; /* 1..9 */
        dr_log_requests requests;
        uint32_t slow_ms; /* queue and run: from there on a request is slow */
    } log;
    struct {
        bool loopback;
        bool local; /* "unix" in the file */
        bool any;
        bool http; /* by POST /server/cmd, too */
    } control;
    dr_access *access; /* who may do what; NULL: everybody may call, `control` is for commands */
    struct {           /* PEM files; NULL: none */
        char *cert;
        char *key;
        char *ca;
        char *crl;
        dr_tls_verify verify;
        bool is_1_3_only;
        uint32_t handshake_ms;
    } tls;
    struct {
        dr_texts hosts; /* in whose `Host` web pages are answered, beside addresses and localhost */
        uint32_t rate_per_address;  /* calls a second; 0: any number */
        uint32_t burst_per_address; /* that may come at once; 0: those of a second */
    } http;
    struct {
        dr_texts redis;  /* as redis_url.h reads them: passwords stand in them */
        dr_texts groups; /* none: DR_GROUP_DEFAULT */
        char *advertise; /* "IP:PORT", port 0: the bound one; NULL: what is listened on */
        struct {
            char *ca; /* files, as those of a dr_tls_settings */
            char *cert;
            char *key;
            char *crl;
            char *name; /* in the certificate of every Redis; NULL: the host of its url */
        } tls;          /* of each "rediss://" */
    } discovery;
    struct {
        char *endpoint;   /* a collector of spans, with its path; NULL: none */
        char *service;    /* as which it is known there */
        dr_texts headers; /* "NAME: value" */
        double sample;    /* of the calls without a trace so many begin one: 0 to 1 */
    } trace;
    struct {
        uint32_t canary_percent; /* of the calls, for a new generation first; 0: none is watched */
        uint32_t watch_s;
        uint32_t enough_calls; /* in each generation for an early verdict; 0: there is none */
        double max_error_ratio;
        double max_time_ratio;
    } reload;
    uint32_t hung_ms; /* of pools that say nothing else */
    dr_pool_config *pools;
    size_t pool_count;
    char *file; /* that all this was read from, and its text; NULL: from none */
    char *text;
} dr_config;

/* dr_config_init sets the defaults, without pools. Errors: DORA_ENOMEM (the config may still be
 * given to dr_config_fini). dr_config_fini frees what the config owns; fine on zeroed memory. */
dora_err dr_config_init(dr_config *config);
void dr_config_fini(dr_config *config);

/* dr_config_pool_add appends a pool with default settings. Returns: NULL when out of memory.
 * Ownership: copies the strings; gives a pointer into config->pools, valid until the next add. */
dr_pool_config *dr_config_pool_add(dr_config *config, const char *name, dr_runtime_kind runtime,
                                   const char *app);

/* dr_config_check looks at what must hold among the keys: pools with the same name or the same api
 * patterns, a daemon without a log file. `where` starts each message (a file's name).
 * Errors: DORA_ECONFIG. */
dora_err dr_config_check(const dr_config *config, const char *where, dora_error *error);

/* dr_config_settle_dev makes it the configuration of one developer, where `dev` is on: a worker a
 * pool, no time limits, and a stop that does not wait for who sits at a breakpoint. */
void dr_config_settle_dev(dr_config *config);

/* dr_config_frame_options gives the settings of the wire. Ownership: borrows config->salt. */
dora_frame_options dr_config_frame_options(const dr_config *config);

/* dr_app_is_module says whether a pool's `app` is Python's module:attr, not a file. */
bool dr_app_is_module(dr_runtime_kind runtime, const char *app);

/* dr_text_set puts a copy of `text` (NULL is fine) in `place` and frees what was there. Errors:
 * DORA_ENOMEM. */
dora_err dr_text_set(char **place, const char *text);

/* dr_texts_fini frees a list and its strings; fine on zeroed memory. dr_texts_add appends a copy.
 * Errors: DORA_ENOMEM. */
void dr_texts_fini(dr_texts *texts);
dora_err dr_texts_add(dr_texts *texts, const char *text);

/* dr_config_stop_ms_max is how long a stop may last; 0: without end. */
uint64_t dr_config_stop_ms_max(const dr_config *config);

#endif
