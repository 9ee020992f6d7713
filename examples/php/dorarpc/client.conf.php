<?php
/* The servers by group, in the form of the node file. */
return array(
    'group1' => array(
        '127.0.0.1_9567' => array('ip' => '127.0.0.1', 'port' => 9567),
    ),
);
