<?php
$config = ['discovery' => $list, 'config' => $file, 'log' => []];
$monitor = new \DoraRPC\Monitor('127.0.0.1', 0, $config);
$monitor->start();
