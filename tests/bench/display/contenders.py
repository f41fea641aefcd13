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


def cpu_of(pid, without=()):
    """Seconds of all threads, but those of these names."""
    total = 0
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/stat" % (pid, task)) as file:
            head, rest = file.read().rsplit(")", 1)
        if head.split("(", 1)[1] not in without:
            total += sum(int(f) for f in rest.split()[11:13])
    return total / TICK


class Contender:
    def __init__(self, recording, inside=(), address="127.0.0.1"):
        self.recording, self.inside, self.address = recording, list(inside), address
        self.folder = tempfile.mkdtemp(prefix="oriel-bench-")
        self.truth = os.path.join(self.folder, "truth")
        self.port = free_port()
        self.children = []

    def start(self, *command, inside=True, **more):
        child = subprocess.Popen([*(self.inside if inside else ()), *command], **more)
        self.children.append(child)
        return child

    def player(self, *command, inside=True):
        """A program that takes lines and answers them."""
        return self.start(*command, inside=inside, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

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
    name = "oriel"

    def __init__(self, recording, mapped=True, flags=(), **where):
        super().__init__(recording, **where)
        path = os.path.join(self.folder, "machine.sock")
        self.machine = self.player(BIN + "/display1-player", path, "640x480", *(["--map"] if mapped else []), inside=False)
        self.wait(self.machine, "listening")
        if self.inside:  # no loopback there: a unix socket, and a relay inside
            raise NotImplementedError
        self.server = self.start(BIN + "/oriel-display", "--display1", "unix:" + path, "--rfb",
                                 "%s:%d" % (self.address, self.port), "--no-auth", *flags, inside=False,
                                 stderr=subprocess.DEVNULL)
        self.wait(self.machine, "port registered")
        self.say("load 0 %s %s" % (recording, self.truth))

    def say(self, line):
        self.machine.stdin.write(line + "\n")
        self.machine.stdin.flush()
        self.wait(self.machine, "done")

    def replay(self, whole=False):
        self.say("replay 0 0 %s" % ("whole" if whole else "exact"))

    def cpu(self):
        return cpu_of(self.server.pid)
