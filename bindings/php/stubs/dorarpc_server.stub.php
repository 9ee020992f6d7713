<?php

/** @generate-class-entries */

namespace DoraRPC {

    /**
     * A server program in the form of Dora-RPC: extend it, make one object, call start().
     * Properties and parameters have no types, as in the original, so that any program that
     * extended it still does.
     * @not-serializable
     */
    #[\AllowDynamicProperties]
    abstract class BackEndServer
    {
        /** @var array Settings; configure() merges into them. Missing ones have defaults. */
        protected $httpConfig = [];

        /** @var array */
        protected $tcpConfig = [];

        /** @var array */
        protected $doraConfig = [];

        /**
         * @param string $ip
         * @param int $port
         * @param int $httpport
         * @param array $groupConfig of Server: ['list' => names of groups]
         * @param array $reportConfig of Server: list of ['ip' => , 'port' => ] of Redis
         */
        final public function __construct(
            $ip = "0.0.0.0",
            $port = 9567,
            $httpport = 9566,
            $groupConfig = [],
            $reportConfig = []
        ) {}

        /** For programs that call parent::__destruct(): does nothing. */
        public function __destruct() {}

        /**
         * Runs in the constructor: in the master and in each zygote.
         * @param RunningServer $server
         * @return mixed
         */
        abstract protected function initServer($server);

        /**
         * Runs once in each task worker, before its first task.
         * @param RunningServer $server
         * @param int $worker_id counts on from worker_num
         * @return mixed
         */
        abstract protected function initTask($server, $worker_id);

        /**
         * Answers one call.
         * @param array $param type, guid, fd, protocol, api (name, param)
         * @return mixed
         */
        abstract protected function doWork($param);

        /**
         * Merges settings.
         * @param array $config http, tcp, dora, each an array
         * @return static
         */
        public function configure(array $config) {}

        /**
         * Says which groups this server belongs to, and the Redis servers to report to.
         * @param array $group names
         * @param array $report lists of ['ip' => , 'port' => ], or one such list; "password" and
         *     "database" may be there, too
         * @return static
         */
        public function discovery(array $group, array $report) {}

        /**
         * Starts the server with this file as its application; comes back when it has stopped.
         * @return void
         */
        public function start() {}

        /**
         * Gives the first private address of this machine.
         * @return string
         */
        protected function getLocalIp() {}

        /**
         * Was called by Swoole, like the others here that begin with `on`: does nothing.
         * @param mixed $arguments
         * @return void
         */
        final public function onStart(...$arguments) {}

        /**
         * @param mixed $arguments
         * @return void
         */
        final public function onManagerStart(...$arguments) {}

        /**
         * @param mixed $arguments
         * @return void
         */
        final public function onWorkerStart(...$arguments) {}

        /**
         * @param mixed $arguments
         * @return void
         */
        final public function onReceive(...$arguments) {}

        /**
         * @param mixed $arguments
         * @return void
         */
        final public function onRequest(...$arguments) {}

        /**
         * @param mixed $arguments
         * @return void
         */
        final public function onTask(...$arguments) {}

        /**
         * @param mixed $arguments
         * @return void
         */
        final public function onFinish(...$arguments) {}

        /**
         * @param mixed $arguments
         * @return void
         */
        final public function onHttpFinished(...$arguments) {}

        /**
         * @param mixed $arguments
         * @return void
         */
        final public function onWorkerError(...$arguments) {}
    }

    /**
     * The server class of releases 0.4.6 to 0.4.15, also known as DoraRPCServer. A program that
     * calls no start() is served by the constructor, which comes back when the server stopped.
     * @not-serializable
     */
    abstract class Server extends BackEndServer
    {
        /**
         * The names of pid files, as release 0.4.15 has them.
         * @var string
         */
        const MASTER_PID = './dorarpc.pid';

        /** @var string */
        const MANAGER_PID = './dorarpcmanager.pid';

        /** @var array Settings with the names of httpConfig; they count like those. */
        protected $externalConfig = [];

        /** @var array */
        protected $externalHttpConfig = [];
    }

    /**
     * The `$server` of the hooks. What initServer() adds to it, initTask() finds.
     * @not-serializable
     */
    #[\AllowDynamicProperties]
    final class RunningServer
    {
        /** @var array The http settings. */
        public $setting = [];

        /** @var int -1 outside a worker. */
        public $worker_id = -1;

        /** @var int 0 outside a worker. */
        public $worker_pid = 0;

        /** @var int 0 before the server runs. */
        public $master_pid = 0;

        /** @var int The same as master_pid: the master is its own manager. */
        public $manager_pid = 0;

        /** @var bool */
        public $taskworker = false;

        private function __construct() {}

        /**
         * Gives counters of the server by Swoole's names; false outside a worker.
         * @return array|false
         */
        public function stats() {}

        /**
         * Asks the master to load the application anew.
         * @return bool
         */
        public function reload() {}

        /**
         * Asks the master to finish what it accepted, and to stop.
         * @return bool
         */
        public function shutdown() {}

        /**
         * Any other method was Swoole's: throws.
         * @param string $name
         * @param array $arguments
         * @return never
         */
        public function __call($name, $arguments) {}
    }

    /** Writes to the server's log; outside a server to PHP's error log. */
    class LogAgent
    {
        /** @var int */
        private static $level = 4;

        /** @var mixed The original's own; here nothing looks at them. */
        public static $logagent = null;

        /** @var mixed */
        public static $table = null;

        /**
         * Adds a record. Errors, emergencies and exceptions are always kept.
         * @param int $level 1 to 9: DoraConst::LOG_TYPE_...
         * @param string $tag
         * @param string $file
         * @param int $line
         * @param mixed $msg
         * @return void
         */
        public static function recordLog($level, $tag, $file, $line, $msg) {}

        /**
         * Drops records above this level, in this process.
         * @param int $level 1 to 9
         * @return void
         */
        public static function setLogLevel($level) {}

        /**
         * Gives what waits to be written: queue_num, queue_bytes.
         * @return array
         */
        public static function getQueueStat() {}

        /**
         * Was the place of the log and its queue. The server's settings say that now: does nothing.
         * @param string $path
         * @param mixed $table
         * @return void
         */
        public static function init($path = "", $table = null) {}

        /**
         * Was the thread that wrote the log: does nothing.
         * @return void
         */
        public static function threadDumpLog() {}
    }
}
