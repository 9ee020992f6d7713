<?php

/** @generate-class-entries */

namespace Dora {

    /** Runs a zygote: for `php -r 'Dora\zygote();'`, which a server starts. Does not come back. */
    function zygote(): never {}

    /** Any error of Dora. getCode() is the reply code: the handler's own, or one of PROTOCOL.md. */
    class Exception extends \Exception implements \JsonSerializable
    {
        /** In how many ms a server that had no room (100203) is likely to have it, or null. */
        public ?int $retryAfterMs = null;

        /** Gives ['code' => , 'message' => ]. */
        public function jsonSerialize(): array {}
    }

    /** The call's time was over before its reply was there (code 100009). It may have run. */
    class TimeoutException extends Exception {}

    /** No server could be connected (100010: not run), or the connection broke (100009). */
    class ConnectionException extends Exception {}

    /** The handler raised an error, or ended before it could answer (100200, 100201, 100208). */
    class HandlerException extends Exception {}

    /** The handler did certainly not run: calling again cannot run it twice. */
    class NotRunException extends Exception {}

    /**
     * Thrown in place of calling a handler: its parameter has the wrong shape (100210). The
     * message is its faults: "PATH: REASON; PATH: REASON". Middleware around it has run.
     */
    class MisfitException extends NotRunException {}

    /**
     * Thrown in a handler that should end before it has: at its time limit (code 100201), or since
     * nobody wants its result any more, or the server stops (100211). `catch (\Exception)` does not
     * catch it; `finally` and destructors run as ever. Where the handler goes on all the same, its
     * worker is killed when kill_after_ms is over. Its caller has its answer either way.
     */
    final class Interrupted extends \Error {}

    /** An exception of a handler that says which status its error has over HTTP. */
    interface HttpStatus
    {
        /** 400 to 499; another one is ignored, with a line in the log. */
        public function httpStatus(): int;
    }

    /** What Dora\Client does, for programs that want to put something else in its place. */
    interface ClientInterface
    {
        /**
         * Calls one api and waits.
         * @param array $options timeout (seconds), retry, wait (seconds), group, trace,
         *        priority ("low", "normal", "high")
         */
        public function call(string $name, mixed $param = null, array $options = []): mixed;

        /**
         * Calls several apis at the same time. Throws only when the whole request failed.
         * @param array $calls key => [name, param]
         * @param array $options timeout (seconds), retry, wait (seconds), group, trace,
         *        priority ("low", "normal", "high")
         * @return array key => data or a Dora\Exception
         */
        public function callMany(array $calls, array $options = []): array;

        /**
         * Has an api run that nobody waits for. Comes back once the server has queued it.
         * @param array $options timeout (seconds), retry, wait (seconds), group, trace,
         *        priority ("low", "normal", "high")
         */
        public function send(string $name, mixed $param = null, array $options = []): void;

        /**
         * Has several apis run, all or none.
         * @param array $calls key => [name, param]
         * @param array $options timeout (seconds), retry, wait (seconds), group, trace,
         *        priority ("low", "normal", "high")
         */
        public function sendMany(array $calls, array $options = []): void;

        /**
         * Has an api run whose result collect() fetches.
         * @param array $options timeout (seconds), retry, wait (seconds), group, trace,
         *        priority ("low", "normal", "high")
         * @return string the call's guid
         */
        public function submit(string $name, mixed $param = null, array $options = []): string;

        /**
         * Has several apis run, all or none, whose results collect() fetches.
         * @param array $calls key => [name, param]
         * @param array $options timeout (seconds), retry, wait (seconds), group, trace,
         *        priority ("low", "normal", "high")
         * @return string the call's guid
         */
        public function submitMany(array $calls, array $options = []): string;

        /**
         * Waits for everything submitted and not collected yet, on all connections at once, but for
         * what somebody waits for by result(); or for some of it. The arguments may be exchanged.
         * @param array|float|null $timeout seconds; null: the client's
         * @param array|float|null $guids a list of what submit() gave; null: all. One that is not
         *        outstanding has a Dora\Exception with code 100012
         * @return array guid => data or a Dora\Exception; of submitMany guid => [key => the same]
         */
        public function collect(
            array|float|null $timeout = null,
            array|float|null $guids = null
        ): array;

        /**
         * Waits for what was submitted under one guid. Where it does not come in time it stays
         * outstanding, and may be waited for again.
         * @param string $guid what submit() or submitMany() gave
         * @param float|null $timeout seconds; the client's
         * @return mixed data, of submitMany [key => data or a Dora\Exception]
         */
        public function result(string $guid, ?float $timeout = null): mixed;

