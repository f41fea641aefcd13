"""A SPICE viewer spoken by hand, so that a test can say it wrong.

Spice     oriel-display with a played machine (see ../rfb/harness.py)
Channel   one connection: link, messages; Display keeps a picture of what comes
"""
import ctypes, ctypes.util, os, socket, struct, sys, time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "../rfb")]
from harness import *  # of rfb: the machine and the program


MAIN, DISPLAY, INPUTS, CURSOR, PLAYBACK, RECORD, USBREDIR, PORT, WEBDAV = 1, 2, 3, 4, 5, 6, 9, 10, 11
AUTH_SELECTION, AUTH_SPICE, MINI = 1, 2, 8
SET_ACK, PING, PONG = 3, 4, 3
MONITORS_CONFIG, LZ4, MULTI_CODEC, MJPEG, VP8, H264 = 1, 5, 8, 9, 10, 11
LZ4_BLOCK = ctypes.CDLL(ctypes.util.find_library("lz4") or "liblz4.so.1")


class Closed(Exception):
    pass


class Spice(Program):
    def __init__(self, *heads, flags=(), **more):
        self.dir = tempfile.mkdtemp(prefix="oriel-spice-")
        self.spice = os.path.join(self.dir, "spice.sock")
        super().__init__(*heads, flags=("--spice", "unix:" + self.spice, *flags), **more)

    def __exit__(self, *why):
        shutil.rmtree(self.dir, ignore_errors=True)
        return super().__exit__(*why)

    def main(self, **more):
        return Main(self.spice, MAIN, **more)


def mess(kind, session=0, number=0, caps=0, common=AUTH_SELECTION | AUTH_SPICE | MINI):
    return struct.pack("<IBBIII", session, kind, number, 1, 1, 18) + struct.pack("<II", common, caps)


class Channel:
    def __init__(self, path, kind, session=0, number=0, caps=0, common=AUTH_SELECTION | AUTH_SPICE | MINI):
        self.path, self.kind = path, kind
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10 * SLOW)
        self.socket.connect(path)
        self.mini = bool(common & MINI)
        self.serial, self.here = 0, bytearray()
        self.link(mess(kind, session, number, caps, common), common)

    def link(self, body, common):
        self.socket.sendall(b"REDQ" + struct.pack("<III", 2, 2, len(body)) + body)
        magic, major, minor, size = struct.unpack("<4sIII", self.take(16))
        reply = self.take(size)
        self.error = struct.unpack("<I", reply[:4])[0]
        if self.error:
            return
        self.key = reply[4:166]
        if common & AUTH_SELECTION:
            self.socket.sendall(struct.pack("<I", 1))
        self.socket.sendall(bytes(128))
        self.error = struct.unpack("<I", self.take(4))[0]

    def fill(self, size):
        """At least so many bytes are here; a timeout loses none."""
        while len(self.here) < size:
            try:
                more = self.socket.recv(65536)
            except ConnectionError:
                more = b""
            if not more:
                raise Closed("the display closed after %r" % bytes(self.here[:40]))
            self.here += more

    def take(self, size):
        self.fill(size)
        data = bytes(self.here[:size])
        del self.here[:size]
        return data

    def say(self, kind, body=b""):
        self.socket.sendall(self.message(kind, body))

    def message(self, kind, body=b""):
        if self.mini:
            return struct.pack("<HI", kind, len(body)) + body
        self.serial += 1
        return struct.pack("<QHII", self.serial, kind, len(body), 0) + body

    def hear(self):
        """The next message: type, body."""
        head = 6 if self.mini else 18
        self.fill(head)
        kind, size = struct.unpack_from("<HI", self.here, 0 if self.mini else 8)
        self.fill(head + size)
        return kind, self.take(head + size)[head:]

    def hear_until(self, *kinds):
        while True:
            kind, body = self.hear()
            if kind in kinds:
                return body

    def closed(self):
        """Whether the display ends it; what comes before is dropped."""
        try:
            while True:
                if not self.socket.recv(65536):
                    return True
        except ConnectionError:
            return True
        except socket.timeout:
            return False

    def end(self):
        self.socket.close()


