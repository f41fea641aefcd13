"""A host role under test: its root, its process, and a broker by script.

Broker serves RUN/hosts.sock as docs/host-link.md says and keeps every event;
Host is `orield --role host` on a root of its own. Both are real processes and
sockets; only the broker's decisions are the test's.
"""
import base64, json, os, shutil, signal, socket, subprocess, sys, tempfile, time

ROOT = os.environ.get("ORIEL_ROOT") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from world import Tap, wait_for, memory_private_kib, cpu_ticks  # noqa: E402, F401


class Refused(Exception):
    def __init__(self, error):
        super().__init__("%s: %s" % (error.get("code"), error.get("cause")))
        self.code, self.cause, self.remedy = error.get("code"), error.get("cause"), error.get("remedy")


class Broker:
    def __init__(self, run):
        self.path = os.path.join(run, "hosts.sock")
        self.server = self.peer = None
        self.buffer = b""
        self.next_id = 1
        self.events = []
        self.seen = 0
        self.listen()

    def listen(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.server = socket.socket(socket.AF_UNIX)
        folder = os.open(os.path.dirname(self.path), os.O_PATH)
        self.server.bind("/proc/self/fd/%d/hosts.sock" % folder)  # paths may be long
        os.close(folder)
        self.server.listen(4)

    def accept(self, seconds=20):
        """The next connection of the host; returns its hello."""
        if self.peer:
            self.peer.close()
        self.server.settimeout(seconds)
        self.peer, _ = self.server.accept()
        self.buffer = b""
        hello = self.read(time.monotonic() + 10)
        assert hello["event"] == "hello", hello
        return hello

    def hang_up(self):
        if self.peer:
            self.peer.close()
            self.peer = None

    def close(self):
        self.hang_up()
        self.server.close()

    def read(self, deadline):
        """One message, or None at the deadline."""
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self.peer.settimeout(left)
            try:
                data = self.peer.recv(65536)
            except socket.timeout:
                return None
            if not data:
                raise ConnectionError("the host closed the link")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def ask(self, op, seconds=30, **members):
        """The reply's members, or Refused; events meanwhile are kept."""
        number, self.next_id = self.next_id, self.next_id + 1
        self.seen = len(self.events)
        self.peer.settimeout(10)
        self.peer.sendall(json.dumps(dict(members, id=number, op=op)).encode() + b"\n")
        deadline = time.monotonic() + seconds
        while True:
            message = self.read(deadline)
            if message is None:
                raise TimeoutError("no answer to %s within %d s" % (op, seconds))
            if message.get("id") == number:
                if "error" in message:
                    raise Refused(message["error"])
                return message
            self.events.append((time.monotonic(), message))

    def refusal(self, op, **members):
        """The Refused that a request earns, or None."""
        try:
            self.ask(op, **members)
        except Refused as refused:
            return refused
        return None

    def wait(self, seconds, condition):
        """The first event since the last ask() that meets the condition and
        was not returned yet, or None."""
        deadline = time.monotonic() + seconds
        while True:
            while self.seen < len(self.events):
                self.seen += 1
                if condition(self.events[self.seen - 1][1]):
                    return self.events[self.seen - 1][1]
            message = self.read(deadline)
            if message is None:
                return None
            self.events.append((time.monotonic(), message))

    def machine_until(self, machine, states, seconds):
        """The first event of that machine in one of the states."""
        return self.wait(seconds, lambda m: m.get("event") == "machine" and m["machine"] == machine
                         and m["state"] in states)

    # ---- machines ----

    def create(self, machine, image="debian-lite", version="1", **keys):
        what = dict(id=machine, name=machine, image=image, version=version, cpus=2, memory_mib=1024,
                    heads=1, engine="auto")
        what.update(keys)
        return self.ask("machine.create", machine=what)

    def start(self, machine, seconds=600):
        """The event that tells how the start ended."""
        self.ask("machine.start", machine=machine)
        return self.started(machine, seconds)

    def started(self, machine, seconds=600):
        self.machine_until(machine, ["starting"], 10)
        return self.machine_until(machine, ["running", "failed", "off"], seconds)

    def stop(self, machine, mode="off", seconds=60):
        self.ask("machine.stop", machine=machine, mode=mode)
        return self.machine_until(machine, ["off", "failed"], seconds)

    def run(self, machine, *argv, input=None, seconds=60):
        """(status, output) of a command in the guest."""
        members = {"machine": machine, "argv": list(argv), "timeout_ms": seconds * 1000}
        if input is not None:
            members["input"] = base64.b64encode(input).decode()
        reply = self.ask("machine.exec", seconds=seconds + 5, **members)
        return reply["exit"], base64.b64decode(reply["out"]).decode(errors="replace")


class Host:
    def __init__(self, root=None, env=None):
        self.own = root is None
        self.root = root or tempfile.mkdtemp(prefix="oriel-host-")
        self.lib, self.runs = os.path.join(self.root, "lib"), os.path.join(self.root, "run")
        for folder in (self.root, self.lib, self.runs):
            os.makedirs(folder, mode=0o700, exist_ok=True)
        self.env = dict(os.environ, **(env or {}))
        self.log = os.path.join(self.root, "host.log")
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(BUILD, "bin", "orield"), "--role", "host", "--root", self.root, "--verbose"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=20):
        self.process.terminate()
        return self.process.wait(seconds)

    def desktop(self, machine, *name):
        return os.path.join(self.lib, "desktops", machine, *name)

    def run_file(self, machine, name):
        return os.path.join(self.runs, "desktops", machine, name)

    def pid(self, machine, name):
        """Of vmm.pid or display.pid: the first word."""
        with open(self.run_file(machine, name)) as file:
            return int(file.read().split()[0])

    def log_text(self):
        with open(self.log, errors="replace") as file:
            return file.read()

    def close(self):
        """Whatever this root still runs ends, by the pids in its folders."""
        if self.process and self.process.poll() is None:
            self.kill()
        for folder, _, files in os.walk(self.runs):
            for name in files:
                if not name.endswith(".pid"):
                    continue
                try:
                    with open(os.path.join(folder, name)) as file:
                        pid, started = file.read().split()[:2]
                    # the pid may be another's by now: its start time tells
                    with open("/proc/%s/stat" % pid) as file:
                        if file.read().rsplit(")", 1)[1].split()[19] == started:
                            os.kill(int(pid), signal.SIGKILL)
                except (OSError, ValueError, IndexError):
                    pass
        if self.own:
            shutil.rmtree(self.root, ignore_errors=True)


