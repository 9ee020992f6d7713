/* config_about.c: what each key of a configuration is for: for `dora help dora.json` and the manual
 * page. The keys themselves stand in config_read.c, all of it in core/OPERATIONS.md. */
#include "server/config/config_about.h"

#include <string.h>

const dr_config_about dr_config_abouts[] = {
    {"listen.tcp", "127.0.0.1:9567", "Address and port; null with listen.unix: no TCP."},
    {"listen.http", "null", "Address and port for HTTP."},
    {"listen.unix", "null", "Path of a Unix socket, mode 0600."},
    {"listen.admin", "null", "Address and port of the operators' listener."},
    {"reactors", NULL, "Threads that serve connections; 0: as many as the CPUs are good for."},
    {"backlog", NULL, "Connections that wait to be accepted."},
    {"frame_bytes_max", NULL, "The largest request and reply."},
    {"idle_s", NULL, "Connections idle for this long are closed; 0: never."},
    {"linger_ms", NULL, "Time for clients to leave when the server stops."},
    {"drain_ms", NULL,
     "A server that is told to stop serves for so long, while /readyz is 503 already."},
    {"stop_timeout_ms", NULL, "Then what still runs is ended; 0: it waits without end."},
    {"hung_ms", NULL, "For pools that do not set their own."},
    {"original", NULL, "Answer as Dora-RPC did where its programs could see it."},
    {"connection_mb_max", NULL,
     "What is held for one connection: received and not answered, ready and not sent."},
    {"buffers_mb_max", NULL, "The same for all together; 0: a quarter of the memory."},
    {"stall_ms", NULL,
     "A frame or a reply that stands still for this long ends its connection; 0: never."},
    {"sign", NULL, "A checksum in each frame; no protection against attackers."},
    {"salt", "the protocol's", "What that checksum begins with."},
    {"gzip", NULL, "Bodies are compressed; both ends must agree."},
    {"daemonize", NULL, "Detach once the server is ready; needs log.file."},
    {"pid_file", "null", "Holds the master's id while it runs."},
    {"dev", NULL, "As dora serve --dev: what is saved is served at once."},
    {"log.file", "null", "Appended to, made with mode 0644; null: stderr."},
    {"log.format", "text", "Or json: a record a line."},
    {"log.level", NULL, "Keeps levels up to it, and 5, 6 and 7 always."},
    {"log.requests", "none", "Which requests are written down: errors, slow (and errors), all."},
    {"log.slow_ms", NULL, "In the queue and running together: from there on a request is slow."},
    {"trace.endpoint", "null",
     "Where spans of traced calls go: the URL of a collector of OTLP/HTTP; needs libcurl."},
    {"trace.service", "dora", "The name that the collector knows the server by."},
    {"trace.headers", "{}", "Headers of each request to the collector, such as Authorization."},
    {"trace.sample", "0", "Of the calls that come without a trace so many begin one, from 0 to 1."},
    {"control.allow", "[\"loopback\", \"unix\"]",
     "Where commands may come from: loopback, unix, any."},
    {"control.http", NULL, "Commands by /server/cmd, too."},
    {"http.hosts", "[]", "Names under which web pages may call, beside addresses and localhost."},
    {"discovery.redis", "[]",
     "Redis to register in: HOST[:PORT], unix:/PATH, redis://... or rediss://..., at most 16."},
    {"discovery.groups", "[]", "The server's groups; empty: default."},
    {"discovery.advertise", "null", "IP:PORT for clients; null: the address listened on."},
    {"discovery.tls.ca", "null", "Whom rediss:// trusts; null: whom the system trusts."},
    {"discovery.tls.cert", "null", "The certificate that a Redis sees, where it asks for one."},
    {"discovery.tls.key", "null", "Its key."},
    {"discovery.tls.crl", "null", "Certificates that were revoked."},
    {"discovery.tls.name", "null",
     "The name in the certificate of each Redis; null: the host that stands in rediss://."},
    {"pools.NAME.runtime", "", "python, php or c."},
    {"pools.NAME.app", "", "A file, or module:attr for Python."},
    {"pools.NAME.interpreter", "null", "The program, or a list of it and its arguments."},
    {"pools.NAME.extension", "null", "PHP's extension dora; null: php.ini names it."},
    {"pools.NAME.ini", "{}", "PHP: settings, as by -d."},
    {"pools.NAME.env", "{}", "Variables of the pool's processes, beside the server's own."},
    {"pools.NAME.env_file", "null", "A file of variables, read at each start and reload."},
    {"pools.NAME.cwd", "null", "Folder of the pool's processes; null: the server's."},
    {"pools.NAME.workers", "2 for each CPU", "Processes."},
    {"pools.NAME.concurrency", NULL, "Python: tasks that a worker with async handlers runs."},
    {"pools.NAME.threads", NULL, "Python: how many of these may be plain functions."},
    {"pools.NAME.apis", "[]",
     "Exact names or patterns ending in *; the longest wins; empty: what is registered."},
    {"pools.NAME.queue_tasks_max", NULL, "How many may wait; beyond: 100203 at once."},
    {"pools.NAME.queue_mb_max", NULL, "How much may wait; beyond: 100203 at once."},
    {"pools.NAME.max_requests", NULL,
     "Tasks after which a worker is replaced, and up to half as many more; 0: never."},
    {"pools.NAME.memory_mb_max", NULL,
     "Resident memory above which a worker is replaced; 0: never."},
    {"pools.NAME.time_limit_ms", NULL,
     "A handler that runs longer is ended, 100201; 0: never. Accepted work only where it is set."},
    {"pools.NAME.hung_ms", "hung_ms",
     "Tasks wait and none ends for so long: the server is not ready; 0: never."},
    {"pools.NAME.preload", NULL, "Load before the fork; false: in each worker."},
    {"pools.NAME.dedupe", NULL, "A call that is sent again does not run twice."},
    {NULL, NULL, NULL},
};

const dr_config_about *dr_config_about_find(const char *key)
{
    for (const dr_config_about *each = dr_config_abouts; each->key != NULL; each++) {
        if (strcmp(each->key, key) == 0) {
            return each;
        }
    }
    return NULL;
}
