/* limits.h: every bound of the core, with its reason. */
#ifndef DR_LIMITS_H
#define DR_LIMITS_H

/* Wire. */
#define DR_GUID_LEN 32                                /* PROTOCOL.md, "Frame" */
#define DR_BARE_GUID_MAX 255                          /* of frames of older releases: as a name */
#define DR_FRAME_BYTES_MAX_DEFAULT (2u * 1024 * 1024) /* the original's package_max_length */
#define DR_FRAME_BYTES_MAX_MAX (64u * 1024 * 1024)    /* a frame must fit a shared-memory block */
#define DR_VALUE_DEPTH_MAX 512                        /* a reader may recurse: this is its stack */
#define DR_REPLY_LEVELS 3 /* reply, map of results, envelope: a result stands behind these */
#define DR_VALUE_MEMBERS_MAX (1u << 20)   /* array members of one body: bounds its cost */
#define DR_SETTINGS_DEPTH_MAX 64          /* of configuration and node files: read on any stack */
#define DR_API_NAME_MAX 255               /* names are compared and logged */
#define DR_APIS_MAX 1024                  /* apis of one W_M: each costs a task */
#define DR_APP_APIS_MAX 4096              /* handlers of one application */
#define DR_SUMMARY_BYTES_MAX 200          /* of an api: one line of a table */
#define DR_ABOUT_BYTES_MAX (1u << 18)     /* of a schema: the master keeps it for every api */
#define DR_ABOUT_BYTES_SUM_MAX (4u << 20) /* of one application's */
#define DR_CODE_OURS_MAX 100299           /* last of the codes that handlers cannot use */
#define DR_MSG_BYTES_MAX 8192             /* of a handler's error message */
#define DR_SIZED_BYTES_MAX 4096u          /* of a structure of options: more is garbage */
#define DR_SERIES_MAX 64                  /* codes and types counted of one api; the rest in one */
#define DR_TRACE_BYTES_MAX 256            /* W3C traceparent is 55 bytes */
#define DR_ENV_FILE_BYTES_MAX (1024u * 1024) /* a file written by hand is far below */
#define DR_HANDLER_STATUS_MIN 400 /* over HTTP, of a handler's error: what its caller did */
#define DR_HANDLER_STATUS_MAX 499

/* Threads. */
#define DR_THREAD_STACK_BYTES (2u * 1024 * 1024) /* 512 levels take 200 KiB, 400 when sanitized */
#define DR_STACK_ROOM_BYTES (48u * 1024) /* for the next 32 levels, and what is called from there */