def shared_root(name="host"):
    """A root below $BUILD that outlives the run: image and template are made
    once for all scenarios, and anew when the recipe is another. Desktops of an
    earlier run are ended and removed."""
    root = os.path.join(BUILD, name + "-root")
    left = Host(root)
    left.close()
    folders = [left.desktop(""), left.runs]
    try:
        with open(os.path.join(left.lib, "images", "debian-lite", "1", "manifest.json")) as file:
            key = json.load(file)["key"]
        if key != image_key("debian-lite"):
            folders += [left.lib]
    except FileNotFoundError:
        pass
    for folder in folders:
        subprocess.run(["chmod", "-R", "u+w", folder], stderr=subprocess.DEVNULL)  # images are read-only
        shutil.rmtree(folder, ignore_errors=True)
    return root


def image_key(name):
    """What the recipe's image would be called in the cache."""
    told = subprocess.run([os.path.join(BUILD, "bin", "oriel-image-build"), "--list-inputs", "--recipe",
                           os.path.join(ROOT, "data", "images", name + ".recipe")], capture_output=True, text=True, check=True)
    return told.stdout.split()[1]  # "key HASH", then the files


def build_image(broker, name="debian-lite", version="1"):
    """Through the host's own builder; the user's cache makes it quick."""
    broker.ask("image.build", task="image", image=name, version=version, recipe=name)
    done = broker.wait(1200, lambda m: m.get("event") == "task" and m["task"] == "image" and m["state"] != "running")
    if not done or done["state"] != "done":
        raise RuntimeError("the image was not built: %r" % done)
    return done
