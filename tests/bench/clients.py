#!/usr/bin/python3
"""200 clients of `serve` for serve.py: polite ones, streams, slow readers, half-open ones, garbage.

    tests/bench/clients.py PORT

Says "ready" when all are connected, ends at a line on standard input, and prints how many
answers came. They stand for other machines: here they only get what the processor has left.
"""

import asyncio
import json
import os
import random
import socket
import sys
import time

PAUSE_S = 1
KINDS = {"poll": 110, "stream": 30, "slow": 20, "half": 20, "garbage": 20}

counts = {"answers": 0, "events": 0, "refused": 0}


def paths():
    now = int(time.time())
    yield from ("/api/v1/health", "/api/v1/incidents?state=open", "/api/v1/status", "/metrics")
    for what in ("volume", "providers", "failed", "delay", "tls", "logins"):
        yield f"/api/v1/lines?what={what}&from={now - 7 * 86400}&until={now}"


async def connect(port, receive_bytes=0):
    link = socket.socket()
    link.setblocking(False)
    if receive_bytes:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    await asyncio.get_running_loop().sock_connect(link, ("127.0.0.1", port))
    return await asyncio.open_connection(sock=link)


def question(path):
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


async def poll(port, ready):
    reader, writer = await connect(port)
    ready()
    while True:
        for path in random.sample(list(paths()), 10):
            await asyncio.sleep(random.uniform(0, 2 * PAUSE_S))
            writer.write(question(path))
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.split("content-length:")[1].split()[0])
            await reader.readexactly(length)
            counts["answers" if " 200 " in head else "refused"] += 1


async def stream(port, ready):
    reader, writer = await connect(port)
    writer.write(question("/api/v1/stream"))
    await reader.readuntil(b"\r\n\r\n")
    ready()
    while data := await reader.read(65536):
        counts["events"] += data.count(b"\nevent: ")


async def slow(port, ready):
    reader, writer = await connect(port, 2048)
    writer.write(question("/metrics") * 20)
    ready()
    while await reader.read(1):
        await asyncio.sleep(PAUSE_S)


async def half(port, ready):
    reader, writer = await connect(port)
    writer.write(b"GET / HT")
    ready()
    await reader.read()


async def garbage(port, ready):
    reader, writer = await connect(port)
    ready()
    await asyncio.sleep(random.uniform(0, PAUSE_S))
    writer.write(random.randbytes(random.randrange(1, 400)) + b"\r\n\r\n")
    await reader.read()


async def again(client, port, ready):
    """One that was cut off comes again."""
    while True:
        try:
            await client(port, ready)
        except (OSError, asyncio.IncompleteReadError):
            pass
        ready = lambda: None  # noqa: E731
        await asyncio.sleep(PAUSE_S)


async def main():
    port = int(sys.argv[1])
    loop = asyncio.get_running_loop()
    waits = sum(KINDS.values())
    all_ready = asyncio.Event()

    def ready():
        nonlocal waits
        waits -= 1
        if waits == 0:
            all_ready.set()

    tasks = [asyncio.create_task(again(globals()[kind], port, ready))
             for kind, n in KINDS.items() for _ in range(n)]
    await all_ready.wait()
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    asyncio.run(main())
