"""A small world for the client: an X server, a gateway, a desktop's display.

The gateway speaks the API subset, tickets and tunnel of docs/api.md and
docs/tunnel.md; behind the tunnel a tiny RFB server paints what a test wants
and keeps what the client sent. Everything runs in the test's own process, so
that a test can look inside and misbehave at any point. Python's standard
library only; openssl makes the certificates.
"""

import base64
import hashlib
import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
CLIENT = os.path.join(BUILD, "bin", "oriel-client")


def wait_for(what, condition, seconds=int(os.environ.get("PATIENCE", 90))):
    """Waits until condition() is true and returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %g s in vain for %s" % (seconds, what))
        time.sleep(0.02)


# --- TAP ---------------------------------------------------------------------

class Tap:
    """Runs functions as test points; keeps going after a failure."""

    def __init__(self):
        self.points = []

    def __call__(self, sentence):
        def add(function):
            self.points.append((sentence, function))
            return function
        return add

    def run(self, *arguments):
        only = os.environ.get("CASE")
        points = [p for p in self.points if not only or only in p[0]]
        print("1..%d" % len(points), flush=True)
        failed = 0
        for number, (sentence, function) in enumerate(points, 1):
            begun = time.monotonic()
            try:
                function(*arguments)
                print("ok %d - %s" % (number, sentence), flush=True)
                print("# %.1f s" % (time.monotonic() - begun), flush=True)
            except Exception as error:
                import traceback
                traceback.print_exc(file=sys.stdout)
                print("not ok %d - %s" % (number, sentence), flush=True)
                failed += 1
        return 1 if failed else 0


# --- certificates ------------------------------------------------------------

def make_certificate(folder, name="gateway"):
    key, crt = os.path.join(folder, name + ".key"), os.path.join(folder, name + ".crt")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "30", "-subj", "/CN=oriel test", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", key, "-out", crt], check=True, stderr=subprocess.DEVNULL)
    with open(crt) as file:
        der = ssl.PEM_cert_to_DER_cert(file.read())
    digest = hashlib.sha256(der).hexdigest().upper()
    return crt, key, "SHA256:" + ":".join(digest[i:i + 2] for i in range(0, 64, 2))


# --- the display -------------------------------------------------------------

class Display:
    """A screen served over RFB 3.8: raw pixels, and what the client sends is kept."""

    def __init__(self, width=800, height=600):
        self.width, self.height = width, height
        self.colour = 0x305080
        self.content = None   # its pixels (BGRX) by width and height, instead of one colour
        self.lock = threading.RLock()
        self.viewers = []
        self.keys = []        # (qnum, keysym, down), in order
        self.pointer = []     # (x, y, mask)
        self.sizes = []       # asked for
        self.clipboard = []   # ("caps"|"notify"|"request"|"provide", text)
        self.encodings = []
        self.follow = True    # obeys SetDesktopSize
        self.text = None      # ours, for the client
        self.qemu = True
        self.leds = None

    def viewer(self):
        return self.viewers[-1] if self.viewers else None

    def paint(self, colour):
        with self.lock:
            self.colour = colour
            for viewer in self.viewers:
                viewer.dirty = True
                viewer.flush()

    def resize(self, width, height, reason=0, status=0):
        with self.lock:
            if not status:
                self.width, self.height = width, height
            for viewer in self.viewers:
                viewer.sized = (reason, status)
                viewer.dirty = not status
                viewer.flush()


class Viewer:
    """One client's connection to a display, after the tunnel was opened."""

    def __init__(self, display, sock):
        self.display, self.sock = display, sock
        self.requested = self.full = self.dirty = False
        self.sized = None
        self.sent_extras = False
        self.queue = []
        self.bytes_in = 0

    def read(self, count):
        data = b""
        while len(data) < count:
            part = self.sock.recv(count - len(data))
            if not part:
                raise ConnectionError("the client went away")
            data += part
        self.bytes_in += count
        return data

    def send(self, data):
        with self.display.lock:
            self.sock.sendall(data)

    def send_rects(self, rects):
        self.send(struct.pack(">BxH", 0, len(rects)) + b"".join(rects))

    def pixels(self):
        d = self.display
        data = d.content(d.width, d.height) if d.content else struct.pack("<I", d.colour) * d.width * d.height
        return struct.pack(">HHHHi", 0, 0, d.width, d.height, 0) + data

    def size_rect(self, reason, status):
        d = self.display
        return struct.pack(">HHHHiBxxxIHHHHI", reason, status, d.width, d.height, -308, 1, 0, 0, 0,
                           d.width, d.height, 0)

    def flush(self):
        """Sends what is due, if the client asked for an update."""
        d = self.display
        with d.lock:
            if not self.requested:
                return
            rects = []
            if self.sized and -308 in d.encodings:
                rects.append(self.size_rect(*self.sized))
                self.sized = None
            if not self.sent_extras and d.encodings:
                self.sent_extras = True
                if -258 in d.encodings and d.qemu:
                    rects.append(struct.pack(">HHHHi", 0, 0, 0, 0, -258))
                if -308 in d.encodings:
                    rects.append(self.size_rect(0, 0))
                if -261 in d.encodings and d.leds is not None:
                    rects.append(struct.pack(">HHHHiB", 0, 0, 0, 0, -261, d.leds))
                if -314 in d.encodings:
                    rects.append(struct.pack(">HHHHiI", 4, 4, 16, 16, -314, 0) +
                                 b"\x80\x00\x00\x80" * 256)
            if self.full or self.dirty:
                rects.append(self.pixels())
                self.full = self.dirty = False
            if rects:
                self.requested = False
                self.send_rects(rects)

    def serve(self):
        d = self.display
        self.send(b"RFB 003.008\n")
        assert self.read(12) == b"RFB 003.008\n"
        self.send(b"\x01\x01")
        assert self.read(1) == b"\x01"
        self.send(b"\0\0\0\0")
        self.read(1)
        name = b"test"
        self.send(struct.pack(">HH", d.width, d.height) +
                  struct.pack(">BBBBHHHBBBxxx", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0) +
                  struct.pack(">I", len(name)) + name)
        with d.lock:
            d.viewers.append(self)
        try:
            while True:
                self.message(self.read(1)[0])
        finally:
            with d.lock:
                d.viewers.remove(self)

    def message(self, kind):
        d = self.display
        if kind == 0:
            self.read(19)
        elif kind == 2:
            (count,) = struct.unpack(">xH", self.read(3))
            d.encodings = list(struct.unpack(">%di" % count, self.read(4 * count)))
            if -1063131698 in d.encodings:  # extended clipboard
                self.cut(struct.pack(">I", 0x1f000001) + struct.pack(">I", 0))
        elif kind == 3:
            incremental = self.read(1)[0]
            self.read(8)
            with d.lock:
                self.requested = True
                self.full = self.full or not incremental
                self.flush()
        elif kind == 4:
            down, keysym = struct.unpack(">BxxI", self.read(7))
            d.keys.append((None, keysym, down))
        elif kind == 5:
            mask, x, y = struct.unpack(">BHH", self.read(5))
            d.pointer.append((x, y, mask))
        elif kind == 6:
            (length,) = struct.unpack(">xxxi", self.read(7))
            if length >= 0:
                d.clipboard.append(("plain", self.read(length).decode("latin-1")))
            else:
                self.extended_clipboard(self.read(-length))
        elif kind == 251:
            width, height, count = struct.unpack(">xHHBx", self.read(7))
            self.read(16 * count)
            d.sizes.append((width, height))
            if d.follow:
                d.resize(width, height, reason=1)
            else:
                d.resize(d.width, d.height, reason=1, status=1)
        elif kind == 255:
            sub, down, keysym, qnum = struct.unpack(">BHII", self.read(11))
            assert sub == 0
            d.keys.append((qnum, keysym, down))
        elif kind == 248:
            (length,) = struct.unpack(">xxxxxxxB", self.read(8))
            self.read(length)
        else:
            raise AssertionError("message %d from the client" % kind)

    def cut(self, payload):
        self.send(struct.pack(">Bxxxi", 3, -len(payload)) + payload)

    def extended_clipboard(self, payload):
        d = self.display
        (flags,) = struct.unpack(">I", payload[:4])
        if flags & 1 << 24:
            d.clipboard.append(("caps", None))
        elif flags & 1 << 25:
            d.clipboard.append(("request", None))
            raw = (d.text or "").replace("\n", "\r\n").encode() + b"\0"
            self.cut(struct.pack(">I", 1 << 28 | 1) + zlib.compress(struct.pack(">I", len(raw)) + raw))
        elif flags & 1 << 27:
            d.clipboard.append(("notify", None))
        elif flags & 1 << 28:
            raw = zlib.decompress(payload[4:])
            (size,) = struct.unpack(">I", raw[:4])
            text = raw[4:4 + size].rstrip(b"\0").decode().replace("\r\n", "\n")
            d.clipboard.append(("provide", text))

    def offer_text(self, text):
        self.display.text = text
        self.cut(struct.pack(">I", 1 << 27 | 1))

    def want_text(self):
        self.cut(struct.pack(">I", 1 << 25 | 1))