/* Between master and workers. */
#define DR_POOLS_MAX 64    /* pools of one server */
#define DR_REACTORS_MAX 64 /* reactor threads of one server */
#define DR_DOORS_MAX 512   /* listening sockets: one a reactor and address, and surplus ones */
#define DR_WORKER_SLOTS_MAX 1600     /* per pool: DR_POOL_SLOTS of the most workers, in 64s */
#define DR_RING_ENTRIES_MIN 128u     /* power of two; twice what is handed ahead: stale entries */
#define DR_STREAM_BYTES (24u * 1024) /* of its ring: with request and reply */
#define DR_STREAM_BLOCK (32u * 1024) /*   a block of so much, */
#define DR_STREAM_BLOCKS 64u         /*   of which so many stand side by side: bits of a word; */
#define DR_STREAM_SKIPS 64u          /*   where there was no room for these: next look */
#define DR_CONN_STREAMS_MAX 256      /* of one connection: each has such a block */
#define DR_STREAM_WINDOW 16          /* parts under way, where the caller does not say */
#define DR_STREAM_WINDOW_MAX 1024
#define DR_STREAM_IDLE_MS_DEFAULT 600000u /* nothing taken for so long: Envoy gives five minutes */
#define DR_STREAM_IDLE_MS_MAX 86400000u   /* a day: who may be away for longer has no limit */
#define DR_HANDED_MAX 64                  /* tasks handed to one worker: more gave no more speed */
#define DR_THREADS_MAX 256u               /* of one worker for plain functions: each has a stack */
#define DR_CONCURRENCY_MAX 1024u /* tasks at a time in one worker: each has a place in rings */
#define DR_BLOCK_BYTES_MIN 1024u /* smallest shared-memory block: request and small reply */
#define DR_WAKE_PRICE_NS 50000u  /* waking a worker: backlog worth handing ahead */
#define DR_OWED_TASKS_MAX 32u    /* handed over before their worker is woken: half its places */
#define DR_STALL_NS 1500000u     /* no progress for this long: queued tasks are taken back */
#define DR_TIME_LIMIT_MS_DEFAULT 60000u /* nobody who waits does so for longer */
#define DR_TIME_LIMIT_MS_MAX 86400000u  /* a day: what may take longer has none */
#define DR_LIMIT_NONE UINT32_MAX        /* an api's own time limit: none, where 0 is its pool's */
#define DR_BUSY_SAID_MS 10000u          /* all workers busy with the same tasks: said in the log */
#define DR_NEWEST_FIRST_MS 1500u        /* half of what clients wait by default */
#define DR_RETRY_AFTER_MS_MIN 10u       /* a refused caller asks again: sooner is only more load */
#define DR_RETRY_AFTER_MS_MAX 30000u    /*   later nobody knows what will be */
#define DR_RETRY_AFTER_MS_USUAL 1000u   /*   where costs say nothing: memory, no worker, streams */
#define DR_RETRY_TASKS_LOOKED 16u       /* that wait: what they take stands for what all take */
#define DR_MAX_REQUESTS_AUTO UINT32_MAX /* of a pool: its workers are replaced if they have grown */
#define DR_YOUNG_TASKS 100u             /* done by a worker that has what it needs, but no more */
#define DR_LIFE_TASKS 4000u             /* between two looks whether it has grown; Swoole's life */
#define DR_LIFE_TASKS_MAX 100000u       /* replaced although it has not grown */
#define DR_GROWN_BYTES (1u << 20)       /* more is growth: arenas and caches come to rest below */
#define DR_GROWN_FILES 8u               /* too: a pool of connections may still fill up */
#define DR_GROWN_TASKS 20u              /* done before a worker looks in whose calls it grows */
#define DR_GROWN_PAUSE_NS 100000000u    /* between two such looks, */
#define DR_GROWN_SHARE 500u             /*   and so many times what they take */
#define DR_GROWN_SKIPPED 8u             /* fewer tasks, by chance, are let go by before a look */
#define DR_GROWN_APIS 32u               /* that a worker remembers, those that grew most */
#define DR_GROWERS_MAX 64u              /* apis that a pool remembers */
#define DR_HUNG_MS_DEFAULT 30000u       /* tasks wait and none ends: the server is not ready */
#define DR_LOOP_GRACE_MS 1000u          /* past its time limit an event loop ends a task itself */
#define DR_KILL_AFTER_MS_DEFAULT 1000u  /* a task that was asked to end: `finally` takes less */
#define DR_KILL_AFTER_MS_MAX 3600000u /* an hour: what may clean up for longer need not be asked */
#define DR_INTERRUPT_AGAIN_MS 20u  /* two ticks: no language has heeded it, it is in foreign code */
#define DR_INTERRUPT_AGAIN_MAX 10u /* times: of two that come at once a busy worker sees one */
#define DR_INTERRUPT_ANSWER_MS 40u /* then its caller is answered, though nobody says where it is */
#define DR_TICK_MS 10u             /* while tasks are in flight; no lost wake-up strands one */
#define DR_TICK_AHEAD_MS 2u        /* while tasks are handed ahead */
#define DR_DAMAGE_LOOK_MS 100u     /* between looks whether shared memory can be as it is */
#define DR_DAMAGE_LOOKS 20u        /* that a task may stand still against all reason: two seconds */
#define DR_DAMAGE_TASKS 4096u      /* looked at under one lock, for which reactors may wait */
#define DR_EXIT_DAMAGED 76         /* a worker met what cannot be in shared memory: EX_PROTOCOL */
#define DR_CONTROL_BYTES_MAX 32768u /* one message between master and zygote */
#define DR_START_RETRY_MS_MAX 1000u /* pause between workers that die while starting */
#define DR_FORK_RETRY_MS 20u        /* the zygote's socket was full */
#define DR_STILLBORN_NS 20000000u   /* a worker that dies this young has failed to start */
#define DR_START_FAILURES_MAX 5u    /* in a row with no worker left: the pool is unhealthy */
#define DR_POISON_DEATHS 2u         /* of workers, by one call: it is refused; one may be chance */
#define DR_POISON_CALLS_MAX 64u     /* of a pool: looked through in less than a digest takes */
#define DR_POISON_S_DEFAULT 600u    /* that it is refused: a flood has ended, or people have seen */
#define DR_POISON_ENDED_MAX 64u     /* bytes about how its last worker ended */
#define DR_CRASHES_FREE 3u          /* in a row, before starts wait: chance, or a flood that ends */
#define DR_CRASH_PAUSE_MS 100u      /* the first pause; doubled each time, up to */
#define DR_CRASH_PAUSE_MS_MAX 30000u /* this: what was mended is found within half a minute */
#define DR_CRASH_QUIET_MS 10000u     /* without an end: it is none in a row any more */
#define DR_CRASH_WAIT_MS 1000u       /* to a start: callers do not wait longer for it */
#define DR_RESTARTS_MINUTE 6000u     /* each costs 1 to 5 ms: more are half a processor, and more */
#define DR_ZYGOTE_GRACE_MS 3000u     /* workers leave within this after a stop, else SIGKILL */
#define DR_ORPHANS_GRACE_MS 1000u    /* what workers left behind ends within this, else SIGKILL */
#define DR_ZYGOTE_SILENT_LOOKS 5u /* seconds without an answer: it hangs, even on a busy machine */
#define DR_SLOW_START_MS 10000u   /* a worker that takes longer to start is said in the log */
#define DR_SLOW_LOAD_MS 30000u    /* a zygote that takes longer to load, too */
#define DR_LAST_WORDS_MAX 2048u   /* printed by a program that does not load: a traceback's end */
#define DR_RELOAD_MS_MAX 30000u   /* a new generation that takes longer is given up */
#define DR_CANARY_PERCENT_MAX 50u /* more would leave less to compare with than there is to see */
#define DR_RELOAD_ANSWER_MS 1800u /* a client is told "pending" then: within its two seconds */

