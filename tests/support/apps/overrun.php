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
    // A function of an extension that never looks.
    '/total' => function () {
        return hash_pbkdf2('sha256', 'a', 'b', 2000000000);
    },
];
foreach ($handlers as $name => $handler) {
    $app->api($name, function ($param) use ($handler) {
        $ends = new Ends($param);
        return $handler();
    }, ['timeLimit' => 0.15]);
}
$app->api('/edge', function () {
    usleep(30000);
}, ['timeLimit' => 0.03]);
$app->api('/pid', fn () => getmypid());
$app->api('/wait', function ($param) {
    $ends = new Ends($param);
    while (true) {
        usleep(1000);
    }
});
$app->run();
