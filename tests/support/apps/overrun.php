<?php
// As overrun.py.
$app = new Dora\App();

class Ends
{
    public function __construct(private string $path)
    {
    }

    public function __destruct()
    {
        touch($this->path);
    }
}

class Spins
{
    public function __destruct()
    {
        spin();
    }
}

function spin()
{
    while (true) {
        usleep(1000);
    }
}

$handlers = [
    '/sleep' => function () {
        sleep(60);
    },
    '/loop' => function () {
        while (true) {
        }
    },
    '/guarded' => function () {
        try {
            sleep(60);
        } catch (Exception $error) {
            sleep(60);
        }
        return time();
    },
    '/translated' => function () {
        try {
            while (true) {
                usleep(1000);
            }
        } catch (Dora\Interrupted $error) {
            throw new RuntimeException('it took too long', 7, $error);
        }
    },
    '/ignored' => function () {
        try {
            while (true) {
                usleep(1000);
            }
        } catch (Dora\Interrupted) {
            return 'a result';
        }
    },
    '/deaf' => function () {
        while (true) {
            try {
                usleep(1000);
            } catch (Throwable) {
            }
        }
    },
    '/finally' => function () {
        try {
            spin();
        } finally {
            while (true) {
            }
        }
    },
    '/nameless' => function () {
        (new class {
            public function run()
            {
                while (true) {
                }
            }
        })->run();
    },
    // Within functions of PHP's own, which call back.
    '/map' => fn () => array_map(spin(...), [1, 2]),
    '/sort' => function () {
        $values = [2, 1, 3];
        usort($values, spin(...));
    },
    '/apply' => fn () => iterator_apply(new ArrayIterator([1, 2]), spin(...)),
    '/destructor' => function () {
        $one = new Spins();
        unset($one);
    },
    '/buffered' => function () {
        ob_start(spin(...));
        echo 'something';
        ob_end_clean();
    },
    '/generator' => function () {
        foreach ((function () {
            yield 1;
            spin();
        })() as $each) {
        }
    },
    '/fiber' => fn () => (new Fiber(spin(...)))->start(),
    // What waits in the system, and comes back.
    '/select' => function () {
        [$one, $other] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
        [$read, $none] = [[$one], null];
        @stream_select($read, $none, $none, 60);
    },
    '/accept' => fn () => @stream_socket_accept(stream_socket_server('tcp://127.0.0.1:0'), 60),
    '/flock' => function () {
        flock($one = fopen(__FILE__, 'r'), LOCK_EX);
        flock($other = fopen(__FILE__, 'r'), LOCK_EX);
    },
    // As a client of a database does: PHP waits on by itself.
    '/socket' => function () {
        [$one, $other] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
        fread($one, 1);
    },
    // A function of an extension that never looks.
    '/total' => function () {
        return hash_pbkdf2('sha256', 'a', 'b', 2000000000);
    },
];
if (extension_loaded('posix')) {
    $handlers['/fifo'] = function ($param) {
        posix_mkfifo("$param.fifo", 0600);
        @fopen("$param.fifo", 'r');
    };
}
if (extension_loaded('sockets')) {
    $handlers['/receive'] = function () {
        socket_create_pair(AF_UNIX, SOCK_STREAM, 0, $pair);
        @socket_recv($pair[0], $data, 1, 0);
    };
}
if (extension_loaded('pcntl') && extension_loaded('posix')) {
    $handlers['/wait4'] = function () {
        $child = pcntl_fork();
        if ($child === 0) {
            sleep(60);
            exit();
        }
        try {
            pcntl_waitpid($child, $status);
        } finally {
            posix_kill($child, SIGKILL);
            pcntl_waitpid($child, $status);
        }
    };
}
if (extension_loaded('curl')) {
    $handlers['/curl'] = function () {
        $server = stream_socket_server('tcp://127.0.0.1:0');
        $all = curl_multi_init();
        curl_multi_add_handle($all, curl_init('http://' . stream_socket_get_name($server, false)));
        do {
            curl_multi_exec($all, $running);
            curl_multi_select($all, 60);
        } while ($running);
    };
}
foreach ($handlers as $name => $handler) {
    $app->api($name, function ($param) use ($handler) {
        $ends = new Ends($param);
        touch("$param.begun");
        return $handler($param);
    }, ['timeLimit' => 0.15]);
}
$app->api('/edge', function () {
    usleep(30000);
}, ['timeLimit' => 0.03]);
$app->api('/pid', fn () => getmypid());
$app->api('/wait', function ($param) {
    $ends = new Ends($param);
    touch("$param.begun");
    while (true) {
        usleep(1000);
    }
});
$app->api('/stay', function ($param) { // whatever it is told
    touch("$param.begun");
    while (true) {
        try {
            usleep(1000);
        } catch (Throwable) {
        }
    }
});
$app->run();
