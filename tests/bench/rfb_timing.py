"""Just enough of a viewer to time what a person waits for."""
import struct


def read(link, size):
    data = b""
    while len(data) < size:
        piece = link.recv(size - len(data))
        if not piece:
            raise RuntimeError("the display closed the tunnel")
        data += piece
    return data


class Rfb:
    """Just enough of a viewer to time: Raw rectangles of 32-bit pixels."""

    def __init__(self, link):
        self.link = link
        link.sendall(read(link, 12))
        types = read(link, read(link, 1)[0])
        assert 1 in types
        link.sendall(b"\x01")
        assert read(link, 4) == b"\0\0\0\0"
        link.sendall(b"\x01")
        head = read(link, 24)
        self.width, self.height = struct.unpack(">HH", head[:4])
        read(link, struct.unpack(">I", head[20:])[0])
        link.sendall(struct.pack(">BBH", 2, 0, 1) + struct.pack(">i", 0))

    def request(self, incremental):
        self.link.sendall(struct.pack(">BBHHHH", 3, incremental, 0, 0, self.width, self.height))

    def update(self):
        """Waits for one update; returns its bytes."""
        while True:
            kind = read(self.link, 1)[0]
            if kind == 0:
                break
            if kind == 2:
                continue
            if kind == 3:
                size = struct.unpack(">xxxI", read(self.link, 7))[0]
                read(self.link, size)
                continue
            raise RuntimeError("message %d" % kind)
        count, total = struct.unpack(">xH", read(self.link, 3))[0], 0
        for _ in range(count):
            x, y, w, h, encoding = struct.unpack(">HHHHi", read(self.link, 12))
            assert encoding == 0
            total += len(read(self.link, w * h * 4))
        return total

    def key(self, keysym, down):
        self.link.sendall(struct.pack(">BBHI", 4, down, 0, keysym))


def tunnel(world, token, id):
    ticket = world.api("POST", "/desktops/%s/ticket" % id, {}, token)[1]["ticket"]
    status, head, link = world.tunnel("Oriel-Ticket " + ticket)
    if status != 101:
        raise RuntimeError(head)
    return link


def first_picture(world, token, id):
    viewer = Rfb(tunnel(world, token, id))
    viewer.request(0)
    viewer.update()
    return viewer
