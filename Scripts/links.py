"""The links between the nodes of a cluster, as a process that every connection between them passes: it holds back, delays and stalls what
goes from one node to another, as a network does to TCP. Nothing is lost for good: what is cut arrives when the link is whole again, or dies
with the connection.

Each node advertises a port of this process, which forwards to its own; who dials is known by the address in its greeting. The first line of
stdin maps ports to ports; each later one says what is wrong from then on: {"cut": [[from, to], ...], "delay": s, "loss": share}, nodes by
their advertised ports. Only for clusters without encryption."""
import asyncio
import json
import random
import sys

state = {"cut": set(), "delay": 0.0, "loss": 0.0}
changed = None
# A lost packet is sent again after this at least (Linux's TCP_RTO_MIN).
RETRANSMISSION = 0.2


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def advertised_port(frame):
    """Field `port` of the greeting in a connection's first frame: what is framed, and where, Docs/Decisions/0009 tells."""
    envelope = int.from_bytes(frame[4:8], "big")
    at = 8 + envelope
    while at < len(frame):
        tag, at = varint(frame, at)
        if tag & 7 == 0:
            value, at = varint(frame, at)
            if tag >> 3 == PORT_FIELD:
                return value
        elif tag & 7 == 1:
            at += 8
        elif tag & 7 == 2:
            size, at = varint(frame, at)
            at += size
        else:
            at += 4
    return 0


PORT_FIELD = 11
connections = set()


async def pump(reader, writer, source, target):
    """Forwards one direction in order, each piece as late as the link makes it."""
    queue = asyncio.Queue(64)

    async def take():
        while True:
            try:
                data = await reader.read(1 << 16)
            except (ConnectionError, OSError):
                # Ended with -9: the other side hears of it as of any end.
                data = b""
            now = asyncio.get_running_loop().time()
            await queue.put((now + state["delay"], data))
            if not data:
                return

    taking = asyncio.create_task(take())
    try:
        while True:
            due, data = await queue.get()
            if state["loss"] and random.random() < state["loss"]:
                due += RETRANSMISSION
            wait = due - asyncio.get_running_loop().time()
            if wait > 0:
                await asyncio.sleep(wait)
            while (source, target) in state["cut"]:
                await changed.wait()
            if not data:
                break
            writer.write(data)
            await writer.drain()
    except (ConnectionError, OSError):
        pass
    finally:
        taking.cancel()
        writer.close()


def handler(advertised, port):
    async def handle(reader, writer):
        # The loop itself would let a connection that waits be collected.
        connections.add(asyncio.current_task())
        asyncio.current_task().add_done_callback(connections.discard)
        try:
            head = await reader.readexactly(4)
            frame = head + await reader.readexactly(int.from_bytes(head, "big") + 4)
            source = advertised_port(frame)
            while (source, advertised) in state["cut"]:
                await changed.wait()
            there, forward = await asyncio.open_connection("127.0.0.1", port)
        except (OSError, asyncio.IncompleteReadError):
            writer.close()
            return
        forward.write(frame)
        await asyncio.gather(pump(reader, forward, source, advertised), pump(there, writer, advertised, source))
    return handle


async def main():
    global changed
    changed = asyncio.Event()
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    for advertised, port in json.loads(await lines.readline()):
        await asyncio.start_server(handler(advertised, port), "127.0.0.1", advertised)
    print("ready", flush=True)
    while line := await lines.readline():
        told = json.loads(line)
        state.update(cut={tuple(pair) for pair in told["cut"]}, delay=told["delay"], loss=told["loss"])
        changed.set()
        changed.clear()


if __name__ == "__main__":
    asyncio.run(main())
