"""The simple query protocol over one socket, for scripts that must not depend on a driver."""
import socket
import struct


class Failed(Exception):
    pass


class Client:
    """The simple query protocol over one socket."""

    def __init__(self, port, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        body = struct.pack("!i", 196608) + b"user\0postgres\0database\0postgres\0\0"
        self.socket.sendall(struct.pack("!i", len(body) + 4) + body)
        self.finish()

    def query(self, sql):
        body = sql.encode() + b"\0"
        self.socket.sendall(b"Q" + struct.pack("!i", len(body) + 4) + body)
        return self.finish()

    def finish(self):
        rows, error = [], None
        while True:
            while len(self.buffer) < 5 or len(self.buffer) <= struct.unpack("!i", self.buffer[1:5])[0]:
                piece = self.socket.recv(1 << 16)
                if not piece:
                    # Who is not let in is told why, and then the connection ends.
                    raise Failed(f"{error.get(b'C')} {error.get(b'M')}") if error else ConnectionError("closed")
                self.buffer += piece
            length = struct.unpack("!i", self.buffer[1:5])[0]
            kind, body = self.buffer[:1], self.buffer[5:length + 1]
            self.buffer = self.buffer[length + 1:]
            if kind == b"D":
                count, offset, row = struct.unpack("!h", body[:2])[0], 2, []
                for _ in range(count):
                    size = struct.unpack("!i", body[offset:offset + 4])[0]
                    offset += 4
                    row.append(None if size < 0 else body[offset:offset + size].decode())
                    offset += max(size, 0)
                rows.append(row)
            elif kind == b"E":
                error = {f[:1]: f[1:].decode() for f in body.split(b"\0") if f}
            elif kind == b"Z":
                if error:
                    raise Failed(f"{error.get(b'C')} {error.get(b'M')}")
                return rows