/* Users and rights. */
#define DR_USER_ENTRY_BYTES_MAX 65536 /* of a group with thousands of members */
#define DR_GROUPS_MAX 1024 /* of one user: what networks' file systems take is far below */

/* A stop. */
#define DR_UPGRADE_TIMEOUT_MS_DEFAULT 60000u /* as long as a reload may load */
#define DR_STOP_TIMEOUT_MS_DEFAULT 30000u    /* what still runs then does not end by itself */
#define DR_STOP_ANSWER_MS 2000u /* for the answers of what was ended, beside linger_ms */

/* Connections. */
#define DR_INFLATE_INLINE_MAX (16u * 1024) /* compressed bytes; larger ones leave the reactor */
#define DR_JSON_INLINE_MAX (64u * 1024)    /* bytes to translate; more leaves the reactor */
#define DR_FILES_WISHED 20000u             /* descriptors: connections of both kinds */
#define DR_READ_BYTES (64u * 1024)         /* read of a connection in one turn */
#define DR_CONN_CALLS_MAX_DEFAULT 8192u    /* in flight on one connection; then it is not read */
#define DR_CALL_INDEX_FROM 64u             /* calls of one: to look through them costs more */
#define DR_CALL_INDEX_CHAINS 1024u         /* of eight each, where it has as many as it may */
#define DR_CONN_STREAM_PAUSE (256u * 1024) /* unsent bytes at which its streams wait */
#define DR_CONN_OUT_PAUSE (1024u * 1024)   /* unsent bytes at which a connection is not read */
#define DR_CONN_APART_PAUSE_PART 4u        /* of its allowance held beside: it is not read */
#define DR_SPARE_BUFFERS_MAX 256u          /* empty output buffers a reactor keeps */
#define DR_GATHER_REPLIES 32u              /* in a turn: its reactor has much to do, so replies */
#define DR_GATHER_TURNS 3u                 /*   wait so long for more of their connection, */
#define DR_GATHER_BYTES (16u * 1024)       /*   if they are less than this */

