"""What the display's tests stand on: a played machine, the program, a viewer.

Player    build/bin/display1-player, driven by lines
Program   build/bin/oriel-display
Viewer    RFB spoken by hand, so that a test can say it wrong
"""
import os, queue, shutil, socket, struct, subprocess, sys, tempfile, threading, time, zlib

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from cases import SLOW, Tests, until

ROOT = os.environ.get("ORIEL_ROOT", os.path.dirname(os.path.abspath(__file__)) + "/../../..")
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
BIN = os.path.join(BUILD, "bin")
# Sanitizers keep freed memory for a while.
ROOMY = 20 if SLOW > 1 else 1

RAW, COPYRECT, HEXTILE, ZLIB, TIGHT, ZRLE, H264 = 0, 1, 5, 6, 7, 16, 50
QUALITY_0 = -32
CURSOR, XCURSOR, CURSOR_ALPHA = -239, -240, -314
DESKTOP_SIZE, EXT_DESKTOP_SIZE, NAME, LEDS, EXT_KEY, MOTION = -223, -308, -307, -261, -258, -257
UNKNOWN = b"\xee\x77\xee\0"  # a pixel that no test paints
AUDIO = -259
FENCE, CONTINUOUS, EXT_CLIPBOARD = -312, -313, -0x3f5e1a32


