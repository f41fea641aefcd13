"""A broker of its own for each test, and the peers it talks to.

The broker is the real one (orield --role broker) under a root of its own.
What stands beyond its sockets is played here: a host and a gateway's worker
that speak the wire of docs/host-link.md and docs/tunnel.md, line by line, so
that a test can say what they say, when, and wrongly.
"""
import base64, glob, http.client, json, os, re, shutil, signal, socket, subprocess
import sys, tempfile, threading, time, traceback

BUILD = os.environ.get("BUILD") or os.path.join(os.path.dirname(__file__), "../../../build")
OR = os.path.join(BUILD, "bin", "orield")
CLI = os.path.join(BUILD, "bin", "oriel")


class Skip(Exception):
    pass


def sqlite_only():
    if PG:
        raise Skip("about SQLite's file")


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.raw = status, headers, body
        try:
            self.json = json.loads(body) if body else None
        except ValueError:
            self.json = None

    @property
    def code(self):
        return (self.json or {}).get("error", {}).get("code")

    @property
    def cause(self):
        return (self.json or {}).get("error", {}).get("cause", "")

    def __repr__(self):
        return "<%s %s>" % (self.status, self.raw[:300])


class Lines:
    """One side of a jsonline channel."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.buffer = b""
        self.next_id = 1

    def send(self, **message):
        self.socket.sendall(json.dumps(message).encode() + b"\n")

    def read(self, timeout=10):
        """The next message, or None at the end."""
        self.socket.settimeout(timeout)
        while b"\n" not in self.buffer:
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not more:
                return None
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


class Gateway(Lines):
    """A worker with one tunnel."""

    def ask(self, op, timeout=15, **members):
        number, self.next_id = self.next_id, self.next_id + 1
        self.send(id=number, op=op, protocol=members.pop("protocol", "rfb"),
                  peer=members.pop("peer", "192.0.2.7"), **members)
        self.events = []
        while True:
            message = self.read(timeout)
            if message is None:
                return None
            if message.get("id") == number:
                return message
            self.events.append(message)


class Host(Lines):
    """Does what it is told, at once, unless `script` says otherwise: a dict
    from an operation to a function of (host, message) that answers itself."""

    def __init__(self, root, name="testhost", machines=None, tasks=None, hello=True):
        super().__init__(os.path.join(root, "run/hosts.sock"))
        self.name, self.script, self.seen = name, {}, []
        self.machines = machines if machines is not None else {}
        self.tasks = tasks or []
        self.lock = threading.Lock()
        if hello:
            self.hello()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def hello(self):
        self.send(event="hello", version=1, host=self.name, boot_id="b1", cpus=2,
                  memory_mib=4096, engine="qemu", accelerator="tcg", findings=[],
                  machines=list(self.machines.values()), tasks=self.tasks)

    def send(self, **message):
        with self.lock:
            super().send(**message)

    def machine(self, id, state, **more):
        self.machines[id] = dict(machine=id, state=state, since=int(time.time()), stage="",
                                 fraction=0, accelerator="tcg", **dict(dict(viewers=0), **more))
        if state == "running":
            self.machines[id]["rfb"] = "unix:/nowhere/%s/rfb.sock" % id
        self.send(event="machine", **self.machines[id])

    def ok(self, message, **fields):
        self.send(id=message["id"], ok=True, **fields)

    def refuse(self, message, code, cause, remedy="Try something else."):
        self.send(id=message["id"], error=dict(code=code, cause=cause, remedy=remedy))

    def serve(self):
        while True:
            try:
                message = self.read(None)
            except OSError:
                return
            if message is None:
                return
            if "op" not in message:
                continue
            self.seen.append(message)
            handler = self.script.get(message["op"]) or getattr(
                self, message["op"].replace(".", "_").replace("-", "_"))
            try:
                handler(message) if message["op"] not in self.script else handler(self, message)
            except OSError:
                return

    def asked(self, op):
        return [m for m in self.seen if m["op"] == op]

    # what a host does
    def machine_create(self, m):
        self.machines.setdefault(m["machine"]["id"], dict(
            machine=m["machine"]["id"], state="off", since=int(time.time())))
        self.ok(m)

    def machine_start(self, m):
        self.ok(m)
        self.machine(m["machine"], "starting")
        self.machine(m["machine"], "running")

    def machine_stop(self, m):
        self.ok(m)
        self.machine(m["machine"], "stopping")
        self.machine(m["machine"], "off")

    def machine_reset(self, m):
        self.ok(m)

    def machine_disconnect(self, m):
        self.ok(m)

    def machine_policy(self, m):
        self.ok(m)

    def machine_message(self, m):
        self.ok(m)

    def snapshot_take(self, m):
        self.ok(m)

    def snapshot_revert(self, m):
        self.ok(m)

    def snapshot_remove(self, m):
        self.ok(m)

    def machine_remove(self, m):
        self.machines.pop(m["machine"], None)
        self.ok(m)

    def machine_picture(self, m):
        self.ok(m, png=base64.b64encode(b"\x89PNG picture of %d" % m["width"]).decode(), head=0)

    def machine_exec(self, m):
        given = base64.b64decode(m.get("input", ""))
        self.ok(m, exit=3, out=base64.b64encode(" ".join(m["argv"]).encode() + given).decode(),
                err=base64.b64encode(b"oops").decode())

    def image_build(self, m):
        self.ok(m)
        self.send(event="task", task=m["task"], state="running", stage="Packages", done=1,
                  total=2, message="")
        self.send(event="task", task=m["task"], state="done", stage="Done", done=2, total=2,
                  message="", manifest={"packages": [{"name": "hello", "version": "1"}]})

    def image_import(self, m):
        self.image_build(m)

    def image_install(self, m):
        self.ok(m)
        self.send(event="task", task=m["task"], state="running", stage="Installing", done=0, total=0)

    def task_finish(self, m):
        self.ok(m)
        self.send(event="task", task=m["task"], state="done", stage="Done", done=1, total=1,
                  message="", manifest={"profile": "linux"})

    def image_remove(self, m):
        self.ok(m)

    def task_cancel(self, m):
        self.ok(m)
        self.send(event="task", task=m["task"], state="cancelled", stage="", done=0, total=0,
                  message="", error=dict(code="cancelled", cause="Cancelled.", remedy=""))


class Postgres:
    """A server of PostgreSQL's of its own, on a unix socket and nowhere else.
    It does not run as root, so root starts it as its package's user."""

    def __init__(self, folder=None, durable=False):
        self.durable = durable
        self.folder = folder or tempfile.mkdtemp(prefix="oriel-pg-")
        self.count = 0
        self.process = None
        if folder:
            return
        versions = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
        if not versions:
            shutil.rmtree(self.folder)
            raise Skip("PostgreSQL's server is not installed (Debian's postgresql)")
        self.bin = os.path.dirname(versions[-1])
        self.user = ["setpriv", "--reuid=postgres", "--regid=postgres",
                     "--clear-groups"] if os.geteuid() == 0 else []
        os.chmod(self.folder, 0o711)
        if self.user:
            shutil.chown(self.folder, "postgres", "postgres")
        made = self.tool("initdb", "-D", self.folder + "/data", "-A", "trust", "-U", "oriel", "-N",
                         "--no-instructions", "-E", "UTF8", "--locale=C")
        assert made.returncode == 0, made.stdout
        self.start()

    def tool(self, name, *args):
        return subprocess.run(self.user + [os.path.join(self.bin, name)] + list(args), text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, cwd="/")

    def start(self):
        log = open(self.folder + "/log", "ab")
        # durable against kill -9 of its processes; the machine's own end is
        # not what is tested
        self.process = subprocess.Popen(self.user + [
            self.bin + "/postgres", "-D", self.folder + "/data", "-k", self.folder,
            "-c", "listen_addresses=", "-c", "unix_socket_permissions=0700", "-c", "fsync=" + ("on" if self.durable else "off"),
            "-c", "max_connections=80", "-c", "shared_buffers=16MB"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        end = time.monotonic() + 60
        while self.sql("SELECT 1").returncode != 0:
            assert time.monotonic() < end and self.process.poll() is None, open(self.folder + "/log").read()
            time.sleep(0.05)

    def sql(self, text, database="postgres"):
        return subprocess.run(["psql", "-h", self.folder, "-U", "oriel", "-d", database, "-XAtqc", text],
                              text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)

    def address(self, name):
        return "postgresql://oriel@/%s?host=%s" % (name, self.folder)

    def create(self):
        self.count += 1
        name = "w%d_%d" % (os.getpid(), self.count)
        made = self.sql("CREATE DATABASE %s TEMPLATE template0" % name)
        assert made.returncode == 0, made.stdout
        return self.address(name)

    def signal(self, how, wait=True):
        self.process.send_signal(how)
        if wait:
            self.process.wait(30)

    def end(self):
        if self.process and self.process.poll() is None:
            self.signal(signal.SIGINT)  # its "fast" shutdown
        shutil.rmtree(self.folder, ignore_errors=True)


# the tests of a world on PostgreSQL: postgresql.test has started a server
PG = Postgres(os.environ["ORIEL_TEST_PG"]) if os.environ.get("ORIEL_TEST_PG") else None


class World:
    def __init__(self, root=None, start=True):
        self.top = tempfile.mkdtemp(prefix="oriel-api-")
        self.root = root or os.path.join(self.top, "root")
        self.data = os.path.join(self.top, "data")
        os.makedirs(os.path.join(self.data, "images"))
        for name in ("small", "large"):
            self.recipe(name)
        self.process = None
        self.hosts = []
        self.database = None
        if PG:
            self.database = PG.create()
            self.configure("[broker]\nstore = %s\n" % self.database)
        if start:
            self.start()

    def sql(self, text):
        """Straight into the store, beside the broker: rows of text."""
        if PG:
            said = PG.sql(text, self.database.split("?")[0].rsplit("/", 1)[1])
            assert said.returncode == 0, said.stdout
            return [line.split("|") for line in said.stdout.splitlines()]
        import sqlite3
        with sqlite3.connect(self.root + "/lib/store.db", timeout=5) as db:
            rows = [[str(cell) for cell in row] for row in db.execute(text)]
        db.close()
        return rows

    def stored(self):
        """All that is kept, as bytes."""
        if PG:
            names = PG.sql("SELECT table_name FROM information_schema.tables WHERE table_schema='public'",
                           self.database.split("?")[0].rsplit("/", 1)[1]).stdout.split()
            assert "sessions" in names
            return b"".join(json.dumps(self.sql("SELECT * FROM " + n)).encode() for n in names)
        kept = b""
        for end in ("", "-wal"):
            with open(self.root + "/lib/store.db" + end, "rb") as file:
                kept += file.read()
        return kept

    def configure(self, text):
        os.makedirs(os.path.join(self.root, "etc"), exist_ok=True)
        with open(os.path.join(self.root, "etc/oriel.conf"), "w") as file:
            file.write(text)

    def recipe(self, name, text=""):
        with open(os.path.join(self.data, "images", name + ".recipe"), "w") as file:
            file.write("[image]\ntitle = The %s one\ndescription = For tests.\n%s" % (name, text))

    def spawn(self, **more):
        env = dict(os.environ, ORIEL_DATADIR=self.data)
        self.log = open(os.path.join(self.top, "log"), "ab")
        return subprocess.Popen([OR, "--role", "broker", "--root", self.root], env=env,
                                stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, **more)

    def start(self):
        self.process = self.spawn()
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError("the broker ended: " + self.logged())
            try:
                if self.call("GET", "/healthz", prefix="").status == 200:
                    return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError("the broker does not serve: " + self.logged())

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(20)

    def kill(self):
        return self.stop(signal.SIGKILL)

    def logged(self):
        with open(os.path.join(self.top, "log"), errors="replace") as file:
            return file.read()

    def host(self, **more):
        host = Host(self.root, **more)
        self.hosts.append(host)
        self.until(lambda: host.name in [h["name"] for h in self.get("/status")["hosts"]])
        return host

    def gateway(self):
        return Gateway(os.path.join(self.root, "run/gateway.sock"))

    def end(self):
        for host in self.hosts:
            host.close()
        status = 0
        if self.process and self.process.poll() is None:
            status = self.stop()
        said = self.logged() if os.path.exists(os.path.join(self.top, "log")) else ""
        shutil.rmtree(self.top, ignore_errors=True)
        # a broker ends in order, and nothing of GLib or a sanitizer speaks up
        assert status == 0 and not re.search(r"Sanitizer|runtime error|CRITICAL|WARNING \*\*", said), said[-4000:]

    # HTTP
    def connect(self, sock="admin", peer="192.0.2.1"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(40)
        connection.connect(os.path.join(self.root, "run", sock + ".sock"))
        if sock == "api" and peer is not None:
            connection.sendall(b"PEER %s 4711\n" % peer.encode())
        return connection

    def raw(self, data, sock="api", peer="192.0.2.1", wait=5):
        """Bytes in, everything that comes back until the end or silence."""
        with self.connect(sock, peer) as connection:
            connection.settimeout(wait)
            got = b""
            try:
                connection.sendall(data)
                while True:
                    more = connection.recv(65536)
                    if not more:
                        break
                    got += more
                    head, _, body = got.partition(b"\r\n\r\n")
                    size = re.search(rb"content-length: (\d+)", head, re.I)
                    if size and len(body) >= int(size.group(1)):
                        break
            except (socket.timeout, ConnectionError):
                pass
            return got

    def call(self, method, path, body=None, token=None, sock=None, peer="192.0.2.1",
             headers=None, prefix="/api/v1"):
        sock = sock or ("api" if token else "admin")
        connection = http.client.HTTPConnection("oriel", timeout=40)
        connection.sock = self.connect(sock, peer)
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = "Bearer " + token
        data = body
        if body is not None and not isinstance(body, (bytes, str)):
            data = json.dumps(body)
        try:
            connection.request(method, prefix + path, data, headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path, token=None):
        answer = self.call("GET", path, token=token)
        assert answer.status == 200, (path, answer)
        return answer.json

    def sign_in(self, user, password, peer="192.0.2.1"):
        return self.call("POST", "/sessions", dict(user=user, password=password), sock="api",
                         peer=peer)

    def add_user(self, user, role="user", password="correct horse"):
        answer = self.call("POST", "/users", dict(user=user, password=password, role=role))
        assert answer.status == 201, answer
        answer = self.sign_in(user, password)
        assert answer.status == 201, answer
        return answer.json["token"]

    def build(self, recipe="small"):
        answer = self.call("POST", "/images", dict(recipe=recipe))
        assert answer.status == 202, answer
        task = answer.json["task"]
        self.until(lambda: self.get("/tasks/" + task)["state"] == "done")
        return task

    def pool(self, name="office", **more):
        answer = self.call("PUT", "/pools/" + name, dict(dict(image="small"), **more))
        assert answer.status == 200, answer
        return answer.json

    def running(self, token, pool="office"):
        answer = self.call("POST", "/pools/%s/desktop" % pool, token=token)
        assert answer.status in (200, 202), answer
        id = answer.json["id"]
        self.wait_state(id, "running")
        return id

    def wait_state(self, id, state, seconds=10):
        self.until(lambda: self.get("/desktops/" + id)["state"] == state, seconds)

    def until(self, true, seconds=60):
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                raise AssertionError("did not come to pass within %d s\n%s" % (
                    seconds, self.logged()[-2000:]))
            time.sleep(0.02)

    def cli(self, *args, input=None, env=None, timeout=60):
        return subprocess.run([CLI, "--root", self.root] + list(args), text=True,
                              capture_output=True, timeout=timeout, env=env,
                              **(dict(input=input) if input is not None
                                 else dict(stdin=subprocess.DEVNULL)))


def office(**more):
    """A broker with host, image, pool `office`, and the user ada."""
    world = World()
    world.host_ = world.host()
    world.build()
    world.pool(**more)
    world.ada = world.add_user("ada")
    return world


TESTS = []


def test(function):
    TESTS.append(function)
    return function


def equal(got, wanted, what=""):
    assert got == wanted, "%s: got %r, wanted %r" % (what or "differs", got, wanted)


def main():
    wanted = sys.argv[1:]
    tests = [t for t in TESTS if not wanted or any(w in t.__name__ for w in wanted)]
    print("1..%d" % len(tests), flush=True)
    failed = 0
    for number, function in enumerate(tests, 1):
        name = function.__name__.replace("_", " ")
        started = time.monotonic()
        try:
            function()
            print("ok %d - %s # %.1f s" % (number, name, time.monotonic() - started), flush=True)
        except Skip as why:
            print("ok %d - %s # SKIP %s" % (number, name, why), flush=True)
        except Exception:
            failed += 1
            for line in traceback.format_exc().splitlines():
                print("# " + line)
            print("not ok %d - %s" % (number, name), flush=True)
    sys.exit(1 if failed else 0)