#define DR_CONNECTIONS_MAX_MAX (1u << 20) /* no process has more descriptors */
#define DR_PLACES_ROWS 4096u              /* of the book of addresses with connections */
#define DR_PLACES_SPARE 16u /* beyond connections_max: who operates the server gets in */
#define DR_REFUSED_MAX 64u  /* connections of a reactor that are told that they are too many */
#define DR_REFUSE_MS 1000u  /* that these are answered, then no more: as HTTP reads a body away */
#define DR_REFUSED_OUT_MAX 16384u /* bytes of such answers: some sixty */

/* TLS. */
#define DR_TLS_FILE_BYTES_MAX (4u * 1024 * 1024) /* all CAs that systems trust are 200 KiB */
#define DR_TLS_SESSION_S 3600L  /* a session can be resumed: a revoked certificate's no longer */
#define DR_TLS_SESSIONS_MAX 64u /* of a client, one a server: more begin anew */

#define DR_TLS_CHAIN_BYTES_MAX (32u * 1024) /* what a peer shows: ten times what people have */
#define DR_TLS_STEPS_A_TURN 4u      /* a signature takes up to a millisecond: calls go first */
#define DR_TLS_HANDSHAKES_MAX 1024u /* under way in a reactor; more wait to be accepted, until */
#define DR_TLS_MAKE_WAY_MS 500u /*   the oldest has had so long: two round trips around the earth */
#define DR_TLS_HANDSHAKE_MS_DEFAULT 10000u /* as nginx and others, or less: two round trips */

/* Lines of the log that anybody can cause. */
#define DR_LOG_FEW_MS 10000u /* in which so many of one kind are written: */
#define DR_LOG_FEW_MAX 10u   /* enough to see who it is, and nobody can fill a disk */

/* Work in the thread pool. */
#define DR_ASIDE_SMALL_BYTES (256u * 1024) /* of a body: such jobs take a millisecond or a few */
#define DR_ASIDES_MAX 16384u               /* that wait: their bytes have bounds of their own */

/* What peers have us hold. */
#define DR_CONNECTION_MB_MAX_DEFAULT 64u /* of one connection: as Redis gives its clients, or so */
#define DR_BUFFERS_PART 4u               /* of the memory that there is, for all together */
#define DR_HELD_FRAMES_MIN 2u            /* a connection may hold: what comes, and its reply */
#define DR_HELD_IDLE_MS 1000u            /* without progress: goes first when memory is short */
#define DR_STALL_MS_DEFAULT 30000u       /* as HTTP has it: slow networks lose seconds, not these */
#define DR_STALL_LOOKS 10u               /* at a connection until it has stood still for too long */
#define DR_STALL_LOOK_MS 1000u           /* the longest time between two looks */
#define DR_HELD_FREE_BYTES 4096u         /* of one thing: not counted, a connection costs as much */

/* Replies kept for calls that are sent again. */
#define DR_REPLY_CACHE_CALLS_MAX (1u << 18) /* a power of two; 48 bytes each: 12 MiB when full */
#define DR_REPLY_CACHE_BYTES_MAX (64u * 1024 * 1024) /* of all replies together */
#define DR_REPLY_CACHE_REPLY_S 60u                   /* clients that repeat have done so by then */
#define DR_REPLY_CACHE_LOST_S 600u /* that a call has run is known for so long after its reply */

/* The master's memory. */
#define DR_MEMORY_KEPT_BYTES (32 << 20) /* freed, at the end of the heap; glibc allows no more */
#define DR_MEMORY_QUIET_LOOKS 3u        /* seconds without a request; then it is given back */