        /**
         * Calls an api that answers in parts, which the iterator gives as they come; a double may
         * be a generator. Who reads slowly slows the handler down; who leaves it ends the handler.
         * @param array $options window (64; parts that may be under way), timeout (seconds for all
         *        of it; none), idle (seconds that the server may be silent; the client's timeout),
         *        onProgress (function (mixed $done, mixed $total, string $note)), retry, wait
         *        (seconds), group, trace, priority ("low", "normal", "high")
         * @return \Iterator its getReturn() is what the handler returned, behind the last part
         */
        public function stream(string $name, mixed $param = null, array $options = []): \Iterator;
    }

    /**
     * The parts of one call, as Dora\Client::stream() gives them; the keys are their numbers, from
     * 0. What the iteration throws comes behind the parts so far. Where the object ends before the
     * stream does, so does the handler.
     * @strict-properties
     * @not-serializable
     */
    final class Stream implements \Iterator
    {
        private function __construct() {}

        public function current(): mixed {}

        public function key(): ?int {}

        public function next(): void {}

        /** Begins; a stream is gone through once. */
        public function rewind(): void {}

        public function valid(): bool {}

        /**
         * What the handler returned. Before the last part was taken it throws a \LogicException;
         * where the stream has failed, its exception again.
         */
        public function getReturn(): mixed {}

        /** The newest [done, total, note]; null before there was one. */
        public function progress(): ?array {}

        /** Has the handler ended, and waits for no more of it: the iteration is over. */
        public function cancel(): void {}
    }

    /**
     * Sets of servers. Connections and submissions belong to the process: all clients with the same
     * nodes, sign, salt, gzip, TLS and token share them. Under FPM connections outlive the request;
     * what was submitted and not collected is forgotten at its end.
     * @strict-properties
     * @not-serializable
     */
    final class Client implements ClientInterface
    {
        /**
         * @param string|array $nodes "host:port", "tls://host:port" or "unix:/path", several
         *        separated by commas, or a list of them; or group => one of these. Or a registry,
         *        which is watched: "file:/path", a node file in JSON, or "redis://host:port", or
         *        several Redis. What is wrong with it is an E_WARNING of a call, which goes on with
         *        the last good nodes
         * @param array $options group (of calls that name none; the first one), timeout (seconds,
         *        dora.timeout), retry (0), wait (0; seconds of its time that a call waits for a
         *        server to come back), sign, salt, gzip (dora.sign, dora.salt, dora.gzip),
         *        frame_bytes_max (dora.frame_bytes_max): largest request and reply, as the
         *        server's;
         *        tls (false): every host and port is spoken to over TLS, also those of a registry,
         *        not only "tls://host:port"; tls_ca (dora.tls_ca; whom the system trusts),
         *        tls_crl, tls_cert, tls_key, tls_name (dora.tls_crl ...; none): files in PEM of
         *        whom to trust, of revoked certificates, of the client's own certificate and its
         *        key, and whose the servers' certificates are (the host of the address);
         *        priority ("low", "normal", "high"; inside a handler its caller's, else normal):
         *        which calls go first where many wait;
         *        token (none): says who calls, and is not sent over plain TCP to another machine;
         *        encode (none): is given each object of a parameter that has no place on the
         *        wire, and returns something that has one
         */
        public function __construct(string|array $nodes, array $options = []) {}

        public function call(string $name, mixed $param = null, array $options = []): mixed {}

        public function callMany(array $calls, array $options = []): array {}

        public function send(string $name, mixed $param = null, array $options = []): void {}

        public function sendMany(array $calls, array $options = []): void {}

        public function submit(string $name, mixed $param = null, array $options = []): string {}

        public function submitMany(array $calls, array $options = []): string {}

        public function collect(
            array|float|null $timeout = null,
            array|float|null $guids = null
        ): array {}

        public function result(string $guid, ?float $timeout = null): mixed {}

        public function stream(string $name, mixed $param = null, array $options = []): Stream {}
    }

    /**
     * What a handler can ask about its call.
     * @strict-properties
     * @not-serializable
     */
    final class Request
    {
        public readonly string $name;

        public readonly mixed $param;

        public readonly string $guid;

        /** "W_S", "W_M", ... */
        public readonly string $type;

        /** What is left of the caller's time, null when it set none. Read anew each time. */
        public readonly ?int $remainingMs;

        /** The caller's W3C traceparent, "" when it sent none. */
        public readonly string $trace;

        /** Who calls: an identity of the server's configuration, null without one. */
        public readonly ?string $caller;

