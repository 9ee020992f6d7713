<?php

declare(strict_types=1);

namespace Dora\Testing;

use Dora\Client;
use LogicException;
use RuntimeException;
use WeakReference;

/**
 * A real server of an application on a free port, for tests: it lives as long as this object, at
 * most as long as this process. Needs the command `dora`; what needs no server is quicker with
 * Dora\App::call().
 *
 *     $server = new Dora\Testing\Server(__DIR__ . '/../products.php');
 *     $server->client()->call('/product/get', ['id' => 7]);
 */
final class Server
{
    private const READY_S = 60;
    private const STOP_S = 30;

    /** host:port, for clients. */
    public readonly string $address;

    /** http://host:port; "" unless the flag --http=0 was given. */
    public readonly string $http;

    /** @var resource|null */
    private $process;

    private readonly string $log;

    /** The process that has started the server: one that it forks does not end it. */
    private readonly int $owner;

    private ?Client $client = null;

    /**
     * Starts the server and waits until it is ready.
     * @param string $file the application, as `dora serve` takes it
     * @param list<string> $flags of `dora serve`: ['--workers=1', '--http=0']
     * @param string|null $dora the command; null: what DORA_BIN names, else `dora`
     */
    public function __construct(string $file, array $flags = [], ?string $dora = null)
    {
        if (!is_file($file)) {
            throw new LogicException("no application: $file (looked in " . getcwd() . ')');
        }
        $command = [$dora ?? (getenv('DORA_BIN') ?: 'dora'), 'serve', $file, '--port=0', ...$flags];
        $this->log = (string) tempnam(sys_get_temp_dir(), 'dora');
        $pipes = [['file', '/dev/null', 'r'], ['pipe', 'w'], ['file', $this->log, 'w']];
        $process = proc_open($command, $pipes, $ends);
        if ($process === false) {
            throw new RuntimeException("$command[0] cannot be started: is Dora installed?");
        }
        $this->process = $process;
        $this->owner = (int) getmypid();
        $self = WeakReference::create($this);
        register_shutdown_function(static function () use ($self): void {
            $self->get()?->stop();
        });
        $line = $this->readyLine($ends[1]);
        preg_match('/ tcp=(\S+) http=(\S+)/', $line, $found);
        $this->address = $found[1];
        $this->http = $found[2] === '-' ? '' : "http://$found[2]";
    }

    public function __destruct()
    {
        $this->stop();
    }

    /** A client of it, the same one each time. */
    public function client(): Client
    {
        return $this->client ??= new Client($this->address);
    }

    /** What server and workers have written so far. */
    public function log(): string
    {
        return (string) @file_get_contents($this->log);
    }

    /** Ends the server, once; in a forked process nothing. */
    public function stop(): void
    {
        if ($this->process === null || getmypid() !== $this->owner) {
            return;
        }
        $process = $this->process;
        $this->process = null;
        proc_terminate($process);
        for ($end = microtime(true) + self::STOP_S; proc_get_status($process)['running'];) {
            if (microtime(true) > $end) {
                proc_terminate($process, 9);
            }
            usleep(5000);
        }
        proc_close($process);
        @unlink($this->log);
    }

    /** @param resource $out */
    private function readyLine($out): string
    {
        $read = [$out];
        $none = null;
        $said = '';
        stream_set_blocking($out, false);
        for ($end = time() + self::READY_S; time() < $end && !feof($out); $read = [$out]) {
            stream_select($read, $none, $none, 1);
            $said .= stream_get_contents($out);
            if (preg_match('/^dora: ready .*\n/m', $said, $found)) {
                return $found[0];
            }
        }
        $log = $this->log();
        $this->stop();
        throw new RuntimeException("the server did not start:\n$log");
    }
}