/* Outgoing connections. */
#define DR_DIAL_FULL_MS 10u        /* between two tries at a Unix socket whose backlog is full */
#define DR_DIAL_ADDRESS_MS 300u    /* for one address of several: no way in the world is longer */
#define DR_DIAL_AGAIN_MS 2000u     /* the second time: a lost packet is sent again after a second */
#define DR_TRANSPORT_READS_MAX 32u /* of one in a turn: one that never ends holds up no other */
#define DR_TLS_RECORD_BYTES 16384u /* of plain bytes: what one record carries at most */
#define DR_TLS_RECORD_MORE 512u    /* that it is longer than they are, at most */

/* Discovery. */
#define DR_DISCOVERY_REDIS_MAX 16u /* of one server: each is a connection */

/* HTTP. */
#define DR_HTTP_CONNECTIONS_MAX_DEFAULT 16384u /* of one listener: each costs about 10 KiB */
#define DR_HTTP_CONN_BYTES 8192u /* of one connection: its headers, and what is read at once */
#define DR_HTTP_SLOW_MS_DEFAULT 30000u    /* a request comes in, an answer is taken, within this */
#define DR_HTTP_IDLE_MS_DEFAULT 75000u    /* longer than clients and proxies keep a connection */
#define DR_HTTP_STREAM_PAUSE (64u * 1024) /* of a stream, not taken, here and in the kernel */
#define DR_HTTP_STREAM_PIECE (16u * 1024) /* of it, asked for at once */
#define DR_HTTP_WATCH_MS 50u              /* how late the end of a stream's client may be noticed */
#define DR_HTTP_SWEEP_MS 250u             /* how late a deadline or a client's end may be noticed */
#define DR_HTTP_SWEEP_BATCH 256u          /* connections looked at by one poll */
#define DR_HTTP_LINGER_MS 1000u           /* a refused body is read away for this long */
#define DR_HTTP_LINGERS_MAX 256u          /* at the same time; more are closed at once */
#define DR_HTTP_ROOM_SHARE 256u  /* of the places is made free at once: to look costs time */
#define DR_HTTP_CROWDED_MAX 64u  /* connections that wait to be told that they are too many */
#define DR_HTTP_SPARE_PLACES 64u /* beyond the most, for connections that are on their way out */
#define DR_ADMIN_CONNECTIONS_MAX 256u /* of the operators' listener */
#define DR_ADMIN_SLOW_MS 3000u        /* it is asked for little, from near: and must be free */
#define DR_ADMIN_BODY_BYTES 65536u    /* of a parameter that somebody types into the page */
#define DR_TRIALS_MAX 16u             /* calls of the page at a time: people make them */
#define DR_TRIAL_MS_MAX 60000u        /* for one: as long as a handler has by itself */
#define DR_HTTP_HOSTS_MAX 64u         /* names of one server: each is compared */
#define DR_HOST_NAME_MAX 253u         /* a name in DNS */
#define DR_HTTP_FIELD_NAME_MAX 1024u  /* of a multipart form: names and boundary */

/* Who writes the application: --dev. */
#define DR_DEV_QUIET_MS 30u      /* after the last save of several: an editor saves all at once */
#define DR_DEV_SAVES_MS 200u     /* of saves that go on: what is saved is loaded then */
#define DR_DEV_LATE_MS 1000u     /* before it is told: a file that has changed meanwhile */
#define DR_DEV_RECENT_MAX 1024u  /* of these in one folder: what a build writes is loaded later */
#define DR_DEV_STOP_MS 1000u     /* a breakpoint does not end by itself */
#define DR_DEV_FOLDERS_MAX 2048u /* that are watched: the system has a limit for each user */
#define DR_DEV_DEPTH_MAX 8u      /* of folders below an application's own */