class Main(Channel):
    def __init__(self, path, kind, **more):
        super().__init__(path, kind, **more)
        if self.error:
            return
        kind, body = self.hear()
        assert kind == 103, kind
        self.session, self.hint, self.modes, self.mode, self.agent, self.tokens, self.time, _ = struct.unpack("<8I", body)

    def channels(self):
        self.say(104)
        body = self.hear_until(104)
        count = struct.unpack("<I", body[:4])[0]
        return [tuple(body[4 + 2 * i:6 + 2 * i]) for i in range(count)]

    def open(self, kind, make=Channel, **more):
        return make(self.path, kind, session=self.session, **more)

    # ---- agent ----

    def agent_start(self, tokens=0xffffffff):
        self.say(106, struct.pack("<I", tokens))

    def agent_say(self, kind, body):
        data = struct.pack("<IIQI", 1, kind, 0, len(body)) + body
        for at in range(0, len(data), 2048):
            self.say(107, data[at:at + 2048])

    def agent_hear(self, wanted):
        """The next agent's message of that type; others are dropped."""
        data = b""
        while True:
            data += self.hear_until(107 + 2)
            while len(data) >= 20:
                kind, size = struct.unpack("<4xI8xI", data[:20])
                if len(data) < 20 + size:
                    break
                body, data = data[20:20 + size], data[20 + size:]
                if kind == wanted:
                    return body


def lz4_block(data, size):
    out = ctypes.create_string_buffer(size)
    got = LZ4_BLOCK.LZ4_decompress_safe(data, out, len(data), size)
    assert got == size, (got, size)
    return out.raw


def lz(data, w, h):
    """SPICE's LZ of 32-bit pixels."""
    magic, version, kind, width, height, stride, top_down = struct.unpack(">4sIIIIII", data[:28])
    assert (magic, version, kind, width, height, stride, top_down) == (b"  ZL", 0x10001, 8, w, h, w * 4, 1), data[:28]
    out, at, size = bytearray(), 28, w * h * 4
    while len(out) < size:
        order = data[at]
        at += 1
        if order < 32:
            plain = data[at:at + 3 * (order + 1)]
            pixels = bytearray(4 * (order + 1))
            pixels[0::4], pixels[1::4], pixels[2::4] = plain[0::3], plain[1::3], plain[2::3]
            out += pixels
            at += 3 * (order + 1)
            continue
        length, back = order >> 5, (order & 31) << 8
        if length == 7:
            while data[at] == 255:
                length += 255
                at += 1
            length += data[at]
            at += 1
        back += data[at]
        at += 1
        if back == 8191:
            back += data[at] << 8 | data[at + 1]
            at += 2
        start = len(out) - (back + 1) * 4
        assert start >= 0
        while length:
            piece = out[start:start + length * 4]
            out += piece
            length -= len(piece) // 4
    assert len(out) == size and at == len(data), (len(out), size, at, len(data))
    return bytes(out)


