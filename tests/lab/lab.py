"""What the scenarios of the lab share; runs in the outer machine."""
import array, base64, json, os, shutil, socket, struct, subprocess, sys, threading, time, zlib

START = time.monotonic()
OUT = "/lab/out"
count = failed = 0


def note(*words):
    print("# [%5.0f] %s" % (time.monotonic() - START, " ".join(map(str, words))), flush=True)


def ok(good, text):
    global count, failed
    count += 1
    failed += not good
    print("%sok %d - %s" % ("" if good else "not ", count, text), flush=True)
    return good


class Stop(Exception):
    """What comes next makes no sense; says what is known."""


def done():
    print("1..%d" % count, flush=True)
    sys.exit(1 if failed else 0)


def local(name):
    """A file of the share, copied: mapped over the share it would come page by page."""
    path = "/tmp/" + os.path.basename(name)
    if not os.path.exists(path):
        shutil.copy("/image/vmlinuz" if name == "image-vmlinuz" else "/lab/" + name, path)
    return path


def until(check, seconds, every=0.5):
    """The first true value of check(), or None."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            value = check()
        except (OSError, EOFError, LookupError, ValueError):
            value = None
        if value:
            return value
        time.sleep(every)
    return None


class Lines:
    """A socket that carries one JSON object a line."""

    def __init__(self, path, seconds=60):
        self.socket = None
        self.buffer = b""

        def connect():
            attempt = socket.socket(socket.AF_UNIX)
            attempt.connect(path)
            self.socket = attempt
            return True
        if not until(connect, seconds, 0.1):
            raise OSError("nobody listens on " + path)

    def read(self, seconds=60):
        self.socket.settimeout(seconds)
        while b"\n" not in self.buffer:
            more = self.socket.recv(1 << 20)
            if not more:
                raise EOFError
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def send(self, message, fd=None):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))] if fd is not None else []
        self.socket.sendmsg([json.dumps(message).encode() + b"\n"], rights)


class Qmp(Lines):
    def __init__(self, path, seconds=60):
        super().__init__(path, seconds)
        self.events = []
        self.read(300)
        self.ask("qmp_capabilities")

    def ask(self, execute, /, fd=None, **arguments):
        self.send({"execute": execute, "arguments": arguments} if arguments else {"execute": execute}, fd)
        while True:
            message = self.read()
            if "event" not in message:
                return message
            self.events.append(message)

    def wait(self, event, seconds):
        end = time.monotonic() + seconds
        while True:
            for message in self.events:
                if message["event"] == event:
                    self.events.remove(message)
                    return message
            self.events.append(self.read(max(0.1, end - time.monotonic())))


class Agent(Lines):
    """The guest's agent; a new connection for every attempt until it speaks."""

    @staticmethod
    def reach(path, seconds):
        def attempt():
            agent = Agent(path, 5)
            agent.send({"execute": "guest-sync", "arguments": {"id": 7}})
            return agent if agent.read(10).get("return") == 7 else None
        return until(attempt, seconds, 2)

    def ask(self, execute, /, **arguments):
        self.send({"execute": execute, "arguments": arguments} if arguments else {"execute": execute})
        return self.read(60)["return"]

    def sh(self, line, seconds=60):
        """Output of a shell line in the guest."""
        pid = self.ask("guest-exec", path="/bin/sh", arg=["-c", line], **{"capture-output": True})["pid"]
        status = until(lambda: (lambda s: s if s["exited"] else None)(self.ask("guest-exec-status", pid=pid)), seconds)
        return base64.b64decode(status.get("out-data", "")).decode() if status else None


class Oriel:
    """A server on this machine, used through its command line."""

    def __init__(self):
        self.root = "/root/oriel"
        os.makedirs(self.root + "/lib/images/debian-lite", mode=0o700)
        os.symlink("/image", self.root + "/lib/images/debian-lite/1")
        self.server = subprocess.Popen(
            ["/lab/build/bin/orield", "--root", self.root, "--https-port", "0", "--rfb-port", "0"],
            stdin=subprocess.DEVNULL, stdout=open(OUT + "/orield.log", "w"), stderr=subprocess.STDOUT)
        if not ok(until(lambda: json.loads(self.run("status", "--json", check=False) or "{}").get("hosts"), 180, 1),
                  "the server starts"):
            raise Stop(self.log())

    def run(self, *words, check=True, stdin=None, seconds=240):
        ended = subprocess.run(["/lab/build/bin/oriel", "--root", self.root, *words], input=stdin, timeout=seconds,
                               stdin=subprocess.DEVNULL if stdin is None else None, capture_output=True, text=True)
        if check and ended.returncode:
            raise Stop("oriel", words, ended.stdout, ended.stderr, self.log())
        return ended.stdout

    def json(self, *words):
        return json.loads(self.run(*words, "--json", check=words[0] != "doctor"))

    def log(self):
        with open(OUT + "/orield.log") as file:
            return file.read()[-3000:]

    def close(self):
        self.server.terminate()
        self.server.wait(30)


