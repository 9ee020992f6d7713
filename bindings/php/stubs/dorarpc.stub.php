<?php

/** @generate-class-entries */

namespace DoraRPC {

    /** The constants of Dora-RPC. What is in force is set by dora.sign, dora.gzip, dora.timeout. */
    class DoraConst
    {
        /**
         * The call waits for its result.
         * @var int
         */
        public const SW_MODE_WAITRESULT = 0;

        /**
         * Nobody wants the result.
         * @var int
         */
        public const SW_MODE_NORESULT = 1;

        /**
         * The result comes later, by getAsyncData().
         * @var int
         */
        public const SW_MODE_ASYNCRESULT = 2;

        /** @var string */
        public const SW_MODE_WAITRESULT_SINGLE = "W_S";

        /** @var string */
        public const SW_MODE_WAITRESULT_MULTI = "W_M";

        /** @var string */
        public const SW_MODE_NORESULT_SINGLE = "AN_S";

        /** @var string */
        public const SW_MODE_NORESULT_MULTI = "AN_M";

        /** @var string */
        public const SW_MODE_ASYNCRESULT_SINGLE = "AM_S";

        /** @var string */
        public const SW_MODE_ASYNCRESULT_MULTI = "AM_M";

        /** @var string */
        public const SW_CONTROL_CMD = "SC";

        /** @var float */
        public const SW_RECIVE_TIMEOUT = 3.0;

        /** @var bool */
        public const SW_DATASIGEN_FLAG = false;

        /** @var bool */
        public const SW_DATACOMPRESS_FLAG = false;

        /** @var string */
        public const SW_DATASIGEN_SALT = "=&$*#@(*&%(@";

        /** @var int */
        public const LOG_TYPE_DEBUG = 1;

        /** @var int */
        public const LOG_TYPE_TRACE = 2;

        /** @var int */
        public const LOG_TYPE_NOTICE = 3;

        /** @var int */
        public const LOG_TYPE_INFO = 4;

        /** @var int */
        public const LOG_TYPE_ERROR = 5;

        /** @var int */
        public const LOG_TYPE_EMEGENCY = 6;

        /** @var int */
        public const LOG_TYPE_EXCEPTION = 7;

        /** @var int */
        public const LOG_TYPE_SNAP = 8;

        /** @var int */
        public const LOG_TYPE_PERFORMENCE = 9;
    }

    /**
     * The client of Dora-RPC. No method declares a return type, so that subclasses written for the
     * original still load. Connections and outstanding calls are shared by all objects of a
     * process. An envelope is ['guid' => , 'code' => , 'msg' => , 'data' => ].
     * @not-serializable
     */
    class Client
    {
        /**
         * @param array $serverConfig group => list of ['ip' => , 'port' => ], as a node file has.
         *     Any array that is not empty is taken: a group is looked at when it is used.
         */
        public function __construct(array $serverConfig) {}

        /**
         * Chooses the servers: ['type' => 1, 'group' => ] for any of a group, or
         * ['type' => 2, 'ip' => , 'port' => ] for that one.
         * @param array $param
         * @return void
         */
        public function changeMode($param) {}

        /** @return array type, group, ip, port */
        public function getConnectMode() {}

        /**
         * Calls one api.
         * @param string $name
         * @param mixed $param
         * @param int $mode a SW_MODE constant
         * @param int $retry how often it is sent again after a failure of communication
         * @param string $ip with $port: this server, for this call
         * @param string|int $port
         * @return array an envelope; on success its data is the server's whole reply
         */
        public function singleAPI(
            $name,
            $param,
            $mode = DoraConst::SW_MODE_WAITRESULT,
            $retry = 0,
            $ip = "",
            $port = ""
        ) {}

        /**
         * Calls several apis at the same time.
         * @param array $params key => ['name' => , 'param' => ]
         * @param int $mode a SW_MODE constant
         * @param int $retry how often it is sent again after a failure of communication
         * @param string $ip with $port: this server, for this call
         * @param string|int $port
         * @return array an envelope; on success its data is the server's whole reply
         */
        public function multiAPI(
            $params,
            $mode = DoraConst::SW_MODE_WAITRESULT,
            $retry = 0,
            $ip = "",
            $port = ""
        ) {}

        /**
         * Waits for all outstanding calls of the mode SW_MODE_ASYNCRESULT, of all clients.
         * @return array an envelope; its data is guid => reply
         */
        public function getAsyncData() {}

        /**
         * Forgets all outstanding calls of all clients.
         * @return void
         */
        public function clearAsyncData() {}

        /**
         * Asks a server for its counters.
         * @param string $ip with $port: this server
         * @param string|int $port
         * @return array the server's reply; an envelope with a code where none came
         */
        public function getStat($ip = "", $port = "") {}

        /**
         * Has a server load its application anew.
         * @param string $ip with $port: this server
         * @param string|int $port
         * @return array the server's reply; an envelope with a code where none came
         */
        public function reloadServerTask($ip = "", $port = "") {}
    }

    /** Envelopes and frames. */
    class Packet
    {
        /**
         * @param mixed $guid
         * @param mixed $msg
         * @param mixed $code
         * @param mixed $data
         * @return array
         */
        public static function packFormat($guid, $msg = "OK", $code = 0, $data = []) {}

        /**
         * Gives the frame of a message for "tcp", JSON for "http".
         * @param array $data has the 32 bytes of `guid`
         * @param string $type
         * @return string|array an envelope with code 100006 for another type
         */
        public static function packEncode($data, $type = "tcp") {}

        /**
         * Gives an envelope around the message in one whole frame.
         * @param string $str
         * @return array
         */
        public static function packDecode($str) {}
    }

    /** What fits nowhere else. */
    class Common
    {
        /**
         * Gives this host's first private IPv4 address (10., 172.16-31., 192.168.), else 127.0.0.1.
         * @return string
         */
        public function getLocalIp() {}
    }
}
