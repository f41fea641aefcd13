"""What the agent's tests stand on: an X screen, the agent, an application and
the client's side.

World     Xvfb and build/bin/oriel-agent on a socket of their own
Peer      build/bin/seamless-peer, driven by lines; its events are kept in order
Toy       build/bin/x-toy, an X application driven by lines
"""
import json, os, queue, shutil, subprocess, sys, tempfile, threading, time

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from cases import SLOW, Tests, until

ROOT = os.environ.get("ORIEL_ROOT", os.path.dirname(os.path.abspath(__file__)) + "/../../..")
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
BIN = os.path.join(BUILD, "bin")

TOPLEVEL, POPUP, TOOLTIP, DND, TRAY = range(5)
MAXIMIZED, FULLSCREEN, MINIMIZED, ABOVE, BELOW, STICKY, SHADED, ACTIVATED = (1 << i for i in range(8))
MODAL, URGENT, UNDECORATED, SKIP_TASKBAR, SKIP_PAGER, NO_FOCUS, FIXED_SIZE, SHAPED = (1 << i for i in range(8))


class Lines:
    """A program that answers lines with lines."""

    def __init__(self, argv, env):
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env,
                                        text=True, bufsize=1, errors="replace")
        self.queue = queue.Queue()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.queue.put(line.rstrip("\n"))
        self.queue.put(None)

    def write(self, text, *args):
        self.process.stdin.write(text % args + "\n")
        self.process.stdin.flush()

    def end(self):
        for step in (self.process.stdin.close, self.process.terminate):
            try:
                step()
            except OSError:
                pass
        self.process.wait()


class Toy(Lines):
    def __init__(self, world):
        super().__init__([BIN + "/x-toy"], world.env)
        self.said = []

    def do(self, text, *args):
        """Carries one command out; returns the lines that came before its 'done'."""
        self.write(text, *args)
        return self.wait(lambda line: line in ("done", "unknown"))

    def wait(self, want, seconds=30):
        end = time.monotonic() + seconds * SLOW
        lines = []
        while True:
            line = self.queue.get(timeout=max(end - time.monotonic(), 0.01))
            assert line is not None, "the application ended"
            assert line != "unknown", "the application does not know what to do"
            lines.append(line)
            if line != "done":
                self.said.append(line)
            if want(line):
                return lines

    def hear(self, start, seconds=30):
        """The first line that begins so, heard already or yet to come."""
        for line in self.said:
            if line.startswith(start):
                return line
        return self.wait(lambda line: line.startswith(start), seconds)[-1]

    def where(self, name):
        self.said = []
        lines = self.do("where %s", name)
        return [int(v) for v in next(l for l in lines if l.startswith("at ")).split()[2:]]


class Peer(Lines):
    def __init__(self, world, quiet=False):
        super().__init__([BIN + "/seamless-peer", world.socket, world.display], world.env)
        self.events = []
        self.breaches = []
        self.mark = 0  # where() starts here
        self.serial = 0

    def pump(self, timeout=0):
        try:
            line = self.queue.get(timeout=timeout) if timeout else self.queue.get_nowait()
        except queue.Empty:
            return False
        assert line is not None, "the peer ended; the last: %r" % self.events[-3:]
        event = json.loads(line)
        self.events.append(event)
        if event["event"] == "breach":
            self.breaches.append(event)
        return True

    def do(self, text, *args):
        self.write(text, *args)

    def next(self, name, seconds=30, **fields):
        """The next event of this name with these values, from the mark on."""
        end = time.monotonic() + seconds * SLOW
        at = self.mark
        while True:
            while at < len(self.events):
                event = self.events[at]
                at += 1
                if event["event"] == name and all(event.get(k) == v for k, v in fields.items()):
                    self.mark = at
                    return event
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError("no %s %r; the last events: %r" % (name, fields, self.events[-8:]))
            self.pump(min(left, 1))

    def first(self, name, seconds=30, **fields):
        """As next(), from the very beginning."""
        self.mark = 0
        return self.next(name, seconds, **fields)

    def settle(self):
        """Everything the agent had to say by now is here."""
        self.ping = getattr(self, "ping", 0) + 1
        self.do("ping %d", self.ping)
        mark = self.mark
        self.next("pong", value=self.ping)
        self.mark = mark

    def forget(self):
        while self.pump():
            pass
        self.mark = len(self.events)

    def verify(self, seconds=30):
        """Atlas and pixmaps become equal for every window; else the last difference."""
        end = time.monotonic() + seconds * SLOW
        while True:
            self.forget()
            self.do("verify")
            event = self.next("verified")
            if event["wrong"] == 0 or time.monotonic() > end:
                return event
            time.sleep(0.05)

    def windows(self):
        self.forget()
        self.do("list")
        return {w["id"]: w for w in self.next("list")["windows"]}