/* Access. */
#define DR_IDENTITIES_MAX 256u   /* of one server: each has a bit in every rule; a multiple of 64 */
#define DR_IDENTITY_NAME_MAX 64u /* it is part of messages, labels and log lines */
#define DR_IDENTITY_PROOFS_MAX 16u /* of one identity, of a kind: old and new, while they change */
#define DR_ACCESS_RULES_MAX 256u   /* each call is looked for in them, one after the other */
#define DR_ACCESS_ITEMS_MAX 256u   /* of one list in a rule, likewise */
#define DR_TOKEN_BYTES_MAX 1024u   /* one from an issuer of tokens has a few hundred */
#define DR_CALLER_ROWS_MAX 512u    /* identities that are counted, over all reloads */
#define DR_BUCKETS_WAYS 4u         /* places of a set of addresses */
#define DR_RATES_SETS 8192u    /* of those that call over HTTP: 1.3 MiB, where rates are limited */
#define DR_RATE_MAX 1000000u   /* calls of one address a second: no server does more */
#define DR_GUESSES_SETS 256u   /* addresses that have shown wrong tokens: times the next */
#define DR_GUESSES_MAX 32u     /* wrong tokens of one address at once: an upgrade that went wrong */
#define DR_GUESSES_A_SECOND 4u /* and from then on: nobody guesses 128 bits at that */

/* Numbers. */
#define DR_STAT_WORKERS_MAX 128u /* of a pool that getStat tells one by one */
#define DR_STAT_GROWN_MAX 10u    /* apis in whose calls its workers grew, told of each pool */
#define DR_STAT_TASKS_MAX 10u    /* of a pool that have run for longest: for people */

#define DR_RECENT_MS 60000u /* between two marks of the numbers of the last minutes */
#define DR_RECENT_MARKS 5u  /* so many minutes back: a page shows what goes on now */

/* Spans. */
#define DR_SPANS_QUEUED_MAX 8192u    /* a few megabytes; beyond, they are dropped and counted */
#define DR_SPANS_BATCH 512u          /* of one request: about 400 KiB, which collectors take */
#define DR_SPANS_BATCH_MS 1000u      /* until a batch that is not full goes: people look at them */
#define DR_SPANS_POST_MS 10000u      /* for one request, as OTLP's exporters have it */
#define DR_SPANS_TRIES 4u            /* of a batch: what comes meanwhile waits behind it */
#define DR_SPANS_PAUSE_MS 1000u      /* behind the first that fails, then twice as long */
#define DR_SPANS_PAUSE_MS_MAX 30000u /* a collector that is back is found within this */
#define DR_SPANS_SAY_S 60u           /* between two lines of the log on what cannot be sent */
#define DR_SPANS_STOP_MS 2000u       /* a stop waits no longer for a collector */
#define DR_SPANS_ANSWER_BYTES 160u   /* of a refusal: its first words say what is wrong */
#define DR_SPAN_MSG_BYTES_MAX 1024u  /* of an error's message: the log has all of it */
#define DR_TRACE_URL_MAX 2048u       /* of trace.endpoint: more is none that anybody has */
#define DR_TRACE_HEADERS_MAX 16u     /* of trace.headers: each goes with every request */

/* Log. */
#define DR_LOG_SLOW_MS_DEFAULT 1000u    /* a request that takes longer keeps somebody waiting */
#define DR_LOG_BYTES_MAX (1024u * 1024) /* unwritten log; beyond, lines are dropped and counted */
#define DR_LOG_LINE_MAX 8192u           /* longer lines are cut */
#define DR_LOG_RECORD_MAX 32768u        /* bytes of a handler's record: a packet a record */
#define DR_LOG_TAG_MAX 256u             /* of a record's tag */
#define DR_LOG_FILE_MAX 1024u           /* of a record's file name */
#define DR_LOG_CLASS_MAX 256u           /* of an exception's class */
#define DR_LOG_PACKET_MAX                                                                          \
    (2 * DR_LOG_RECORD_MAX + DR_LOG_FILE_MAX + 5 * DR_LOG_TAG_MAX + DR_LOG_CLASS_MAX + 128u)
#define DR_LOG_SOCKET_BYTES (4 * 1024 * 1024) /* of a pool's records on their way to the master */

#endif
