"""Calling the users of users.py from asyncio: many calls at a time over a few connections.

    python3 async_client.py 127.0.0.1:9567
"""

import asyncio
import sys

import dora


async def main() -> None:
    node = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:9567"
    async with dora.AsyncClient(node, timeout=2.0) as client:
        user = await client.call("/user/get", {"id": 2})
        print(f"user 2 is {user['name']}")

        # A thousand calls at a time: they share the connections, and each has its own answer.
        users = await asyncio.gather(
            *(client.call("/user/get", {"id": 1 + number % 2}) for number in range(1000))
        )
        print(f"{len(users)} answers, {len({user['name'] for user in users})} users")

        # One that takes too long is given up; the connection stays for the others.
        try:
            await asyncio.wait_for(client.call("/user/get", {"id": 1}), timeout=1.0)
        except asyncio.TimeoutError:
            print("too slow")

        # Results that are fetched later, together.
        guids = [await client.submit("/user/get", {"id": number}) for number in (2, 1)]
        found = await client.collect()
        print("later: " + ", ".join(found[guid]["name"] for guid in guids))

        try:
            await client.call("/user/get", {"id": 99})
        except dora.HandlerError as error:
            print(f"error {error.code}: {error}")


if __name__ == "__main__":
    asyncio.run(main())