# --- the gateway -------------------------------------------------------------

class Refusal(Exception):
    def __init__(self, status, code, cause, remedy, headers=()):
        super().__init__(cause)
        self.status, self.headers = status, headers
        self.body = {"error": {"code": code, "cause": cause, "remedy": remedy}}


class Gateway:
    def __init__(self, folder, certificate=None):
        self.folder = folder
        self.certificate = certificate or make_certificate(folder)
        self.users = {"ada": "lovelace"}
        self.codes = {}        # user -> code asked for besides the password
        self.tokens = set()
        self.tickets = {}      # ticket -> desktop id
        self.sessions = {}     # secret -> desktop id
        self.desktops = []
        self.displays = {}
        self.sign_ins = 0
        self.windows = {}      # desktop id -> socket of its windows' stream
        self.spice = {}        # desktop id -> socket (or port) of its display for SPICE
        self.rfb = {}          # desktop id -> socket of its display for RFB, instead of the one here
        self.changed = threading.Condition()
        self.notes = {}        # desktop id -> what GET .../notes says; see note()
        self.images = {}       # name -> state
        self.answers = []      # "METHOD verb", body of what was answered there
        self.requests = []     # "METHOD path"
        self.provider = None   # what the sign-in provider is called
        self.policy = None     # of every ticket
        self.refuse = {}       # "METHOD /path" -> Refusal
        self.slow = {}         # "METHOD /path" -> seconds
        self.tunnel_hook = None
        self.start_seconds = 0.0
        self.garbage = False
        self.connections = set()
        self.port = 0
        self.open()

    @property
    def fingerprint(self):
        return self.certificate[2]

    @property
    def url(self):
        return "https://127.0.0.1:%d" % self.port

    def open(self):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*self.certificate[:2])
        self.context.set_alpn_protocols(["http/1.1"])
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def close(self):
        """The server is gone; every connection is cut."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.cut()

    def cut(self):
        for sock in list(self.connections):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.connection, args=(sock,), daemon=True).start()

    def connection(self, raw):
        if self.garbage:
            raw.sendall(b"\x99garbage, not TLS\r\n" * 100)
            raw.close()
            return
        self.connections.add(raw)
        sock = raw
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock = self.context.wrap_socket(raw, server_side=True)
            self.connections.discard(raw)
            self.connections.add(sock)
            reader = sock.makefile("rb")
            while self.request(sock, reader):
                pass
        except (OSError, ValueError, ConnectionError):
            pass
        finally:
            self.connections.discard(raw)
            self.connections.discard(sock)
            try:
                sock.close()
            except OSError:
                pass

    def request(self, sock, reader):
        line = reader.readline().decode("latin-1").strip()
        if not line:
            return False
        method, path, _ = line.split(" ")
        headers = {}
        while True:
            header = reader.readline().decode("latin-1").strip()
            if not header:
                break
            name, value = header.split(":", 1)
            headers[name.lower()] = value.strip()
        body = reader.read(int(headers.get("content-length", 0)))
        self.requests.append("%s %s" % (method, path))
        if path.startswith("/tunnel/v1/"):
            self.tunnel(sock, path, headers)
            return False
        key = "%s %s" % (method, path.split("?")[0])
        time.sleep(self.slow.get(key, 0))
        try:
            if key in self.refuse:
                raise self.refuse[key]
            status, answer = self.api(method, path, headers, json.loads(body) if body else {})
            extra = ()
        except Refusal as refusal:
            status, answer, extra = refusal.status, refusal.body, refusal.headers
        self.reply(sock, status, answer, extra)
        return True

    def reply(self, sock, status, answer, extra=()):
        kind = "application/json"
        if isinstance(answer, bytes):
            kind, data = "image/png", answer
        else:
            data = json.dumps(answer).encode() if answer is not None else b""
        head = "HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %d\r\n" % (status, kind, len(data))
        head += "".join("%s: %s\r\n" % pair for pair in extra) + "\r\n"
        sock.sendall(head.encode() + data)

    # desktops

    def add_desktop(self, pool, name=None, state="running", display=None, **more):
        number = len(self.desktops) + 1
        desktop = {"id": "d%d" % number if state != "none" else None, "name": name or pool, "pool": pool,
                   "user": "ada", "state": state, "stage": None, "fraction": 0, "since": 1000 + number,
                   "error": None, "viewers": 0, "image": "debian-lite", "version": "1", "serial": 1}
        desktop.update(more)
        self.desktops.append(desktop)
        self.displays[desktop["id"] or "d%d" % number] = display or Display()
        return desktop

    def update(self, desktop, **fields):
        with self.changed:
            desktop.update(fields)
            desktop["serial"] += 1
            self.changed.notify_all()

    def note(self, identity, **fields):
        """What somebody at that desktop is to know from now on."""
        with self.changed:
            notes = self.notes.setdefault(identity, {"message": None, "recording": None, "shadow": None, "serial": 0})
            notes.update(fields, serial=notes["serial"] + 1)
            self.changed.notify_all()

    def start(self, desktop):
        if desktop["state"] in ("starting", "running"):
            return
        if not desktop["id"]:
            desktop["id"] = "d%d" % (self.desktops.index(desktop) + 1)
        self.update(desktop, state="starting", stage="Cloning the template", fraction=0.1, error=None)

        def run():
            for step in range(1, 6):
                time.sleep(self.start_seconds / 5)
                if desktop["state"] != "starting":
                    return
                self.update(desktop, fraction=step / 5, stage="Waiting for the desktop")
            self.update(desktop, state="running", stage=None, since=int(time.time() * 1000))
        if self.start_seconds:
            threading.Thread(target=run, daemon=True).start()
        else:
            self.update(desktop, state="running", stage=None, since=int(time.time() * 1000))

    def stop(self, desktop, state="off", **more):
        self.update(desktop, state=state, stage=None, fraction=0, **more)
        self.sessions = {s: d for s, d in self.sessions.items() if d != desktop["id"]}
        display = self.displays[desktop["id"]]
        for viewer in list(display.viewers):
            try:
                viewer.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def api(self, method, path, headers, body):
        path, _, query = path.partition("?")
        assert path.startswith("/api/v1")
        path = path[len("/api/v1"):]
        if (method, path) == ("POST", "/sessions"):
            if self.users.get(body.get("user")) != body.get("password"):
                raise Refusal(401, "denied", "User name or password is wrong", "Check both, and Caps Lock.")
            if code := self.codes.get(body["user"]):
                if not body.get("code"):
                    refusal = Refusal(401, "denied", "A code is needed as well.", "Give the code.")
                    refusal.body["error"]["needs"] = "code"
                    raise refusal
                if body["code"] != code:
                    raise Refusal(401, "denied", "User name or password is wrong", "Check both, and Caps Lock.")
            token = "tok%032x" % random.getrandbits(128)
            self.tokens.add(token)
            self.sign_ins += 1
            return 201, {"token": token, "user": body["user"], "role": "user", "expires": 9999999999}
        if (method, path) == ("GET", "/oidc"):
            return 200, {"label": self.provider}
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            raise Refusal(401, "denied", "The sign-in is no longer valid", "Sign in again.")
        if (method, path) == ("DELETE", "/sessions/current"):
            self.tokens.discard(token)
            return 204, None
        if (method, path) == ("GET", "/desktops"):
            return 200, {"desktops": self.desktops}
        if match := re.fullmatch("/pools/([^/]+)/desktop", path):
            for desktop in self.desktops:
                if desktop["pool"] == match[1]:
                    self.start(desktop)
                    return 202, dict(desktop)
            raise Refusal(404, "not-found", "There is no pool '%s' for you" % match[1],
                          "Choose one from the list.")
        if method == "GET" and (match := re.fullmatch("/images/([^/]+)", path)):
            if match[1] not in self.images:
                raise Refusal(404, "not-found", "There is no such image", "Look at the list.")
            return 200, {"image": match[1], "state": self.images[match[1]]}
        match = re.fullmatch("/desktops/([^/]+)(?:/([a-z/]+))?", path)
        desktop = next((d for d in self.desktops if match and d["id"] == match[1]), None)
        if not desktop:
            raise Refusal(404, "not-found", "There is no such desktop", "Look at the list again.")
        verb = match[2]
        if method == "GET" and not verb:
            if wait := re.search(r"wait=(\d+)", query):
                with self.changed:
                    self.changed.wait_for(lambda: desktop["serial"] != int(wait[1]), 25)
            return 200, dict(desktop)
        if verb == "notes" and desktop["id"] in self.notes:
            notes = self.notes[desktop["id"]]
            if wait := re.search(r"wait=(\d+)", query):
                with self.changed:
                    self.changed.wait_for(lambda: notes["serial"] != int(wait[1]), 25)
            return 200, dict(notes)
        if verb in ("shadow", "shadow/answer"):
            self.answers.append((method + " " + verb, body))
            return 200, dict(desktop)
        if verb == "picture":
            return 200, self.picture(self.displays[desktop["id"]])
        if verb == "ticket":
            if desktop["state"] != "running":
                raise Refusal(409, "conflict", "The desktop is not running", "Start it.")
            ticket = "%032x" % random.getrandbits(128)
            self.tickets[ticket] = desktop["id"]
            protocols = ["rfb", "windows"] + ["spice"] * (desktop["id"] in self.spice)
            return 201, {"ticket": ticket, "expires_in": 60, "protocols": protocols, "policy": self.policy}
        if verb == "start":
            self.start(desktop)
        elif verb in ("shutdown", "off"):
            self.stop(desktop)
        elif verb == "reset":
            self.update(desktop, since=desktop["since"] + 1)
        elif verb == "disconnect":
            self.cut()
        else:
            raise Refusal(404, "not-found", "There is nothing here", "Look at docs/api.md.")
        return 202, dict(desktop)

    def picture(self, display):
        width, height = 320, 200
        rgb = struct.pack(">I", display.colour)[1:]
        rows = b"".join(b"\0" + bytes(min(255, c + (60 if (x // 40 + y // 40) % 2 else 0)) for x in range(width)
                                      for c in rgb) for y in range(height))

        def chunk(kind, data):
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
                chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))

    def tunnel(self, sock, path, headers):
        kind, _, secret = headers.get("authorization", "").partition(" ")
        if self.tunnel_hook and self.tunnel_hook(self, sock, kind, secret):
            return
        if kind == "Oriel-Ticket":
            identity = self.tickets.pop(secret, None)
        else:
            identity = self.sessions.get(secret)
        desktop = next((d for d in self.desktops if d["id"] == identity), None)
        if not desktop:
            refusal = Refusal(401, "denied", "The ticket is unknown, used or expired", "Ask for another one.")
            self.reply(sock, 401, refusal.body)
            return
        if desktop["state"] != "running":
            self.reply(sock, 409, Refusal(409, "conflict", "The desktop is not running", "Start it.").body)
            return
        answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: oriel-tunnel\r\n"
        if kind == "Oriel-Ticket":
            secret = "%064x" % random.getrandbits(256)
            self.sessions[secret] = identity
            answer += "Oriel-Session: %s\r\n" % secret
        sock.sendall(answer.encode() + b"\r\n")
        if path == "/tunnel/v1/windows":
            self.relay(sock, self.windows[identity])
        elif path == "/tunnel/v1/rfb" and identity in self.rfb:
            self.relay(sock, self.rfb[identity])
        elif path == "/tunnel/v1/spice":
            self.relay(sock, self.spice[identity])
        else:
            Viewer(self.displays[identity], sock).serve()

    def relay(self, sock, path):
        """Both ways between the client and a socket (unix path, or a port here), until either ends."""
        if isinstance(path, int):
            other = socket.create_connection(("127.0.0.1", path))
        else:
            other = socket.socket(socket.AF_UNIX)
            other.connect(path)
        self.connections.add(other)

        def pump(source, target):
            try:
                while data := source.recv(65536):
                    target.sendall(data)
            except (OSError, ValueError):
                pass
            for end in (source, target):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        threading.Thread(target=pump, args=(other, sock), daemon=True).start()
        pump(sock, other)
        self.connections.discard(other)
        other.close()


# --- screen and client -------------------------------------------------------

class Screen:
    """Xvfb with a window manager, and a person's hands: xdotool."""

    def __init__(self, size="1280x860"):
        self.folder = tempfile.mkdtemp(prefix="oriel-client-screen-")
        read, write = os.pipe()
        self.server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", size + "x24",
                                        "-nolisten", "tcp"], pass_fds=[write], stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as file:
            number = file.readline().strip()
        if not number:
            raise AssertionError("Xvfb did not start")
        self.env = dict(os.environ, DISPLAY=":" + number, NO_AT_BRIDGE="1", GDK_BACKEND="x11",
                        GTK_THEME=os.environ.get("GTK_THEME", "Adwaita"), LC_ALL="C.UTF-8",
                        GSETTINGS_BACKEND="memory",
                        # each client has a home of its own; looking through all of GStreamer's plugins
                        # takes it 2 s
                        GST_REGISTRY=os.path.join(BUILD, "gstreamer-registry.bin"),
                        DBUS_SESSION_BUS_ADDRESS="unix:path=/nonexistent")
        self.wm = None
        try:
            wait_for("the window manager", self.managed, 90)
        except AssertionError:
            self.close()
            raise

    def managed(self):
        """Starts the window manager, again if it ended, and tells whether it works."""
        if self.wm is None or self.wm.poll() is not None:
            self.wm = subprocess.Popen(["openbox"], env=self.env, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
        return "window id" in subprocess.run(["xprop", "-root", "_NET_SUPPORTING_WM_CHECK"], env=self.env,
                                             capture_output=True, text=True).stdout

    def close(self):
        for process in (self.wm, self.server):
            process.terminate()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def do(self, *words, check=True):
        return subprocess.run(["xdotool", *map(str, words)], env=self.env, check=check, capture_output=True,
                              text=True).stdout.strip()

    def shot(self, path):
        subprocess.run(["import", "-window", "root", path], env=self.env, check=True)

    def pixels(self, x, y, width, height):
        """Rows of (red, green, blue)."""
        data = subprocess.run(["import", "-window", "root", "-crop", "%dx%d+%d+%d" % (width, height, x, y), "-depth", "8",
                               "rgb:-"], env=self.env, check=True, capture_output=True).stdout
        return [[tuple(data[3 * (row * width + at):][:3]) for at in range(width)] for row in range(height)]

    def windows(self, title):
        return self.do("search", "--onlyvisible", "--name", title, check=False).split()

    def window(self, title, seconds=30):
        return wait_for("a window '%s'" % title, lambda: self.windows(title), seconds)[-1]

    def pixel(self, x, y):
        text = subprocess.run(["import", "-window", "root", "-crop", "1x1+%d+%d" % (x, y), "-depth", "8",
                               "txt:-"],
                              env=self.env, check=True, capture_output=True, text=True).stdout
        return int(re.search(r"#([0-9A-Fa-f]{6})", text)[1], 16)


class Client:
    """One oriel-client with a home of its own."""

    def __init__(self, screen, *arguments, home=None, password=None, command=(), env=None):
        self.screen = screen
        self.borne = None  # a complaint of GTK's about itself
        self.home = home or tempfile.mkdtemp(dir=screen.folder)
        self.log = tempfile.mkstemp(dir=self.home, suffix=".events")[1]
        env = dict(screen.env, **(env or {}), HOME=self.home, XDG_DATA_HOME=os.path.join(self.home, "data"),
                   XDG_CONFIG_HOME=os.path.join(self.home, "config"),
                   XDG_CACHE_HOME=os.path.join(self.home, "cache"))
        env.pop("XDG_RUNTIME_DIR", None)
        # an orderly end leaves what GTK and fontconfig keep for ever
        env.setdefault("ASAN_OPTIONS", "detect_leaks=0")
        arguments = list(arguments)
        if password is not None:
            path = os.path.join(self.home, "password")
            with open(path, "w") as file:
                file.write(password + "\n")
            arguments += ["--password-file", path]
        self.stderr = open(os.path.join(self.home, "stderr"), "ab")
        self.stdout = open(os.path.join(self.home, "stdout"), "ab")
        self.process = subprocess.Popen([CLIENT, *command, "--events", self.log, *arguments], env=env,
                                        stdout=self.stdout, stderr=self.stderr, stdin=subprocess.DEVNULL)

    def events(self, name=None):
        with open(self.log) as file:
            events = [json.loads(line) for line in file if line.endswith("\n")]
        return [e for e in events if name is None or e["event"] == name]

    def event(self, name, count=1, seconds=int(os.environ.get("PATIENCE", 90))):
        try:
            return wait_for("event '%s'" % name, lambda: len(self.events(name)) >= count and
                            self.events(name)[count - 1], seconds)
        except AssertionError as error:
            raise AssertionError("%s; came: %s; ended: %s; said: %s" % (
                error, [e["event"] for e in self.events()], self.process.poll(), self.said()))

    def said(self):
        with open(os.path.join(self.home, "stderr"), errors="replace") as file:
            return file.read()

    def alive(self):
        return self.process.poll() is None

    def close(self):
        """Ends it; it must not have crashed, nor have complained."""
        code = self.process.poll()
        if code is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        elif code < 0 and code != -signal.SIGTERM:
            raise AssertionError("the client died of signal %d: %s" % (-code, self.said()))
        complaints = [line for line in self.said().splitlines() if ("CRITICAL" in line or "ERROR" in line) and
                      not (self.borne and self.borne in line)]
        if complaints:
            raise AssertionError("the client complained: " + "\n".join(complaints[:5]))


class World:
    """A screen that all points of a test share, and what they started."""

    def __init__(self):
        self.screen = Screen()
        self.things = []

    def gateway(self, **more):
        gateway = Gateway(tempfile.mkdtemp(dir=self.screen.folder), **more)
        self.things.append(gateway)
        return gateway

    def client(self, *arguments, **more):
        client = Client(self.screen, *arguments, **more)
        self.things.append(client)
        return client

    def signed_in(self, gateway, *arguments, **more):
        return self.client(gateway.url, "--user", "ada", "--trust-fingerprint", gateway.fingerprint,
                           *arguments, password="lovelace", **more)

    def stop(self):
        """After a failure: nothing that comes up now matters."""
        while self.things:
            thing = self.things.pop()
            try:
                thing.close()
            except AssertionError as error:
                print("#", error)

    def clear(self):
        while self.things:
            self.things.pop().close()

    def close(self):
        self.clear()
        self.screen.close()


def main(tap):
    world = World()

    def cleanly(function):
        def run():
            try:
                function(world)
            except Exception:
                if os.environ.get("SHOTS"):  # a folder for pictures of failures
                    world.screen.shot(os.path.join(os.environ["SHOTS"], function.__name__ + ".png"))
                world.stop()
                raise
            world.clear()
        return run
    tap.points = [(sentence, cleanly(function)) for sentence, function in tap.points]
    try:
        return tap.run()
    finally:
        world.stop()
        world.close()
