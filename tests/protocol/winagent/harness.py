"""What the Windows agent's tests stand on: Wine on an X screen of its own.

Prefix    a Wine prefix, made once and kept by its contents under ~/.cache/oriel
World     Xvfb, Wine and oriel-agent.exe; the atlas is the screen's right part
Toy       win-toy.exe, a Windows application driven by lines
Peer      build/bin/seamless-peer, as for the X11 agent
"""
import fcntl, hashlib, importlib.util, os, shutil, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
spec = importlib.util.spec_from_file_location("x_harness", os.path.join(HERE, "..", "seamless", "harness.py"))
x_harness = importlib.util.module_from_spec(spec)
spec.loader.exec_module(x_harness)
for name in dir(x_harness):
    if not name.startswith("_"):
        globals()[name] = getattr(x_harness, name)

WIN = os.path.join(BUILD, "win32", "x86_64")
ROOM, ATLAS = 1024, (2048, 1024)  # columns for windows, then the atlas
SETTINGS = r"""
[Software\\Wine\\X11 Driver]
"Managed"="N"

[Software\\Wine\\WineDbg]
"ShowCrashDialog"=dword:00000000

[Software\\Wine\\DllOverrides]
"winemenubuilder.exe"=""

[Software\\Microsoft\\Notepad]
"iWindowPosX"=dword:00000014
"iWindowPosY"=dword:00000014
"iWindowPosDX"=dword:00000258
"iWindowPosDY"=dword:00000190

[Control Panel\\Desktop]
"MenuShowDelay"="0"
"""


def wine_env(prefix, display):
    env = {k: v for k, v in os.environ.items() if not k.startswith("WINE")}
    # nothing of the user's own desktop, and no questions about .NET and browsers
    return dict(env, WINEPREFIX=prefix, WINEARCH="win64", WINEDEBUG="-all", DISPLAY=display, LC_ALL="C.UTF-8",
                WINEDLLOVERRIDES="mscoree,mshtml=;winemenubuilder.exe=d")


class Prefix:
    """One for all tests, and one test at a time in it: Wine has one desktop per prefix."""

    def __init__(self, display):
        version = subprocess.run(["wine", "--version"], capture_output=True, text=True).stdout
        key = hashlib.sha256((version + SETTINGS).encode()).hexdigest()[:16]
        base = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "oriel", "wine")
        os.makedirs(base, exist_ok=True)
        self.path = os.path.join(base, key)
        self.lock = open(self.path + ".lock", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.env = wine_env(self.path, display)
        if not os.path.exists(os.path.join(self.path, "made")):
            shutil.rmtree(self.path, ignore_errors=True)
            subprocess.run(["wine", "wineboot", "-i"], env=self.env, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
            subprocess.run(["wineserver", "-w"], env=self.env)
            with open(os.path.join(self.path, "user.reg"), "a") as file:
                file.write(SETTINGS)
            open(os.path.join(self.path, "made"), "w").close()

        self.forget_links()

    def profile(self):
        users = self.path + "/drive_c/users"
        return "%s/%s/AppData" % (users, next(d for d in sorted(os.listdir(users)) if d != "Public"))

    def forget_links(self):
        for folder, _, files in os.walk(self.profile() + "/Roaming/Microsoft/Windows/Start Menu"):
            for file in files:
                if file.endswith(".lnk"):
                    os.unlink(os.path.join(folder, file))

    def end(self):
        subprocess.run(["wineserver", "-k"], env=self.env, stderr=subprocess.DEVNULL)
        subprocess.run(["wineserver", "-w"], env=self.env, stderr=subprocess.DEVNULL)
        self.lock.close()


class WinToy(Toy):
    def __init__(self, world):
        Lines.__init__(self, ["wine", WIN + "/win-toy.exe"], world.env)
        self.said = []
        self.wait(lambda line: line == "ready", 60)

    def windows(self):
        """What Windows has: {agent's id: (X window, [x, y, w, h], title)} of those the agent has marked."""
        table = {}
        self.said = []
        for line in self.do("windows"):
            if line.startswith("win "):
                word = line.split(" ", 8)
                if int(word[3]):
                    table[int(word[3])] = (int(word[2]), [int(v) for v in word[4:8]], word[8])
        return table


class WinPeer(Peer):
    def __init__(self, world):
        Lines.__init__(self, [BIN + "/seamless-peer", "tcp:%d" % world.port, world.display], world.env)
        self.world = world
        self.events, self.breaches, self.mark, self.serial = [], [], 0, 0

    def create(self, title=None, seconds=30, **fields):
        """The next window that is made, of this title if one is given."""
        while True:
            event = self.next("create", seconds, **fields)
            mark = self.mark
            props = self.next("props", seconds, id=event["id"])
            self.mark = mark
            if title is None or props["title"] == title:
                return dict(event, props=props)

    def last(self, name, **fields):
        while self.pump():
            pass
        for event in reversed(self.events):
            if event["event"] == name and all(event.get(k) == v for k, v in fields.items()):
                return event
        return None

    def until(self, name, test, seconds=30, **fields):
        end = time.monotonic() + seconds * SLOW
        while True:
            event = self.next(name, max(end - time.monotonic(), 0.1), **fields)
            if test(event):
                return event

    def whole(self, toy, seconds=20):
        """Each window's picture in the atlas is what Wine has drawn; else the last difference."""
        end = time.monotonic() + seconds * SLOW
        while True:
            for ident, (xid, _, _) in toy.windows().items():
                self.do("xid %d %d", ident, xid)
            self.forget()
            self.do("verify")
            event = self.next("verified")
            if event["wrong"] == 0 or time.monotonic() > end:
                return event["text"]
            time.sleep(0.1)


class WinWorld(World):
    def __init__(self, agent=True, args=()):
        World.__init__(self, "%dx%d" % (ROOM + ATLAS[0], ATLAS[1]), agent=False, args=args)
        self.log = open(self.folder + "/agent.log", "ab")
        self.prefix = None
        try:
            self.prefix = Prefix(self.display)
            self.env = self.prefix.env
            if agent:
                self.start_agent()
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def start_agent(self):
        self.agent = subprocess.Popen(["wine", WIN + "/oriel-agent.exe", "--socket", "0", "--atlas",
                                       "%dx%d+%d+0" % (ATLAS + (ROOM,)), *self.args], env=self.env,
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.agent.stdout.readline()
        assert line.startswith("listening "), "the agent does not start: %r %s" % (line, self.agent_log())
        self.port = int(line.split()[1])

    def stop_agent(self, kill=False):
        self.agent.kill()
        return self.agent.wait()

    def peer(self):
        peer = WinPeer(self)
        self.programs.append(peer)
        peer.next("hello")
        peer.do("redirect")
        return peer

    def toy(self):
        toy = WinToy(self)
        self.programs.append(toy)
        return toy

    def wine(self, *argv):
        process = subprocess.Popen(["wine", *argv], env=self.env, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.programs.append(process)
        return process

    def shot(self, path):
        subprocess.run(["import", "-window", "root", path], env=self.env)

    def __exit__(self, kind, value, trace):
        # before the X server goes, or Wine's programs wait for it
        for program in self.programs:
            if isinstance(program, Lines) and program.process.poll() is None:
                try:
                    program.process.stdin.close()
                except OSError:
                    pass
        if self.prefix:
            self.prefix.end()
        World.__exit__(self, kind, value, trace)
