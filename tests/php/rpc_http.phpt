--TEST--
a server program of the original over HTTP, asked as the original's HTTP clients do, by ext/curl
--EXTENSIONS--
curl
--FILE--
<?php
require __DIR__ . '/rpc_common.inc';

$program = new Program(<<<'PHP'
    class APIServer extends \DoraRPC\BackEndServer
    {
        function initServer($server) {}
        function initTask($server, $worker_id) {}

        function doWork($param)
        {
            switch ($param['api']['name']) {
                case '/keys':
                    return [implode(' ', array_keys($param)), $param['type'], $param['protocol'], $param['fd'] > 0,
                        $param['guid']];
                case '/throw':
                    throw new \Exception('no such thing', 1231);
            }
            return $param['api']['param'];
        }
    }
    $server = new APIServer('127.0.0.1', 0, 0);
    $server->configure(['dora' => ['pid_path' => $folder, 'log_path' => "$folder/log"]]);
    $server->start();
    PHP);
var_dump($program->start());

/* One handle is kept, as in the original's client. */
$curl = curl_init();

function post(string $path, array $fields): ?array
{
    global $curl, $program;
    curl_setopt_array($curl, [
        CURLOPT_URL => "http://127.0.0.1:$program->httpPort/$path", CURLOPT_RETURNTRANSFER => true,
        CURLOPT_POST => true, CURLOPT_POSTFIELDS => http_build_query($fields), CURLOPT_TIMEOUT => 10,
    ]);
    $reply = json_decode(curl_exec($curl), true);
    echo curl_getinfo($curl, CURLINFO_RESPONSE_CODE), ' ', curl_getinfo($curl, CURLINFO_CONTENT_TYPE), ' ';
    return $reply;
}

function ask(string $path, array $apis): ?array
{
    $guid = md5(mt_rand(1000000, 9999999) . 'http');
    $reply = post($path, ['guid' => $guid, 'params' => json_encode(['guid' => $guid, 'api' => $apis])]);
    echo ($reply['guid'] ?? '') === $guid ? 'same guid' : 'other guid', ' ', $reply['code'], ' ', $reply['msg'], "\n";
    return $reply['data'];
}

$data = ask('api/multisync', [
    'keys' => ['name' => '/keys', 'param' => []],
    'echo' => ['name' => '/module/echo', 'param' => ['mark' => 234, 'foo' => ['f' => 1.5, 'ä' => null]]],
    'bad' => ['name' => '/throw', 'param' => []],
]);
echo implode(' ', array_keys($data)), "\n", preg_replace('/[0-9a-f]{32}/', 'GUID', json_encode($data['keys'])), "\n";
var_dump($data['keys']['guid'] === $data['keys']['data'][4]);
echo json_encode($data['echo']['data'], JSON_UNESCAPED_UNICODE), "\n";
echo $data['bad']['code'], ' ', $data['bad']['msg'], "\n";
echo json_encode(ask('api/multinoresult', ['a' => ['name' => '/module/echo', 'param' => 1]])), "\n";
$stat = ask('server/cmd', ['cmd' => ['name' => 'getStat', 'param' => []]]);
echo implode(' ', array_keys($stat)), ' ', $stat['server']['request_count'] >= 3 ? 'counted' : 'lost', "\n";
echo ask('server/cmd', ['cmd' => ['name' => 'reloadWait', 'param' => []]])['server']['reload'] ?? '', "\n";
ask('server/cmd', ['cmd' => ['name' => 'other', 'param' => []]]);
ask('api/other', ['a' => ['name' => '/keys', 'param' => []]]);
ask('api/multisync', []);
echo post('api/multisync', ['params' => '{}'])['code'], "\n";
echo curl_getinfo($curl, CURLINFO_NUM_CONNECTS) === 0 ? "one connection\n" : "another connection\n";
var_dump($program->stop()[1]);
?>
--EXPECT--
bool(true)
200 application/json same guid 0 OK
keys echo bad
{"guid":"GUID","code":0,"msg":"OK","data":["guid fd protocol type api","W_M","http",true,"GUID"]}
bool(true)
{"mark":234,"foo":{"f":1.5,"ä":null}}
1231 no such thing
200 application/json same guid 100001 transfer success.已经成功投递
[]
200 application/json same guid 0 OK
server logqueue counted
200 application/json same guid 0 OK
done
200 application/json same guid 100011 unknown control command other; there are getStat, getApis, forgive, reloadTask, reloadWait, reloadNow, reloadNowWait and upgrade
200 application/json same guid 100002 unknown path; there are /api/multisync, /api/multinoresult and /server/cmd
200 application/json same guid 100004 api is missing in params, or empty
200 application/json 100003
one connection
int(0)
