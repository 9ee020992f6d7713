"""A plain server of Server-Sent Events on asyncio: sse_server.py PORT. Ten events, one by one."""

import asyncio
import sys

HEAD = (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n")
EVENT = b"event: part\ndata: \"%s\"\n\n" % (b"x" * 100)


async def words():
    for _ in range(10):
        yield EVENT
        await asyncio.sleep(0)


async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = [line for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")]
            await reader.readexactly(int(length[0].split(b":")[1]) if length else 0)
            writer.write(HEAD)
            async for event in words():
                writer.write(b"%x\r\n%s\r\n" % (len(event), event))
                await writer.drain()
            writer.write(b"0\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    async with server:
        await server.serve_forever()


asyncio.run(main())
