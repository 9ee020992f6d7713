"""What a blocking call costs its caller in Python: call.py HOST:PORT SECONDS; one line of JSON."""

import json
import sys
import time

import dora

WARM_UP_CALLS = 500


def main():
    client = dora.Client(sys.argv[1])
    seconds = float(sys.argv[2])
    param = {"id": 7, "name": "Ann"}
    for _ in range(WARM_UP_CALLS):
        client.call("/bench/get", param)
    call, clock = client.call, time.monotonic
    count, used, begin = 0, time.process_time(), clock()
    end = begin + seconds
    while clock() < end:
        call("/bench/get", param)
        count += 1
    used, took = time.process_time() - used, clock() - begin
    print(json.dumps({"requests": count, "per_second": count / took,
                      "client_cpu_us": used * 1e6 / count}))


main()
