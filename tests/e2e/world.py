"""A real Oriel on this machine, for tests and benches: server, image, people.

World() starts `orield` on free ports under its own root below $BUILD and
builds debian-lite through the user's image cache; the root outlives the run,
so that the frozen template is made once. Everything else that a test makes
it removes. Nothing here is a stand-in: the programs are those in $BUILD/bin.
"""
import base64, http.client, json, os, re, shutil, signal, socket, ssl, subprocess, sys, tempfile, time

ROOT = os.environ.get("ORIEL_ROOT") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
BIN = os.path.join(BUILD, "bin")


class Tap:
    """Numbers test lines; a failed check is a line, not the end."""

    def __init__(self):
        self.count = self.failed = 0

    def ok(self, condition, text, detail=None):
        self.count += 1
        print("%sok %d - %s" % ("" if condition else "not ", self.count, text), flush=True)
        if not condition:
            self.failed += 1
            if detail is not None:
                print("# " + str(detail).replace("\n", "\n# "), flush=True)
        return bool(condition)

    def same(self, got, wanted, text):
        return self.ok(got == wanted, text, "got %r, wanted %r" % (got, wanted))

    def skip(self, text, why):
        self.count += 1
        print("ok %d - %s # skip %s" % (self.count, text, why), flush=True)

    def note(self, text):
        print("# " + text, flush=True)

    def done(self):
        print("1..%d" % self.count, flush=True)
        sys.exit(1 if self.failed else 0)


def wait_for(what, seconds, condition, pause=0.1):
    """Polls until condition() is true and returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError("%s did not happen within %d s" % (what, seconds))
        time.sleep(pause)


def processes(pattern):
    """pids whose command line matches, of this user."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open("/proc/%s/cmdline" % entry, "rb") as file:
                    line = file.read().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if re.search(pattern, line):
                found.append(int(entry))
    return found


def memory_private_kib(pid):
    with open("/proc/%d/smaps_rollup" % pid) as file:
        return sum(int(line.split()[1]) for line in file if line.startswith(("Private_Clean", "Private_Dirty")))


def cpu_ticks(pid):
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