        /** How urgent the call is: "low", "normal" or "high". */
        public readonly string $priority;

        /**
         * For tests: Dora makes those of calls.
         * @param string $guid 32 bytes; "": a new one
         */
        public function __construct(
            string $name,
            mixed $param = null,
            string $guid = "",
            string $type = "W_S",
            ?int $remainingMs = null,
            string $trace = "",
            ?string $caller = null,
            string $priority = "normal"
        ) {}

        /**
         * Tells the caller of a stream how much is done, of how much (null: nobody knows), and a
         * note, which is cut where it is over some 280 bytes. It never waits: of two that were not
         * sent yet the newer one is. Other callers are told nothing.
         */
        public function progress(float $done, ?float $total = null, ?string $note = null): void {}
    }

    /**
     * What a middleware goes on with; it is given as a Closure.
     * @strict-properties
     * @not-serializable
     */
    final class Next
    {
        private function __construct() {}

        /** Without arguments what the middleware was given goes on. */
        public function __invoke(mixed $param = null, ?Request $request = null): mixed {}
    }

    /**
     * Handlers by name, and the door to the server.
     * @strict-properties
     * @not-serializable
     */
    final class App
    {
        /**
         * @param callable|null $encode is given each object of a result that has no place on the
         *        wire, and returns something that has one
         */
        public function __construct(?callable $encode = null) {}

        /**
         * Registers a handler: function (mixed $param, Dora\Request $request). The request is
         * passed where the second parameter's type takes it, an untyped or variadic one's too. The
         * default of the first stands for a parameter that the call does not have. What can never
         * be called is a \TypeError here. Where the first is declared with a class, an enum or a
         * date, one is made of what the call has, before the handler runs; what does not fit is
         * 100210. Classes are looked up when the server loads the file, or at the first call().
         * @param array $options 'summary' => what it does, for people; 'named' => true: its
         *        parameters are members of the map that it is called with, by their names, and
         *        `$request` the request; a member that is missing or not known is 100210;
         *        'timeLimit' => how many seconds it may run, int or float, for accepted work, too;
         *        null: as its pool says (time_limit_ms), 0: as long as it likes
         */
        public function api(string $name, callable $handler, array $options = []): App {}

        /** Registers the handler of every other name. */
        public function fallback(callable $handler): App {}

        /**
         * Registers what stands around every handler, also around those registered before it:
         * function (callable $next, mixed $param, Dora\Request $request). The first registered is
         * outermost. $next(), $next($param) or $next($param, $request) goes on; what is returned
         * is the answer.
         */
        public function middleware(callable $around): App {}

        /**
         * Runs a handler in this process as a worker does, without a server, for tests; gives or
         * throws what Dora\Client::call() would, with what the handler threw as the previous one.
         * Before the first call the start hooks run, as worker 0.
         * @param array $request guid, type, protocol, connection, remainingMs, trace,
         *        caller, priority
         */
        public function call(string $name, mixed $param = null, array $request = []): mixed {}

        /** Runs the stop hooks, where call() has run the start hooks; so does this object's end. */
        public function close(): void {}

        /** Registers a hook that each worker runs before its first task: function (int $worker). */
        public function workerStart(callable $hook): App {}

        /** Registers a hook that runs in each worker that leaves. */
        public function workerStop(callable $hook): App {}

        /**
         * Starts the server with this file as its application, and comes back when it has stopped.
         * @param array $options the long options of `dora serve`: port, workers, config, ...; and
         *        every key of a configuration file, of the server, 'log' => ['level' => 3] or
         *        'log.level' => 3, and of this file's own pool, 'time_limit_ms' => 500
         */
        public function run(array $options = []): int {}
    }

    /** The wire's bytes, for tests and for tools that speak the protocol themselves. */
    final class Wire
    {
        /** Gives one value in the protocol's encoding. */
        public static function encode(mixed $value): string {}

        /** Gives the value of such bytes; objects and references are refused. */
        public static function decode(string $bytes): mixed {}

        /**
         * Gives a frame around an encoded body.
         * @param array $options sign, salt, gzip, bytesMax
         */
        public static function pack(string $guid, string $body, array $options = []): string {}

        /**
         * Decodes the first frame of some bytes, null while bytes are missing.
         * @param array $options sign, salt, gzip, bytesMax
         * @return array|null used (bytes; 0: framing is lost), code (0 or the refusal's), msg, body
         */
        public static function check(
            string $bytes,
            bool $request = false,
            array $options = []
        ): ?array {}
    }
}
