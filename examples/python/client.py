"""Calling the users of users.py, from Python.

    python3 client.py 127.0.0.1:9567
"""

import sys

import dora


def main() -> None:
    node = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:9567"
    with dora.Client(node, timeout=2.0) as client:
        user = client.call("/user/get", {"id": 7})
        print(f"user 7 is {user['name']} <{user['mail']}>")

        # Several at once: they run at the same time, in different workers.
        results = client.call_many(
            {
                "admins": ("/user/find", {"text": "an"}),
                "names": ("/user/names", [1, 2]),
                "missing": ("/user/get", {"id": 99}),
            }
        )
        for key, result in results.items():
            if isinstance(result, dora.Error):
                print(f"{key}: error {result.code}: {result.msg}")
            else:
                print(f"{key}: {result}")

        # Nobody waits for this one: the server has queued it, that is all.
        print(f"noted: {client.send('/user/seen', {'id': 7, 'by': 'client.py'})}")

        # These run while the program does something else, and are fetched together.
        guids = [client.submit("/user/get", {"id": number}) for number in (2, 1)]
        found = client.collect(timeout=2.0)
        print("later: " + ", ".join(found[guid]["name"] for guid in guids))

        try:
            client.call("/no/such/api")
        except dora.NotRunError as error:
            print(f"not run: {error.code}: {error}")


if __name__ == "__main__":
    main()
