"""A guest played by hand behind the real display process, and a client.

Guest     oriel-display with a played machine (display1-player): paints the
          atlas, speaks on the port org.oriel.seamless.0
Client    the other end of --windows, spoken by hand
"""
import collections, importlib.util, json, os, shutil, socket, sys, tempfile, threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import seam  # noqa: E402

spec = importlib.util.spec_from_file_location("rfb_harness", os.path.join(HERE, "..", "rfb", "harness.py"))
base = importlib.util.module_from_spec(spec)
spec.loader.exec_module(base)

Tests, until = base.Tests, base.until


class Client:
    """Reads all the time and keeps what came, in order."""

    def __init__(self, path, hello=True, reads=True):
        self.sock = socket.socket(socket.AF_UNIX)
        until(lambda: os.path.exists(path))
        self.sock.connect(path)
        self.messages, self.pictures = [], collections.defaultdict(seam.Picture)
        self.ended, self.error, self.release = False, None, True
        self.bytes = self.serial = 0
        self.came = threading.Event()
        self.thread = threading.Thread(target=self.read, daemon=True)
        if reads:
            self.thread.start()
        if hello:
            self.say("HELLO", version=1, windows_max=512, pixels_max=1 << 26, name="test")

    def read(self):
        data = bytearray()
        try:
            while True:
                more = self.sock.recv(1 << 16)
                if not more:
                    break
                self.bytes += len(more)
                data += more
                while True:
                    message, used = seam.parse(data)
                    if not message:
                        break
                    del data[:used]
                    if message.type in ("PIXELS", "COMMIT"):
                        self.pictures[message.window].take(message)
                    if message.type == "COMMIT" and self.release:
                        self.say("RELEASE", message.window, frame=message.frame)
                    if message.type != "PIXELS":
                        self.messages.append(message)
                        self.came.set()
        except OSError:
            pass
        except Exception as error:
            self.error = error
        self.ended = True

    def raw(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            pass

    def say(self, type, window=0, /, **values):
        self.serial += 1
        self.raw(seam.write(type, window, self.serial, **values))
        return self.serial

    def of(self, name, window=None):
        return [m for m in list(self.messages) if m.type == name and window in (None, m.window)]

    def wait(self, name, window=None, count=1):
        found = until(lambda: len(self.of(name, window)) >= count and self.of(name, window))
        assert found, "no %s; there were %r %r" % (name, self.messages[-8:], self.error)
        return found[count - 1]

    def picture(self, window):
        return self.pictures[window].shown

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


class Guest:
    """The played machine with its display process; a context manager."""

    def __init__(self, width=800, height=600, screens=()):
        self.folder = tempfile.mkdtemp(prefix="oriel-windows-")
        self.path = os.path.join(self.folder, "windows.sock")
        self.head = len(screens)  # the atlas is the last one
        self.program = base.Program(*screens, "%dx%d" % (width, height), player_flags=("--port", "org.oriel.seamless.0"),
                                    flags=("--windows", "unix:" + self.path))
        self.width, self.height = width, height
        self.player = self.program.player
        self.heard, self.buffer, self.frames = [], bytearray(), collections.Counter()
        self.hellos = 0
        self.lock = threading.RLock()
        self.player.say("port-open 1")

    def policy(self, **members):
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(30)
            control.connect(self.program.control_path)
            control.sendall(json.dumps(dict(members, op="policy", id=1)).encode() + b"\n")
            for line in control.makefile("r"):
                answer = json.loads(line)
                if answer.get("id") == 1:
                    assert answer.get("ok"), answer
                    return

    def listen(self):
        """What the port brought since, as messages."""
        with self.lock:
            for event in self.player.quiet():
                if event.startswith("port ") and event != "port registered" and event != "port closed":
                    self.buffer += bytes.fromhex(event[5:])
            while True:
                message, used = seam.parse(self.buffer)
                if not message:
                    return self.heard
                del self.buffer[:used]
                self.heard.append(message)

    def hears(self, name, window=None, count=1):
        def found():
            return [m for m in self.listen() if m.type == name and window in (None, m.window)]
        until(lambda: len(found()) >= count)
        assert len(found()) >= count, "the guest did not hear %s; it heard %r" % (name, self.heard[-8:])
        return found()[count - 1]

    def raw(self, data):
        for at in range(0, len(data), 8192):
            assert self.player.say("port " + data[at:at + 8192].hex()) == "done"

    def say(self, type, window=0, /, **values):
        self.raw(seam.write(type, window, **values))

    def hello(self):
        """Answers the next HELLO and begins a sync."""
        self.hellos += 1
        self.hears("HELLO", count=self.hellos)
        self.say("HELLO", version=1, capabilities=1, windows_max=512, pixels_max=1 << 26, name="played")
        self.say("SYNC_BEGIN")

    def paint(self, x, y, w, h, kind="noise", seed=1):
        assert self.player.say("paint %d %s %d %d %d %d %d" % (self.head, kind, seed, x, y, w, h)) == "done"

    def stamp(self, window, x, y, generation, frame):
        assert self.player.say("pixels %d %d %d 4f5249 %x %x %x" % (self.head, x, y - 1, window, generation, frame)) == "done"

    def create(self, window, kind=seam.TOPLEVEL, parent=0, area=(10, 20, 100, 80), **props):
        self.say("WIN_CREATE", window, kind=kind, parent=parent, area=area)
        self.say("WIN_PROPS", window, **{"title": "window %d" % window, "app_id": "test", "opacity": 255, **props})

    def commit(self, window, x, y, w, h, generation=1, damage=None, stamp=True, frame=None, **values):
        self.frames[window] += 1
        frame = frame or self.frames[window]
        if stamp:
            self.stamp(window, x, y, generation, frame)
        self.say("COMMIT", window, generation=generation, frame=frame, width=w, height=h, scale=120, head=self.head,
                 atlas_x=x, atlas_y=y, damage=damage or [(0, 0, w, h)], **values)
        return frame

    def atlas(self, x, y, w, h):
        """What is painted there, as the wire has it."""
        data = self.player.picture(self.head)
        rows = [data[((y + r) * self.width + x) * 4:((y + r) * self.width + x + w) * 4] for r in range(h)]
        out = bytearray(b"".join(rows))
        out[3::4] = bytes(w * h)
        return bytes(out)

    def __enter__(self):
        self.program.__enter__()
        return self

    def __exit__(self, *why):
        try:
            return self.program.__exit__(*why)
        finally:
            shutil.rmtree(self.folder)