class World:
    """An X screen with the agent; a context that ends all it began."""

    def __init__(self, size="2400x1800", agent=True, args=(), env=None):
        self.folder = tempfile.mkdtemp(prefix="oriel-agent-")
        self.socket = self.folder + "/agent"
        reader, writer = os.pipe()
        self.x = subprocess.Popen(["Xvfb", "-displayfd", str(writer), "-screen", "0", size + "x24", "-noreset",
                                   "-nolisten", "tcp"], pass_fds=[writer], stderr=subprocess.DEVNULL)
        os.close(writer)
        with os.fdopen(reader) as file:
            self.display = ":" + file.readline().strip()
        os.makedirs(self.folder + "/data/applications")
        self.env = dict(os.environ, DISPLAY=self.display, HOME=self.folder, XDG_DATA_HOME=self.folder + "/data",
                        XDG_CONFIG_HOME=self.folder + "/config", NO_AT_BRIDGE="1", GTK_A11Y="none",
                        XDG_RUNTIME_DIR=self.folder, LC_ALL="C.UTF-8", **(env or {}))
        # a test must not speak to the user's own session
        self.env.setdefault("DBUS_SESSION_BUS_ADDRESS", "unix:path=" + self.folder + "/no-bus")
        self.programs = []
        self.agent = None
        self.args = list(args)
        if agent:
            self.start_agent()

    def start_agent(self):
        self.log = open(self.folder + "/agent.log", "ab")
        self.agent = subprocess.Popen([BIN + "/oriel-agent", "--socket", self.socket, "--verbose", *self.args],
                                      env=self.env, stderr=self.log)
        assert until(lambda: os.path.exists(self.socket) or self.agent.poll() is not None)
        assert self.agent.poll() is None, self.agent_log()

    def stop_agent(self, kill=False):
        (self.agent.kill if kill else self.agent.terminate)()
        code = self.agent.wait()
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        return code

    def agent_log(self):
        with open(self.folder + "/agent.log", errors="replace") as file:
            return file.read()

    def memory_kib(self):
        with open("/proc/%d/status" % self.agent.pid) as file:
            return int(next(l for l in file if l.startswith("VmRSS")).split()[1])

    def peer(self):
        peer = Peer(self)
        self.programs.append(peer)
        peer.next("hello")
        return peer

    def toy(self):
        toy = Toy(self)
        self.programs.append(toy)
        return toy

    def run(self, *argv, env=None):
        process = subprocess.Popen(argv, env=dict(self.env, **(env or {})), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.programs.append(process)
        return process

    def xprop(self, *args):
        return subprocess.run(["xprop", *args], env=self.env, capture_output=True, text=True).stdout

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            for line in self.agent_log().split("\n")[-20:]:
                print("# " + line)
        for program in reversed(self.programs):
            if isinstance(program, Lines):
                program.end()
            else:
                program.kill()
                program.wait()
        if self.agent and self.agent.poll() is None:
            self.agent.terminate()
            self.agent.wait()
        self.x.terminate()
        self.x.wait()
        found = [l for l in self.agent_log().split("\n") if "Sanitizer" in l or "runtime error:" in l]
        if found:
            print("# " + self.agent_log().replace("\n", "\n# "))
        shutil.rmtree(self.folder, ignore_errors=True)
        assert not found, found[0]
