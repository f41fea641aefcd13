"""Recordings of real applications at 1920x1080, made by the bench itself.

Each workload runs under its own Xvfb and is driven step by step: a step is
said, the application draws, display-record takes the frame. Recordings are
kept in $XDG_CACHE_HOME/oriel/display by the content of what makes them.
"""
import hashlib, os, random, shutil, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
BIN = os.path.join(ROOT, os.environ.get("BUILD", "build"), "bin")
MARKS = ["mark", "0", "0", "8", "mark", "1792", "1072", "8", "key", "512", "0", "8"]
WORDS = ("the of and window a in to machine picture is server that for it line was on guest as with at by "
         "display from or an be this which frame not pixel are but its had their key first one all have been "
         "who more other some than only could time these two may then do such over new any my what").split()


class Screen:
    """An Xvfb with a window manager, and what runs on it."""

    def __init__(self, manager=True):
        read, write = os.pipe()
        self.children, self.home = [], tempfile.mkdtemp(prefix="oriel-record-")
        server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "1920x1080x24", "-nolisten",
                                   "tcp", "-noreset", "+extension", "Composite"],
                                  pass_fds=(write,), stderr=subprocess.DEVNULL)
        os.close(write)
        self.children.append(server)
        with os.fdopen(read) as file:
            self.name = ":" + file.readline().strip()
        self.env = dict(os.environ, DISPLAY=self.name, HOME=self.home, XDG_CONFIG_HOME=self.home,
                        XDG_CACHE_HOME=self.home, LC_ALL="C.UTF-8")
        self.run("xsetroot", "-solid", "#3b5068")
        if manager:
            self.start("openbox", "--sm-disable")
            while b"window id" not in self.run("xprop", "-root", "_NET_SUPPORTING_WM_CHECK"):
                time.sleep(0.05)

    def start(self, *command, **more):
        child = subprocess.Popen(command, env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)
        self.children.append(child)
        return child

    def run(self, *command):
        return subprocess.run(command, env=self.env, check=True, stdout=subprocess.PIPE, timeout=60).stdout

    def window(self, name):
        """Waits until a window of that title shows; its id."""
        return self.run("xdotool", "search", "--sync", "--onlyvisible", "--name", "^%s$" % name).split()[0].decode()

    def place(self, window, x, y):
        self.run("xdotool", "windowmove", "--sync", window, str(x), str(y))

    def terminal(self, title, geometry):
        """An xterm that shows what is written to it. A short line through the
        terminal's own input asks for its answer, so a step has been drawn
        when feed() returns."""
        fifo = os.path.join(self.home, title)
        os.mkfifo(fifo)
        self.start("xterm", "-T", title, "-geometry", geometry, "-fa", "DejaVu Sans Mono", "-fs", "11", "-bg", "white",
                   "-fg", "black", "+sb", "-uc", "-e", "sh", "-c", "stty -echo; exec cat '%s'" % fifo)
        self.window(title)
        return open(fifo, "wb", buffering=0)

    def end(self):
        for child in reversed(self.children):
            child.terminate()
        for child in self.children:
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        shutil.rmtree(self.home, ignore_errors=True)


class Recorder:
    def __init__(self, screen, path, marks=()):
        self.process = subprocess.Popen([BIN + "/display-record", path, *marks, *MARKS], env=screen.env, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.answer()

    def answer(self):
        line = self.process.stdout.readline().strip()
        if not line:
            raise RuntimeError("display-record ended with %s" % self.process.wait())
        return line

    def frame(self, ms, quiet=12):
        self.process.stdin.write("frame %d %d\n" % (ms, quiet))
        self.process.stdin.flush()
        return self.answer()

    def end(self, ms):
        self.process.stdin.write("end %d\n" % ms)
        self.process.stdin.close()
        assert self.answer() == "done"
        self.process.wait()


def prose(chance, columns):
    line = ""
    while len(line) < columns:
        line += chance.choice(WORDS) + (". " if chance.random() < 0.1 else " ")
    return line[:columns].rstrip()


def listing(chance):
    """A line as compilers, logs and ls write them, in colours."""
    kind = chance.randrange(4)
    if kind == 0:
        return "\033[32m%s\033[0m  CC      %s/%s-%s.c" % (
            chance.randrange(100000), chance.choice(WORDS), chance.choice(WORDS), chance.choice(WORDS))
    if kind == 1:
        return "-rw-r--r-- 1 user user %8d Nov %2d %02d:%02d \033[1;34m%s_%s\033[0m" % (
            chance.randrange(10 ** 8), chance.randrange(1, 30), chance.randrange(24), chance.randrange(60),
            chance.choice(WORDS), chance.choice(WORDS))
    return prose(chance, chance.randrange(30, 180))


def terminal(screen, path):
    """A full-screen xterm through which lines run, four a frame."""
    chance = random.Random(1)
    out = screen.terminal("scroll", "208x56+0+0")
    for _ in range(80):
        out.write((listing(chance) + "\r\n").encode())
    recorder = Recorder(screen, path)
    for i in range(1, 181):
        out.write("".join(listing(chance) + "\r\n" for _ in range(4)).encode())
        recorder.frame(i * 1000 // 30)
    recorder.end(6000)


def typing(screen, path):
    """Prose typed into an xterm, eight characters a second."""
    chance = random.Random(2)
    out = screen.terminal("typing", "140x44+180+60")
    for _ in range(20):
        out.write((prose(chance, 130) + "\r\n").encode())
    recorder = Recorder(screen, path)
    text = prose(chance, 140)
    for i in range(1, 49):
        out.write(text[i - 1].encode())
        recorder.frame(i * 125)
    recorder.end(6000)


WORKLOADS = {"terminal": terminal, "typing": typing}


def recording(name, say=lambda text: None):
    """The path of a workload's recording; records it when there is none."""
    sources = [os.path.join(HERE, f) for f in ("workloads.py", "record.c", "recording.c", "recording.h", "mark.h")]
    digest = hashlib.sha256()
    for source in sources:
        with open(source, "rb") as file:
            digest.update(file.read())
    folder = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "oriel", "display")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "%s-%s.rec" % (name, digest.hexdigest()[:12]))
    if not os.path.exists(path):
        say("recording %s" % name)
        for old in os.listdir(folder):  # of other contents, unused for days
            if os.path.getmtime(os.path.join(folder, old)) < time.time() - 3 * 86400:
                os.unlink(os.path.join(folder, old))
        screen = Screen()
        try:
            WORKLOADS[name](screen, path)
        finally:
            screen.end()
    return path


if __name__ == "__main__":
    for wanted in sys.argv[1:] or WORKLOADS:
        print(recording(wanted, print))