class Display:
    """The control socket of a desktop's oriel-display."""

    def __init__(self, path):
        self.control = Lines(path)
        self.id = 0

    def ask(self, op, **members):
        self.id += 1
        self.control.send(dict(members, op=op, id=self.id))
        while True:
            message = self.control.read()
            if message.get("id") == self.id:
                return message

    def sizes(self):
        return [(h["width"], h["height"]) for h in self.ask("status")["heads"]]

    def picture(self, name=None, head=0):
        png = base64.b64decode(self.ask("picture", width=0, head=head)["png"])
        if name:
            with open("%s/%s.png" % (OUT, name), "wb") as file:
                file.write(png)
        return Picture(png)


class Picture:
    """Just enough of PNG: 8-bit RGB or RGBA, not interlaced."""

    def __init__(self, png):
        at, data = 8, b""
        while at < len(png):
            length, kind = struct.unpack(">I4s", png[at:at + 8])
            body = png[at + 8:at + 8 + length]
            if kind == b"IHDR":
                self.width, self.height, depth, colour = struct.unpack(">IIBB", body[:10])
                assert depth == 8 and colour in (2, 6)
                self.bytes = 3 if colour == 2 else 4
            elif kind == b"IDAT":
                data += body
            at += 12 + length
        raw, stride = zlib.decompress(data), self.width * self.bytes
        self.rows, above = [], bytearray(stride)
        for y in range(self.height):
            filter_, row = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
            n = self.bytes
            if filter_ == 1:
                for i in range(n, stride):
                    row[i] = row[i] + row[i - n] & 255
            elif filter_ == 2:
                for i in range(stride):
                    row[i] = row[i] + above[i] & 255
            elif filter_ == 3:
                for i in range(stride):
                    row[i] = row[i] + ((row[i - n] if i >= n else 0) + above[i] >> 1) & 255
            elif filter_ == 4:
                for i in range(stride):
                    a, b, c = (row[i - n] if i >= n else 0), above[i], (above[i - n] if i >= n else 0)
                    p, q, r = abs(b - c), abs(a - c), abs(a + b - 2 * c)
                    row[i] = row[i] + (a if p <= q and p <= r else b if q <= r else c) & 255
            self.rows.append(row)
            above = row

    def samples(self):
        """Colours on a grid of every eighth pixel."""
        return [bytes(row[x * self.bytes:x * self.bytes + 3]) for row in self.rows[::8]
                for x in range(0, self.width, 8)]

    def differs(self, other):
        """Share of the grid that is not alike, 1.0 for another size."""
        a, b = self.samples(), other.samples()
        return 1.0 if len(a) != len(b) else sum(x != y for x, y in zip(a, b)) / len(a)


class Rfb:
    """A viewer that types and asks for other sizes, and never looks."""

    def __init__(self, path="/tmp/rfb.sock"):
        self.told = b""
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        assert self.take(12).startswith(b"RFB 003.008")
        self.socket.sendall(b"RFB 003.008\n")
        assert 1 in self.take(self.take(1)[0])
        self.socket.sendall(b"\1")
        assert self.take(4) == bytes(4)
        self.socket.sendall(b"\1")
        self.width, self.height = struct.unpack(">HH", self.take(4))
        self.take(16)
        self.take(struct.unpack(">I", self.take(4))[0])
        self.socket.sendall(struct.pack(">BxHiii", 2, 3, 0, -308, -223))
        self.socket.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, 16, 16))
        threading.Thread(target=self.drain, daemon=True).start()

    def take(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def drain(self):
        """Reads what is sent, and keeps its end for a report."""
        self.socket.settimeout(None)
        try:
            while data := self.socket.recv(1 << 16):
                self.told = (self.told + data)[-200:]
        except OSError:
            pass

    def key(self, keysym, down):
        self.socket.sendall(struct.pack(">BBxxI", 4, down, keysym))

    def press(self, *keysyms):
        for keysym in keysyms:
            self.key(keysym, True)
        for keysym in reversed(keysyms):
            self.key(keysym, False)
        time.sleep(0.05)

    def type(self, text):
        for letter in text:
            if letter.isupper() or letter in '!"#$%&*()_+{}|:<>?~^@':
                self.press(0xffe1, ord(letter))
            else:
                self.press(ord(letter))

    def move(self, x, y, buttons=0):
        self.socket.sendall(struct.pack(">BBHH", 5, buttons, x, y))

    def resize(self, *screens):
        """screens: (width, height) side by side"""
        self.socket.sendall(struct.pack(">BxHHBx", 251, sum(w for w, _ in screens),
                                        max(h for _, h in screens), len(screens)))
        x = 0
        for i, (width, height) in enumerate(screens):
            self.socket.sendall(struct.pack(">IHHHHI", i, x, 0, width, height, 0))
            x += width
