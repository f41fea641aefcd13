"""Who serves the same recording: oriel-display, and its peers.

A contender is started with a recording, serves RFB on a port of loopback (or
of a namespace, through `inside`), and replays when told. cpu() is what its
server has used, in seconds, without what plays the recording where the two
can be told apart.
"""
import os, shutil, socket, subprocess, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
BIN = os.path.join(ROOT, os.environ.get("BUILD", "build"), "bin")
TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def seconds_in(path):
    with open(path) as file:
        head, rest = file.read().rsplit(")", 1)
    return head.split("(", 1)[1], sum(int(f) for f in rest.split()[11:13]) / TICK


def cpu_of(pid, without=()):
    """Seconds of a process and of threads it had, but those of these names."""
    total = seconds_in("/proc/%d/stat" % pid)[1]
    for task in os.listdir("/proc/%d/task" % pid) if without else ():
        name, seconds = seconds_in("/proc/%d/task/%s/stat" % (pid, task))
        if name in without:
            total -= seconds
    return total


class Contender:
    def __init__(self, recording, inside=(), address="127.0.0.1"):
        self.recording, self.inside, self.address = recording, list(inside), address
        self.folder = tempfile.mkdtemp(prefix="oriel-bench-")
        self.truth = os.path.join(self.folder, "truth")
        self.port = free_port()
        self.children, self.ticket = [], None

    def start(self, *command, inside=True, **more):
        child = subprocess.Popen([*(self.inside if inside else ()), *command], **more)
        self.children.append(child)
        return child

    def player(self, *command, **more):
        """A program that takes lines and answers them."""
        return self.start(*command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **more)

    def say(self, line):
        self.feeder.stdin.write(line + "\n")
        self.feeder.stdin.flush()
        self.wait(self.feeder, "done")

    def replay(self, whole=False):
        self.say("replay %s" % ("whole" if whole else "exact"))

    def wait(self, child, start):
        while True:
            line = child.stdout.readline()
            if not line:
                raise RuntimeError("%s ended with %s" % (child.args, child.wait()))
            if line.startswith("failed"):
                raise RuntimeError("%s: %s" % (child.args, line))
            if line.startswith(start):
                return line

    def rfb(self):
        return "%s:%d" % (self.address, self.port)

    def __enter__(self):
        return self

    def __exit__(self, *trouble):
        for child in reversed(self.children):
            child.terminate()
        for child in self.children:
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Ours(Contender):
    """Behind a machine that is played; a ticket where it is not on loopback."""
    name = "oriel"

    def __init__(self, recording, mapped=True, flags=(), **where):
        super().__init__(recording, **where)
        path = os.path.join(self.folder, "machine.sock")
        self.feeder = self.player(BIN + "/display1-player", path, "640x480", *(["--map"] if mapped else []), inside=False)
        self.wait(self.feeder, "listening")
        if self.inside:
            self.ticket = os.path.join(self.folder, "ticket")
            with open(os.open(self.ticket, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                file.write("benching\n")
        self.server = self.start(BIN + "/oriel-display", "--display1", "unix:" + path, "--rfb", self.rfb(),
                                 *(["--ticket-file", self.ticket] if self.inside else ["--no-auth"]), *flags,
                                 stderr=subprocess.DEVNULL)
        self.wait(self.feeder, "port registered")
        self.say("load 0 %s %s" % (recording, self.truth))

    def replay(self, whole=False):
        self.say("replay 0 0 %s" % ("whole" if whole else "exact"))

    def cpu(self):
        return cpu_of(self.server.pid)


class OursSpice(Ours):
    """The same display, watched over SPICE."""
    name = "oriel-spice"

    def __init__(self, recording, **where):
        port = free_port()
        super().__init__(recording, flags=("--spice", "%s:%d" % (where.get("address", "127.0.0.1"), port)), **where)
        self.port = port


class LibVNCServer(Contender):
    name = "libvncserver"

    def __init__(self, recording, **where):
        super().__init__(recording, **where)
        self.feeder = self.player(BIN + "/display-feed-lvs", self.address, str(self.port), recording, self.truth)
        self.wait(self.feeder, "listening")

    def cpu(self):
        return cpu_of(self.feeder.pid, ("feeder", "unpack"))


class Screened(Contender):
    """A server of an X screen, on which the recording is an application.

    In a namespace all of it is inside, and the screen has its abstract socket
    only: the files in /tmp/.X11-unix are those of screens outside."""

    def x_server(self, *command, **more):
        read, write = os.pipe()
        child = self.start(*command, *(["-nolisten", "unix"] if self.inside else []), "-displayfd", str(write), pass_fds=(write,), stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, **more)
        os.close(write)
        with os.fdopen(read) as file:
            self.env = dict(os.environ, DISPLAY=":" + file.readline().strip())
        return child

    def feed(self):
        self.feeder = self.player(BIN + "/display-feed-x", self.recording, self.truth, env=self.env)
        self.wait(self.feeder, "listening")

    def cpu(self):
        return cpu_of(self.server.pid)


class TigerVNC(Screened):
    """Its CPU is that of the whole X server."""
    name = "Xtigervnc"

    def __init__(self, recording, **where):
        super().__init__(recording, **where)
        self.server = self.x_server("Xtigervnc", "-geometry", "1920x1080", "-depth", "24", "-rfbport", str(self.port),
                                    "-SecurityTypes", "None", "-AlwaysShared", "-interface", self.address)
        self.feed()


class X11vnc(Screened):
    name = "x11vnc"

    def __init__(self, recording, **where):
        super().__init__(recording, **where)
        self.x_server("Xvfb", "-screen", "0", "1920x1080x24", "-nolisten", "tcp")
        self.feed()
        self.server = self.start("x11vnc", "-rfbport", str(self.port), "-listen", self.address, "-no6", "-nopw", "-forever",
                                 "-shared", "-quiet", env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Xspice(Screened):
    """spice-server in an X server, which is started as the script Xspice does.
    The driver of Debian 12 has no sizes of its own and needs the count of
    heads: without them it writes beyond its memory and ends."""
    name = "Xspice"
    CONFIG = """
Section "Device"
    Identifier "XSPICE"
    Driver "spiceqxl"
    Option "FrameBufferSize" "64"
    Option "SurfaceBufferSize" "128"
    Option "CommandBufferSize" "256"
EndSection
Section "InputDevice"
    Identifier "XSPICE POINTER"
    Driver "xspice pointer"
EndSection
Section "InputDevice"
    Identifier "XSPICE KEYBOARD"
    Driver "xspice keyboard"
EndSection
Section "Monitor"
    Identifier "Monitor"
EndSection
Section "Screen"
    Identifier "Screen"
    Monitor "Monitor"
    Device "XSPICE"
    DefaultDepth 24
EndSection
Section "ServerLayout"
    Identifier "Layout"
    Screen "Screen"
    InputDevice "XSPICE KEYBOARD"
    InputDevice "XSPICE POINTER"
EndSection
Section "ServerFlags"
    Option "AutoAddDevices" "False"
EndSection
"""

    def __init__(self, recording, **where):
        super().__init__(recording, **where)
        config = os.path.join(self.folder, "xorg.conf")
        with open(config, "w") as file:
            file.write(self.CONFIG)
        self.server = self.x_server("/usr/lib/xorg/Xorg", "-config", config, "-noreset",
                                    "-logfile", os.path.join(self.folder, "xorg.log"),
                                    env=dict(os.environ, XSPICE_PORT=str(self.port), XSPICE_DISABLE_TICKETING="1",
                                             QXL_NUM_HEADS="1"))
        if subprocess.run([*self.inside, "xrandr", "--output", "qxl-0", "--mode", "1920x1080"], env=self.env,
                          stderr=subprocess.DEVNULL).returncode:
            self.__exit__()
            raise RuntimeError("Xspice did not start, or has no screen of 1920x1080")
        self.feed()


PEERS = (LibVNCServer, TigerVNC, X11vnc)
