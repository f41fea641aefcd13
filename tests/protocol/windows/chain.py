"""The whole chain without a machine: applications and oriel-agent on one X
server, x-machine and oriel-display between, oriel-client on another X server
with a window manager. Both sides are asked by xwininfo, xprop and wmctrl."""
import os, re, shutil, signal, subprocess, sys, tempfile, threading, time

ROOT = os.environ.get("ORIEL_ROOT", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
BIN = os.path.join(ROOT, os.environ.get("BUILD", "build"), "bin")


def wait_for(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %g s in vain for %s" % (seconds, what))
        time.sleep(0.05)


class Screen:
    def __init__(self, chain, size):
        read, write = os.pipe()
        self.process = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", size + "x24", "-nolisten", "tcp",
                                         "-noreset"], pass_fds=[write], stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as file:
            self.name = ":" + file.readline().strip()
        self.env = dict(os.environ, DISPLAY=self.name, LC_ALL="C.UTF-8", NO_AT_BRIDGE="1", HOME=chain.folder,
                        XDG_DATA_HOME=chain.folder + "/data", XDG_CONFIG_HOME=chain.folder + "/config",
                        GSETTINGS_BACKEND="memory", DBUS_SESSION_BUS_ADDRESS="unix:path=/nonexistent")

    def ask(self, *words):
        return subprocess.run(words, env=self.env, capture_output=True, text=True).stdout

    def windows(self):
        """Managed windows: title -> id."""
        found = {}
        for line in self.ask("wmctrl", "-l").splitlines():
            parts = line.split(None, 3)
            if len(parts) == 4:
                found[parts[3]] = int(parts[0], 16)
        return found

    def place(self, window):
        out = self.ask("xwininfo", "-id", str(window))
        found = [re.search(w + r":\s+(-?\d+)", out) for w in
                 ("Absolute upper-left X", "Absolute upper-left Y", "Width", "Height")]
        return tuple(int(f[1]) for f in found) if all(found) else None

    def states(self, window):
        out = self.ask("xprop", "-id", str(window), "_NET_WM_STATE", "WM_STATE")
        names = set(re.findall(r"_NET_WM_STATE_(MAXIMIZED_VERT|FULLSCREEN|SHADED|ABOVE|BELOW)", out))
        return names | ({"ICONIC"} if "Iconic" in out else set())

    def pixels(self, window):
        return subprocess.run(["import", "-silent", "-window", str(window), "-depth", "8", "rgb:-"], env=self.env,
                              capture_output=True).stdout


class Chain:
    """size: of the guest's X screen; atlas: where in it the agent paints, all
    of it if not said."""

    def __init__(self, size="4096x3328", user="1280x800", atlas=None, agent=True, flags=()):
        self.atlas = ("--atlas", atlas) if atlas else ()
        self.folder = tempfile.mkdtemp(prefix="oriel-chain-")
        self.processes = []
        self.closing = False
        self.log = open(os.path.join(self.folder, "log"), "w+")
        self.guest, self.user = Screen(self, size), Screen(self, user)
        self.stream = os.path.join(self.folder, "windows.sock")
        self.machine, self.port = os.path.join(self.folder, "machine.sock"), os.path.join(self.folder, "agent.sock")
        self.size = size
        if agent:
            self.start_agent()
        still = os.path.join(self.folder, "openbox.xml")  # nothing slides about
        with open("/etc/xdg/openbox/rc.xml") as rules, open(still, "w") as file:
            file.write(rules.read().replace("<animateIconify>yes", "<animateIconify>no"))
        self.rules = still
        self.start_manager()
        self.start_machine(*flags)

    def start_machine(self, *flags):
        """The guest's screen as a machine, and its display process."""
        self.bridge = self.run(self.guest, BIN + "/x-machine", self.machine, self.guest.name, self.port,
                               self.size + "+0+0", stdin=subprocess.PIPE)
        wait_for("the machine", lambda: os.path.exists(self.machine))
        self.display = self.run(self.guest, BIN + "/oriel-display", "--display1", "unix:" + self.machine, "--windows",
                                "unix:" + self.stream, *(f.replace("PATH", self.folder) for f in flags))
        wait_for("the display", lambda: os.path.exists(self.stream))

    def run(self, screen, *words, **more):
        process = subprocess.Popen(words, env=screen.env, stdout=self.log, stderr=self.log, **more)
        self.processes.append(process)
        return process

    def start_manager(self):
        """Of the user's screen; it is there when it says so itself."""
        def there():
            found = re.search(r"# (0x\w+)", self.user.ask("xprop", "-root", "_NET_SUPPORTING_WM_CHECK"))
            return found and "window id" in self.user.ask("xprop", "-id", found[1], "_NET_SUPPORTING_WM_CHECK")
        self.wm = self.run(self.user, "openbox", "--config-file", self.rules)
        wait_for("the window manager", there)
        threading.Thread(target=self.keep_manager, args=(self.wm,), daemon=True).start()

    def keep_manager(self, wm):
        """Openbox 3.6 aborts by its own timer where a window that it lets blink
        is destroyed (frame_adjust_focus); a session begins it anew, and so does this."""
        if wm.wait() == -signal.SIGABRT and not self.closing:
            print("# openbox died of a fault of its own, and is begun anew", flush=True)
            self.start_manager()

    def start_agent(self):
        self.agent = self.run(self.guest, BIN + "/oriel-agent", "--display", self.guest.name, "--socket", self.port, *self.atlas)
        wait_for("the agent", lambda: os.path.exists(self.port))

    def client(self, *words):
        self.shown = self.run(self.user, BIN + "/oriel-client", "run", "--stream", "unix:" + self.stream, *words)
        return self.shown

    def pair(self, title):
        """Both sides' windows of that title."""
        def both():
            there, here = self.guest.windows(), self.user.windows()
            return title in there and title in here and (there[title], here[title])
        return wait_for("a window '%s' on both sides" % title, both)

    def said(self):
        self.log.flush()
        with open(self.log.name, errors="replace") as file:
            return file.read()

    def close(self):
        self.closing = True
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for screen in (self.guest, self.user):
            screen.process.terminate()
            screen.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
