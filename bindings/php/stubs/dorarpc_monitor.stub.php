<?php

/** @generate-class-entries */

namespace DoraRPC {

    /**
     * Keeps a node file up to date from Redis, as `dora monitor` does. Parameters have no types, as
     * in the original.
     * @not-serializable
     */
    class Monitor
    {
        /**
         * @param string $ip UDP is bound there; packets are ignored
         * @param int $port
         * @param array $config ['discovery' => list of ['ip' => , 'port' => ], 'config' => path
         *     of the node file, 'log' => ['log_path' => folder of biz.log, 'log_level' => ]];
         *     "password" and "database" of a Redis may be there, too. Older forms start here:
         *     ['Discovery' => , 'Config' => , 'Log' => ], or the list alone.
         * @param string|null $file of the oldest form: path of the node file
         */
        public function __construct(
            $ip = "0.0.0.0",
            $port = 9569,
            $config = [],
            $file = null
        ) {}

        /**
         * Watches until SIGTERM or SIGINT. The file is PHP, or JSON where its name ends in .json.
         * @return void
         */
        public function start() {}

        /**
         * Was a step of start(): does nothing.
         * @return void
         */
        public function discovery() {}

        /**
         * Was told of packets, which are ignored: does nothing.
         * @param mixed $server
         * @param mixed $data
         * @param mixed $client_info
         * @return void
         */
        public function onPacket($server, $data, $client_info) {}
    }
}