class World:
    def __init__(self, name="e2e"):
        self.root = os.path.join(BUILD, name + "-root")
        os.makedirs(self.root, mode=0o700, exist_ok=True)
        self.server = None
        self.log = os.path.join(BUILD, "log", name + "-orield.log")
        os.makedirs(os.path.dirname(self.log), exist_ok=True)
        self.work = tempfile.mkdtemp(prefix="oriel-" + name + "-")
        self.start()

    def start(self, *more):
        """Starts orield and waits until it serves."""
        facts = os.path.join(self.root, "run", "gateway.json")
        if os.path.exists(facts):
            os.unlink(facts)
        with open(self.log, "ab") as log:
            self.server = subprocess.Popen(
                [os.path.join(BIN, "orield"), "--root", self.root, "--https-port", "0", "--rfb-port", "0", *more],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def serving():
            if self.server.poll() is not None:
                raise RuntimeError("orield ended with %s; see %s" % (self.server.returncode, self.log))
            if not os.path.exists(facts):
                return False
            status = self.oriel("status", "--json", check=False)
            return status.returncode == 0 and json.loads(status.stdout)["hosts"]
        wait_for("the server's start", 120, serving)
        with open(facts) as file:
            self.facts = json.load(file)

    def stop(self):
        if self.server and self.server.poll() is None:
            self.server.terminate()
            self.server.wait(20)
        self.server = None

    def close(self):
        """Desktops off and removed, server stopped."""
        if self.server and self.server.poll() is None:
            for desktop in self.json("desktop", "list")["desktops"]:
                if desktop["id"]:
                    self.remove_desktop(desktop["id"])
        self.stop()
        shutil.rmtree(self.work, ignore_errors=True)

    # ---- the command line ----

    def oriel(self, *args, check=True, input=None):
        done = subprocess.run([os.path.join(BIN, "oriel"), "--root", self.root, *args], input=input,
                              stdin=None if input is not None else subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if check and done.returncode != 0:
            raise RuntimeError("oriel %s: %s%s" % (" ".join(args), done.stdout, done.stderr))
        return done

    def json(self, *args):
        return json.loads(self.oriel(*args, "--json").stdout)

    def image(self, name="debian-lite"):
        self.oriel("image", "build", name)

    def user(self, name, password, role="user"):
        if name not in [u["user"] for u in self.json("user", "list")["users"]]:
            self.oriel("user", "add", name, "--role", role, input=password + "\n")

    def pool(self, name, **keys):
        if name not in [p["pool"] for p in self.json("pool", "list")["pools"]]:
            args = []
            for key, value in keys.items():
                args += ["--" + key.replace("_", "-"), str(value)]
            self.oriel("pool", "create", name, *args)

    def remove_desktop(self, id):
        self.oriel("desktop", "remove", id, "--force")

    def guest(self, id, *argv, check=True):
        """Runs a command in the guest and returns its output."""
        done = self.oriel("desktop", "exec", id, "--", *argv, check=check)
        return done.stdout

    # ---- the network ----

    def tls(self, port="https"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(os.path.join(self.root, "lib", "pki", "gateway.crt"))
        raw = socket.create_connection(("localhost", self.facts[port]), 10)
        return context.wrap_socket(raw, server_hostname="localhost")

    def api(self, method, path, body=None, token=None, timeout=60):
        """Returns (status, JSON or bytes, headers)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(os.path.join(self.root, "lib", "pki", "gateway.crt"))
        link = http.client.HTTPSConnection("localhost", self.facts["https"], timeout=timeout, context=context)
        headers = {"Authorization": "Bearer " + token} if token else {}
        data = None
        if body is not None:
            data = json.dumps(body)
            headers["Content-Type"] = "application/json"
        link.request(method, "/api/v1" + path, data, headers)
        answer = link.getresponse()
        content = answer.read()
        link.close()
        if (answer.headers.get("Content-Type") or "").startswith("application/json"):
            content = json.loads(content)
        return answer.status, content, answer.headers

    def sign_in(self, user, password):
        status, body, _ = self.api("POST", "/sessions", {"user": user, "password": password})
        if status != 201:
            raise RuntimeError("sign-in of %s: %s %s" % (user, status, body))
        return body["token"]

    def open_desktop(self, token, pool, seconds=240):
        """Asks for the user's desktop and waits until it runs."""
        status, desktop, _ = self.api("POST", "/pools/%s/desktop" % pool, {}, token)
        if status not in (200, 202):
            raise RuntimeError("desktop in %s: %s %s" % (pool, status, desktop))
        end = time.monotonic() + seconds
        while desktop["state"] != "running":
            if desktop["state"] == "failed" or time.monotonic() > end:
                raise RuntimeError("desktop did not start: %s" % desktop)
            status, desktop, _ = self.api("GET", "/desktops/%s?wait=%s" % (desktop["id"], desktop["serial"]), None, token)
        return desktop

    def tunnel(self, authorization):
        """Returns (status, headers text, socket)."""
        link = self.tls()
        link.sendall(("GET /tunnel/v1/rfb HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
                      "Upgrade: oriel-tunnel\r\nAuthorization: %s\r\n\r\n" % authorization).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            piece = link.recv(1)
            if not piece:
                break
            head += piece
        return int(head.split()[1]) if head else 0, head.decode(), link

    # ---- its processes ----

    def role(self, name):
        """pid of a role of this server."""
        found = [pid for pid in processes(r"orield.*--role[ =]%s" % name) if self._ours(pid)]
        return found[0] if found else None

    def _ours(self, pid):
        try:
            with open("/proc/%d/cmdline" % pid, "rb") as file:
                return self.root.encode() in file.read()
        except OSError:
            return False

    def pid_file(self, id, name):
        """pid of a desktop's "vmm" or "display"; None while it has none."""
        try:
            with open(os.path.join(self.root, "run", "desktops", id, name + ".pid")) as file:
                return int(file.read().split()[0])
        except (FileNotFoundError, IndexError):
            return None


class Screen:
    """An Xvfb with openbox, and what is done on it."""

    def __init__(self, world, width=1280, height=800):
        read, write = os.pipe()
        self.processes = [subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", "%dx%dx24" % (width, height), "-nolisten", "tcp"],
            pass_fds=[write], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)]
        os.close(write)
        with os.fdopen(read) as file:
            self.display = ":" + file.readline().strip()
        self.env = dict(os.environ, DISPLAY=self.display, GTK_A11Y="none", HOME=world.work,
                        XDG_DATA_HOME=world.work + "/data", XDG_CONFIG_HOME=world.work + "/config",
                        # looking through all of GStreamer's plugins in a new home takes 2 s
                        GST_REGISTRY=os.path.join(BUILD, "gstreamer-registry.bin"))
        self.run("openbox")

    def run(self, *argv, **more):
        process = subprocess.Popen(argv, env=self.env, stdin=subprocess.DEVNULL,
                                   stdout=more.pop("stdout", subprocess.DEVNULL),
                                   stderr=more.pop("stderr", subprocess.DEVNULL), **more)
        self.processes.append(process)
        return process

    def tool(self, *argv):
        return subprocess.run(argv, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True).stdout.strip()

    def picture(self, path):
        subprocess.run(["import", "-window", "root", path], env=self.env, check=True)

    def close(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