class Player:
    def __init__(self, folder, *heads, flags=()):
        self.path = os.path.join(folder, "machine.sock")
        self.folder = folder
        self.process = subprocess.Popen([BIN + "/display1-player", self.path, *(heads or ("640x400",)), *flags],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.replies, self.events, self.log = queue.Queue(), queue.Queue(), []
        threading.Thread(target=self.read, daemon=True).start()
        self.wait("listening")

    def read(self):
        for line in self.process.stdout:
            line = line.rstrip("\n")
            self.log.append(line)
            (self.replies if line.split(" ")[0] in ("done", "failed") else self.events).put(line)

    def say(self, command):
        """The answer to a command: "done" or "failed ..."."""
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.replies.get(timeout=20 * SLOW)

    def wait(self, start, seconds=5):
        """The next event that begins so; those before it are dropped."""
        end = time.monotonic() + seconds * SLOW
        while True:
            try:
                event = self.events.get(timeout=max(end - time.monotonic(), 0.01))
            except queue.Empty:
                raise AssertionError("no event %r; there were %r" % (start, self.log[-10:]))
            if event.startswith(start):
                return event

    def quiet(self):
        """Events so far."""
        got = []
        while not self.events.empty():
            got.append(self.events.get())
        return got

    def picture(self, head=0):
        path = os.path.join(self.folder, "dump%d" % head)
        assert self.say("dump %d %s" % (head, path)) == "done"
        with open(path, "rb") as file:
            return file.read()

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Program:
    """oriel-display with a machine; a context manager that looks whether it
    lived to the end."""

    def __init__(self, *heads, flags=(), player_flags=(), rfb=None, control=True, player=True, pass_fds=()):
        self.folder = tempfile.mkdtemp(prefix="oriel-display-")
        self.rfb = rfb or os.path.join(self.folder, "rfb.sock")
        self.control_path = os.path.join(self.folder, "control.sock")
        self.player = Player(self.folder, *heads, flags=player_flags) if player else None
        self.errors = open(os.path.join(self.folder, "log"), "w+")
        address = self.rfb if rfb else "unix:" + self.rfb
        args = [BIN + "/oriel-display", "--rfb", address, *flags]
        if player:
            args += ["--display1", "unix:" + self.player.path]
        if control:
            args += ["--control", "unix:" + self.control_path]
        self.process = subprocess.Popen(args, stderr=self.errors, pass_fds=pass_fds)
        if not player:
            assert until(lambda: os.path.exists(self.rfb)), self.log()
        else:
            for _ in range(max(len(heads), 1)):
                self.player.wait("listener")
            if "port registered" not in self.player.log and not any(f.startswith("com.redhat.spice.0=") for f in player_flags):
                self.player.wait("port registered")
            for head, size in enumerate(heads or ("",)):
                if size != "0x0":  # answered once it is shown
                    assert self.player.say("paint %d text %d" % (head, head)) == "done"

    def log(self):
        self.errors.flush()
        with open(self.errors.name) as file:
            return file.read()

    def viewer(self, **options):
        return Viewer(self.rfb, **options)

    def cpu_ticks(self):
        with open("/proc/%d/stat" % self.process.pid) as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def private_kib(self):
        total = 0
        with open("/proc/%d/smaps_rollup" % self.process.pid) as file:
            for line in file:
                if line.startswith(("Private_Clean", "Private_Dirty")):
                    total += int(line.split()[1])
        return total

    def alive(self):
        return self.process.poll() is None

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        code = self.process.poll()
        if code is None:
            self.process.terminate()
            try:
                end = self.process.wait(10 * SLOW)
            except subprocess.TimeoutExpired:
                self.process.kill()
                end = "no end"
        if self.player:
            self.player.end()
        log = self.log()
        self.errors.close()
        shutil.rmtree(self.folder)
        if kind is None:
            assert code is None, "oriel-display ended by itself with %s:\n%s" % (code, log)
            assert end == 0, "oriel-display ended with %s:\n%s" % (end, log)


class Closed(Exception):
    pass


class Viewer:
    """A viewer that keeps a picture; rectangles go to `rects`, the rest to
    their own lists."""

    def __init__(self, address, version=b"RFB 003.008\n", handshake=True, encodings=None, timeout=20, shared=1):
        if ":" in address and not address.startswith("/"):
            host, port = address.rsplit(":", 1)
            self.socket = socket.create_connection((host, int(port)), timeout * SLOW)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout * SLOW)
            self.socket.connect(address)
        self.cursor = self.cursor_hot = self.leds = None
        self.rects, self.texts, self.extended, self.fences, self.sizes, self.films = [], [], [], [], [], []
        self.sound, self.can_sound = [], False  # begin, end, samples
        self.filters = set()  # of Tight, as were sent
        self.updates = self.ended_continuous = self.taken = 0
        self.absolute = self.extended_keys = None
        self.zlib, self.zrle, self.tight = zlib.decompressobj(), zlib.decompressobj(), [None] * 4
        if handshake:
            assert self.read(12) == b"RFB 003.008\n"
            self.send(version)
            if version >= b"RFB 003.007\n":
                count = self.read(1)[0]
                types = self.read(count)
                assert 1 in types, types
                self.send(b"\1")
            else:
                assert self.read(4) == b"\0\0\0\1"
            if version >= b"RFB 003.008\n":
                assert self.read(4) == bytes(4)
            self.send(bytes([shared]))
            self.init()
        if encodings is not None:
            self.set_encodings(*encodings)

    def init(self):
        self.width, self.height = struct.unpack(">HH", self.read(4))
        self.format = self.read(16)
        self.name = self.read(struct.unpack(">I", self.read(4))[0])
        self.picture = bytearray(self.width * self.height * 4)

    def send(self, data):
        self.socket.sendall(data)

    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(min(count - len(data), 1 << 20))
            if not more:
                raise Closed()
            data += more
        self.taken += count
        return data

    def u(self, form):
        values = struct.unpack(">" + form, self.read(struct.calcsize(">" + form)))
        return values if len(values) > 1 else values[0]

    def closed(self, seconds=5):
        """The server has closed this connection; what it said before is dropped."""
        self.socket.settimeout(seconds * SLOW)
        try:
            while self.socket.recv(65536):
                pass
            return True
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def set_encodings(self, *list):
        self.send(struct.pack(">BxH", 2, len(list)) + b"".join(struct.pack(">i", e) for e in list))

    def request(self, incremental=1, x=0, y=0, w=65535, h=65535):
        self.send(struct.pack(">BBHHHH", 3, incremental, x, y, w, h))

    def key(self, keysym, down):
        self.send(struct.pack(">BBxxI", 4, down, keysym))

    def extended_key(self, keysym, code, down):
        self.send(struct.pack(">BBHII", 255, 0, down, keysym, code))

    def pointer(self, x, y, mask=0):
        self.send(struct.pack(">BBHH", 5, mask, x, y))

    def set_size(self, width, height, *screens):
        self.send(struct.pack(">BxHHBx", 251, width, height, len(screens)) +
                  b"".join(struct.pack(">IHHHHI", *s, 0) for s in screens))

    def cut_text(self, text):
        self.send(struct.pack(">BxxxI", 6, len(text)) + text)

    def extended_text(self, flags, body=b""):
        self.send(struct.pack(">BxxxiI", 6, -4 - len(body), flags) + body)

    # ---- from the server ----

    def message(self):
        """Takes one message in; returns its kind."""
        kind = self.u("B")
        if kind == 0:
            self.read(1)
            self.updates += 1
            for _ in range(self.u("H")):
                self.rect()
            return "update"
        if kind == 1:
            self.read(3)
            self.map = self.read(6 * self.u("H"))
            return "map"
        if kind == 3:
            self.read(3)
            length = self.u("i")
            if length >= 0:
                self.texts.append(self.read(length))
                return "text"
            flags = self.u("I")
            self.extended.append((flags, self.read(-length - 4)))
            return "extended"
        if kind == 150:
            self.ended_continuous += 1
            return "end of continuous"
        if kind == 248:
            self.read(3)
            flags, length = self.u("IB")
            self.fences.append((flags, self.read(length)))
            return "fence"
        if kind == 255:
            sub, operation = self.u("BH")
            assert sub == 1 and operation < 3, (sub, operation)
            self.sound.append(("end", "begin")[operation] if operation < 2 else self.read(self.u("I")))
            return "sound"
        raise AssertionError("message of type %d" % kind)

    def until(self, condition, seconds=40, request=True):
        """Messages until the condition holds, asking for updates all along."""
        end = time.monotonic() + seconds * SLOW
        if request and not condition():
            self.request()
        while not condition():
            left = end - time.monotonic()
            if left <= 0:
                return False
            self.socket.settimeout(left)
            try:
                if self.message() == "update" and request and not condition():
                    self.request()
            except TimeoutError:
                return False
        return True

    def put(self, x, y, w, h, pixels):
        for row in range(h):
            at = ((y + row) * self.width + x) * 4
            self.picture[at:at + w * 4] = pixels[row * w * 4:(row + 1) * w * 4]

    def resize(self, w, h):
        if (w, h) != (self.width, self.height):
            self.width, self.height = w, h
            self.picture = bytearray(w * h * 4)

    def rect(self):
        x, y, w, h, encoding = self.u("HHHHi")
        self.rects.append((encoding, x, y, w, h))
        if encoding == RAW:
            self.put(x, y, w, h, self.read(w * h * 4))
        elif encoding == COPYRECT:
            fx, fy = self.u("HH")
            assert max(x, fx) + w <= self.width and max(y, fy) + h <= self.height
            rows = [bytes(self.picture[((fy + r) * self.width + fx) * 4:][:w * 4]) for r in range(h)]
            self.put(x, y, w, h, b"".join(rows))
        elif encoding == TIGHT:
            self.put(x, y, w, h, self.tight_body(w, h))
        elif encoding == H264:
            length, flags = self.u("II")
            self.films.append((flags, x, y, w, h, self.read(length)))
            self.put(x, y, w, h, UNKNOWN * (w * h))
        elif encoding == ZLIB:
            self.put(x, y, w, h, self.zlib.decompress(self.read(self.u("I"))))
        elif encoding == ZRLE:
            self.put_zrle(x, y, w, h, self.zrle.decompress(self.read(self.u("I"))))
        elif encoding == HEXTILE:
            self.put_hextile(x, y, w, h)
        elif encoding == DESKTOP_SIZE:
            self.resize(w, h)
        elif encoding == EXT_DESKTOP_SIZE:
            count = self.u("B")
            self.read(3)
            screens = [self.u("IHHHHI") for _ in range(count)]
            self.sizes.append((x, y, w, h, screens))
            self.resize(w, h)
        elif encoding == CURSOR:
            self.cursor_hot = (x, y, w, h)
            self.cursor = (self.read(w * h * 4), self.read((w + 7) // 8 * h))
        elif encoding == XCURSOR:
            self.cursor_hot = (x, y, w, h)
            self.cursor = self.read(6 + (w + 7) // 8 * h * 2) if w * h else b""
        elif encoding == CURSOR_ALPHA:
            assert self.u("i") == RAW
            self.cursor_hot = (x, y, w, h)
            self.cursor = self.read(w * h * 4)
        elif encoding == NAME:
            self.name = self.read(self.u("I"))
        elif encoding == LEDS:
            self.leds = self.u("B")
        elif encoding == MOTION:
            self.absolute = x
        elif encoding == AUDIO:
            self.can_sound = True
        elif encoding == EXT_KEY:
            self.extended_keys = True
        else:
            raise AssertionError("encoding %d" % encoding)

    def compact(self):
        length = shift = 0
        while True:
            byte = self.u("B")
            length |= (byte if shift == 14 else byte & 127) << shift
            shift += 7
            if byte < 128 or shift > 14:
                return length

    def answer_fences(self):
        while self.fences:
            flags, payload = self.fences.pop(0)
            if flags >> 31:
                self.send(struct.pack(">BxxxIB", 248, flags & 7, len(payload)) + payload)

    def tight_body(self, w, h):
        control = self.u("B")
        for stream in range(4):
            if control >> stream & 1:
                self.tight[stream] = None
        form = control >> 4
        if form == 8:
            r, g, b = self.read(3)
            return bytes((b, g, r, 0)) * (w * h)
        if form == 9:  # JPEG is not decoded here: such pixels are never right
            self.read(self.compact())
            return UNKNOWN * (w * h)
        assert form < 8, "control byte %#x" % control
        which = self.u("B") if form & 4 else 0
        self.filters.add(which)
        if which == 1:
            count = self.u("B") + 1
            palette = [bytes((c[2], c[1], c[0], 0)) for c in (self.read(3) for _ in range(count))]
            row = (w + 7) // 8 if count == 2 else w
        else:
            row = w * 3
        size = row * h
        if size < 12:
            data = self.read(size)
        else:
            length = self.compact()
            if self.tight[form & 3] is None:
                self.tight[form & 3] = zlib.decompressobj()
            data = self.tight[form & 3].decompress(self.read(length))
            assert len(data) == size, (len(data), size)
        out = bytearray(w * h * 4)
        if which == 1 and count == 2:
            return b"".join(palette[data[y * row + x // 8] >> (7 - x % 8) & 1] for y in range(h) for x in range(w))
        if which == 1:
            return b"".join(palette[i] for i in data)
        if which == 2:  # gradient: left + above - both, within a byte
            rows = bytearray(data)
            for y in range(h):
                for i in range(row):
                    left = rows[y * row + i - 3] if i >= 3 else 0
                    above = rows[(y - 1) * row + i] if y else 0
                    both = rows[(y - 1) * row + i - 3] if y and i >= 3 else 0
                    guess = min(max(left + above - both, 0), 255)
                    rows[y * row + i] = (rows[y * row + i] + guess) & 255
            data = bytes(rows)
        out[0::4], out[1::4], out[2::4] = data[2::3], data[1::3], data[0::3]
        return out

    def put_hextile(self, x, y, w, h):
        background = foreground = b"\0\0\0\0"
        for ty in range(0, h, 16):
            for tx in range(0, w, 16):
                tw, th = min(16, w - tx), min(16, h - ty)
                mask = self.u("B")
                if mask & 1:
                    self.put(x + tx, y + ty, tw, th, self.read(tw * th * 4))
                    continue
                if mask & 2:
                    background = self.read(4)
                if mask & 4:
                    foreground = self.read(4)
                tile = bytearray(background * (tw * th))
                for _ in range(self.u("B") if mask & 8 else 0):
                    colour = self.read(4) if mask & 16 else foreground
                    a, b = self.u("BB")
                    sx, sy, sw, sh = a >> 4, a & 15, (b >> 4) + 1, (b & 15) + 1
                    assert sx + sw <= tw and sy + sh <= th
                    for row in range(sy, sy + sh):
                        tile[(row * tw + sx) * 4:(row * tw + sx + sw) * 4] = colour * sw
                self.put(x + tx, y + ty, tw, th, tile)

    def put_zrle(self, x, y, w, h, data):
        at = 0

        def take(n):
            nonlocal at
            at += n
            assert at <= len(data)
            return data[at - n:at]

        def run():
            total = 1
            while True:
                more = take(1)[0]
                total += more
                if more != 255:
                    return total
        for ty in range(0, h, 64):
            for tx in range(0, w, 64):
                tw, th = min(64, w - tx), min(64, h - ty)
                form = take(1)[0]
                colours = form & 127 if form != 128 else 0
                palette = [take(3) + b"\0" for _ in range(colours)]
                tile = bytearray()
                if form == 1:
                    tile += palette[0] * (tw * th)
                elif form == 0:
                    for _ in range(tw * th):
                        tile += take(3) + b"\0"
                elif form < 128:
                    bits = 1 if colours == 2 else 2 if colours <= 4 else 4
                    for _ in range(th):
                        line = take((tw * bits + 7) // 8)
                        for px in range(tw):
                            shift = 8 - bits - px * bits % 8
                            tile += palette[line[px * bits // 8] >> shift & ((1 << bits) - 1)]
                else:
                    while len(tile) < tw * th * 4:
                        if form == 128:
                            colour = take(3) + b"\0"
                            tile += colour * run()
                        else:
                            index = take(1)[0]
                            tile += palette[index & 127] * (run() if index & 128 else 1)
                assert len(tile) == tw * th * 4
                self.put(x + tx, y + ty, tw, th, tile)
        assert at == len(data)
