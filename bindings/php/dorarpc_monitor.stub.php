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
         * @param array $discovery ['discovery' => list of ['ip' => , 'port' => ], 'config' => path
         *     of the node file, 'log' => ['log_path' => folder of biz.log, 'log_level' => ]];
         *     "password" and "database" of a Redis may be there, too. In the older form the list.
         * @param string|null $config of the older form: path of the node file
         */
        public function __construct(
            $ip = "0.0.0.0",
            $port = 9569,
            $discovery = [],
            $config = null
        ) {}

        /**
         * Watches until SIGTERM or SIGINT. The file is PHP, or JSON where its name ends in .json.
         * @return void
         */
        public function start() {}
    }
}
