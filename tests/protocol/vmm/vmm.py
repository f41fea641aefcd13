"""Starts oriel-vmm for tests, and speaks QMP with it."""
import array, fcntl, json, os, shutil, socket, subprocess, sys, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BUILD = os.path.join(os.environ.get("ORIEL_ROOT", ROOT), os.environ.get("BUILD", "build"))
VMM = os.path.join(BUILD, "bin", "oriel-vmm")
GUESTS = os.path.join(BUILD, "guests")


def why_not():
    """None where /dev/kvm runs bare-metal guests, else the reason."""
    try:
        fd = os.open("/dev/kvm", os.O_RDWR)
    except OSError as error:
        return "/dev/kvm: " + error.strerror
    try:
        if fcntl.ioctl(fd, 0xAE00) != 12:
            return "/dev/kvm speaks another version"
        os.close(fcntl.ioctl(fd, 0xAE01, 0))
    except OSError as error:
        return "/dev/kvm makes no machines: " + error.strerror
    finally:
        os.close(fd)
    return None


class Tap:
    def __init__(self):
        self.count = 0
        reason = why_not()
        if reason:
            print("1..0 # skip " + reason)
            sys.exit(0)

    def ok(self, good, text):
        self.count += 1
        print("%sok %d - %s" % ("" if good else "not ", self.count, text), flush=True)
        return good

    def same(self, got, wanted, text):
        good = self.ok(got == wanted, text)
        if not good:
            print("# got %r, wanted %r" % (got, wanted))
        return good

    def skip(self, text, why):
        self.count += 1
        print("ok %d - %s # skip %s" % (self.count, text, why), flush=True)

    def done(self):
        print("1..%d" % self.count)


class Qmp:
    def __init__(self, path, negotiate=True):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        for _ in range(500):
            try:
                self.socket.connect(path)
                break
            except OSError:
                time.sleep(0.01)
        self.buffer = b""
        self.events = []
        self.greeting = self.read()
        if negotiate:
            self.ask("qmp_capabilities")

    def read(self):
        while b"\n" not in self.buffer:
            more = self.socket.recv(65536)
            if not more:
                raise EOFError
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def ask(self, execute, /, fd=None, **arguments):
        text = json.dumps({"execute": execute, "arguments": arguments} if arguments else {"execute": execute})
        return self.raw(text.encode(), fd)

    def raw(self, text, fd=None):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))] if fd is not None else []
        self.socket.sendmsg([text], rights)
        while True:
            message = self.read()
            if "event" not in message:
                return message
            self.events.append(message)

    def wait(self, event, seconds=20):
        for message in self.events:
            if message["event"] == event:
                self.events.remove(message)
                return message
        self.socket.settimeout(seconds)
        while True:
            message = self.read()
            if message.get("event") == event:
                return message
            self.events.append(message)


class Vmm:
    def __init__(self, guest, *options, memory=64, qmp=True, cmdline="console", pass_fds=(), cwd=False):
        self.folder = tempfile.mkdtemp(prefix="oriel-vmm-")
        self.out = os.path.join(self.folder, "out")
        self.qmp_path = os.path.join(self.folder, "qmp.sock")
        self.log = open(os.path.join(self.folder, "log"), "w+")
        command = [VMM, "--memory", str(memory), "--kernel", os.path.join(GUESTS, guest + ".elf"),
                   "--cmdline", cmdline, "--debugcon", "file:" + self.out]
        if qmp:
            command += ["--qmp", self.qmp_path]
        self.process = subprocess.Popen(command + list(options), stdin=subprocess.DEVNULL, pass_fds=pass_fds,
                                        stdout=self.log, stderr=self.log, cwd=self.folder if cwd else None)

    def qmp(self, negotiate=True):
        return Qmp(self.qmp_path, negotiate)

    def wait(self, seconds=60):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def reach(self, link, name, seconds=20):
        """Connects to a socket in its folder as soon as it is there."""
        end = time.monotonic() + seconds
        while True:
            try:
                return link.connect(os.path.join(self.folder, name))
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)

    def output(self):
        try:
            with open(self.out, errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def messages(self):
        self.log.flush()
        with open(self.log.name, errors="replace") as file:
            return file.read()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
