"""A worker that sends the server, over the zygote's socket, messages that nobody asked for: wild
numbers, other kinds, descriptors beside them."""

import array
import os
import random
import socket
import struct

import dora

app = dora.App()
CONTROL_FD = 3
# All but the last of those that there are: that its start hook failed, it may say of itself.
KINDS = list(range(12)) + [13, 77, 1 << 31]
NUMBERS = [0, 1, 5, 4096, 1 << 16, (1 << 31) - 1, -1, -(1 << 31)]


@app.worker_start
def babble(_worker):
    chance = random.Random(int(os.environ.get("DORA_BABBLE_SEED", "1")))
    control = socket.socket(fileno=os.dup(CONTROL_FD))
    spare = os.open("/dev/null", os.O_RDONLY)
    for _ in range(200):
        head = struct.pack("=IIii", chance.choice(KINDS), chance.choice(NUMBERS) & 0xffffffff,
                           chance.choice(NUMBERS), chance.choice(NUMBERS))
        fds = array.array("i", [spare] * chance.randrange(4))
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)] if fds else []
        control.sendmsg([head[:chance.choice([16, 16, 16, 3, 0])],
                         b"x" * chance.choice([0, 0, 300])],
                        rights)
    control.close()
    os.close(spare)


@app.api("/s/echo")
def echo(param):
    return param