class Display(Channel):
    """Draws what comes; pictures are bytes, 4 a pixel as the machine has them."""

    def __init__(self, *args, caps=1 << MONITORS_CONFIG | 1 << LZ4, answer=True, **more):
        super().__init__(*args, caps=caps, **more)
        self.surfaces, self.shown, self.heads, self.marked = {}, None, None, False
        self.drawn, self.bytes, self.moves, self.lossy = [], 0, 0, 0
        self.answer = answer
        self.streams, self.frames = {}, 0
        self.pings = []
        if not self.error:
            self.say(101, struct.pack("<BqBi", 1, 20 << 20, 1, 3 << 20))

    def step(self):
        kind, body = self.hear()
        self.bytes += len(body) + 6
        if kind == PING:
            self.pings.append(body)
            if self.answer:
                self.say(PONG, body[:12])
        elif kind == 314:
            surface, w, h, form, flags = struct.unpack("<5I", body)
            assert form == 32 and surface not in self.surfaces
            self.surfaces[surface] = [w, h, bytearray(w * h * 4)]
            if flags & 1:
                self.shown = surface
        elif kind == 315:
            surface = struct.unpack("<I", body)[0]
            del self.surfaces[surface]
        elif kind == 102:
            self.marked = True
        elif kind == 317:
            count, most = struct.unpack("<HH", body[:4])
            self.heads = [struct.unpack("<7I", body[4 + 28 * i:32 + 28 * i]) for i in range(count)], most
        elif kind == 104:
            surface, top, left, bottom, right, clip, x, y = struct.unpack("<I4iBii", body)
            w, h, pixels = self.surfaces[surface]
            rows = [bytes(pixels[((y + i) * w + x) * 4:((y + i) * w + x + right - left) * 4]) for i in range(bottom - top)]
            self.put(surface, left, top, rows)
            self.moves += 1
        elif kind == 302:
            surface, top, left, bottom, right, clip, brush, colour = struct.unpack("<I4iBBI", body[:26])
            self.put(surface, left, top, [struct.pack("<I", colour) * (right - left)] * (bottom - top))
        elif kind == 304:
            self.draw_copy(body)
        elif kind == 122:
            number = struct.unpack("<I", body[4:8])[0]
            assert number not in self.streams
            self.streams[number], self.fresh = body, False
        elif kind == 123:
            assert struct.unpack("<I", body[:4])[0] in self.streams
            if not self.fresh:
                self.first, self.fresh = body[12:], True
            self.frames += 1
        elif kind == 125:
            del self.streams[struct.unpack("<I", body)[0]]
        return kind, body

    def put(self, surface, x, y, rows):
        w, h, pixels = self.surfaces[surface]
        for i, row in enumerate(rows):
            at = ((y + i) * w + x) * 4
            pixels[at:at + len(row)] = row

    def draw_copy(self, body):
        surface, top, left, bottom, right, clip, at = struct.unpack("<I4iBI", body[:25])
        number, kind, flags, w, h = struct.unpack("<QBBII", body[at:at + 18])
        assert (w, h) == (right - left, bottom - top) and clip == 0
        data = body[at + 18:]
        if kind == 109:
            size = struct.unpack("<I", data[:4])[0]
            assert data[4:6] == b"\1\x08" and len(data) == 4 + size
            pixels = lz4_block(data[10:], w * h * 4)
            assert struct.unpack(">I", data[6:10])[0] == size - 6
        elif kind == 101:
            assert struct.unpack("<I", data[:4])[0] == len(data) - 4
            pixels = lz(data[4:], w, h)
        elif kind == 104:
            source = self.surfaces[struct.unpack("<I", data[:4])[0]]
            pixels = bytes(source[2])
        elif kind == 105:
            self.lossy += 1
            pixels = bytes(UNKNOWN) * (w * h)
        else:
            raise AssertionError("image of type %d" % kind)
        self.drawn.append((left, top, w, h))
        self.put(surface, left, top, [pixels[i * w * 4:(i + 1) * w * 4] for i in range(h)])

    def picture(self):
        return bytes(self.surfaces[self.shown][2]) if self.shown in self.surfaces else b""

    def see(self, picture, seconds=10):
        """Draws on until the shown picture is that one."""
        end = time.monotonic() + seconds * SLOW
        while not (self.marked and self.picture() == picture):
            if time.monotonic() > end:
                return False
            self.step()
        return True

    def settle(self, seconds=0.3):
        """Draws until nothing comes for a while."""
        self.socket.settimeout(seconds * SLOW)
        try:
            while True:
                self.step()
        except socket.timeout:
            self.socket.settimeout(10 * SLOW)
