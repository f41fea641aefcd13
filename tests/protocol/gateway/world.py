"""A gateway in a folder of its own, with a broker and displays played here.

The broker is played at its boundary, RUN/gateway.sock and RUN/api.sock, so
that a test can make it slow, wrong or dead; what a real broker decides is
tested with it elsewhere.
"""
import atexit, hashlib, json, os, shutil, signal, socket, ssl, struct, subprocess, sys, tempfile, threading, time, traceback

ROOT = os.environ.get("ORIEL_ROOT", os.path.abspath(os.path.join(os.path.dirname(__file__), "../../..")))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
ORIELD = os.path.join(BUILD, "bin", "orield")
TICKET = "0123456789abcdef" * 2
SESSION = "fedcba9876543210" * 4


# ---- TAP ----

_count = _failed = 0


def ok(condition, text, detail=""):
    global _count, _failed
    _count += 1
    if not condition:
        _failed += 1
    print("%sok %d - %s" % ("" if condition else "not ", _count, text), flush=True)
    if not condition and detail != "":
        print("# " + repr(detail)[:2000].replace("\n", "\n# "), flush=True)
    return condition


def same(got, wanted, text):
    return ok(got == wanted, text, (got, wanted))


def finish():
    print("1..%d" % _count)
    sys.exit(1 if _failed else 0)


def until(condition, seconds=40.0):
    """Polls; the last value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.02)


# ---- the peers ----

class Lines:
    """One connection of common/jsonline.h."""

    def __init__(self, connection):
        self.connection, self.file = connection, connection.makefile("rb")

    def read(self):
        line = self.file.readline()
        return json.loads(line) if line else None

    def send(self, **message):
        self.connection.sendall(json.dumps(message).encode() + b"\n")

    def close(self):
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.file.close()
        self.connection.close()


class Server:
    """A unix socket; serve(connection) runs in a thread for each client."""

    def __init__(self, path, serve):
        self.path, self.serve, self.open = path, serve, set()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen(64)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.open.add(connection)
            threading.Thread(target=self.guard, args=(connection,), daemon=True).start()

    def guard(self, connection):
        try:
            self.serve(connection)
        except (OSError, ValueError):
            pass
        except Exception:
            traceback.print_exc()
        self.open.discard(connection)
        connection.close()

    def close(self):
        """Gone like a process that died."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        if os.path.exists(self.path):
            os.unlink(self.path)


class Broker:
    """answer(request) gives the reply's members, {"error":..}, or None for
    silence. Links and requests are kept for the test to look at."""

    def __init__(self, path, answer):
        self.path, self.answer = path, answer
        self.requests, self.links, self.ended = [], [], 0
        self.server = None
        self.start()

    def start(self):
        self.server = Server(self.path, self.serve)

    def stop(self):
        self.server.close()

    def serve(self, connection):
        lines = Lines(connection)
        self.links.append(lines)
        while (request := lines.read()) is not None:
            self.requests.append(request)
            answer = self.answer(request)
            if answer is None:
                continue
            if "error" not in answer:
                answer = dict(answer, ok=True)
            lines.send(id=request["id"], **answer)
        self.ended += 1

    def asked(self, op):
        return [r for r in self.requests if r["op"] == op]


# ---- the gateway ----

class World:
    def __init__(self, *options, config=None, start=True):
        self.root = tempfile.mkdtemp(prefix="oriel-gateway-")
        self.run = os.path.join(self.root, "run")
        os.makedirs(self.run)
        if config:
            os.makedirs(os.path.join(self.root, "etc"))
            with open(os.path.join(self.root, "etc/oriel.conf"), "w") as file:
                file.write(config)
        self.options, self.process = options, None
        self.log_path = os.path.join(self.root, "log")
        atexit.register(self.clean)
        if start:
            self.start()

    def start(self, *options):
        """The gateway role alone; its exit status, or None once it serves."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [ORIELD, "--role", "gateway", "--root", self.root, "--https-port", "0", "--rfb-port", "0", "--verbose",
                 *self.options, *options], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        facts = os.path.join(self.run, "gateway.json")
        until(lambda: os.path.exists(facts) or self.process.poll() is not None, 20)
        if self.process.poll() is not None:
            return self.process.returncode
        self.facts = json.load(open(facts))
        self.https, self.rfb = self.facts["https"], self.facts["rfb"]
        return None

    def stop(self, number=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(20)

    def clean(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.root, ignore_errors=True)

    def log(self):
        return open(self.log_path, errors="replace").read()

    def path(self, name):
        return os.path.join(self.run, name)

    def workers(self):
        """pids of the connections' processes"""
        found = []
        for pid in os.listdir("/proc"):
            if pid.isdigit():
                try:
                    with open("/proc/%s/stat" % pid) as file:
                        words = file.read().rsplit(")", 1)[1].split()
                    if int(words[1]) == self.process.pid and words[0] != "Z":
                        found.append(int(pid))
                except OSError:
                    pass
        return found

    # clients

    def tcp(self, port=None, timeout=15):
        connection = socket.create_connection(("127.0.0.1", port or self.https), timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def tls(self, port=None, timeout=15, **settings):
        return secure(self.tcp(port, timeout), **settings)

    def ask(self, text, **more):
        """One request over a fresh connection: (status, headers, body)."""
        with self.tls(**more) as client:
            client.sendall(text.encode("latin-1") if isinstance(text, str) else text)
            return read_answer(client)

    def tunnel(self, credential="Oriel-Ticket " + TICKET, extra="", **more):
        client = self.tls(**more)
        client.sendall(tunnel_head(credential, extra).encode())
        status, headers, body = read_answer(client, body=False)
        return client, status, headers, body


def secure(connection, alpn=None, least=None, most=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(alpn)
    if least:
        context.minimum_version = least
    if most:
        context.maximum_version = most
    return context.wrap_socket(connection, suppress_ragged_eofs=True)


def tunnel_head(credential, extra="", path="/tunnel/v1/rfb"):
    return ("GET %s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: oriel-tunnel\r\n"
            "Authorization: %s\r\n%s\r\n" % (path, credential, extra))


def read_answer(client, body=True):
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(65536)
        if not more:
            return None, {}, data
        data += more
    head, rest = data.split(b"\r\n\r\n", 1)
    lines = head.decode("latin-1").split("\r\n")
    headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
    if body:
        wanted = int(headers.get("content-length", 0))
        while len(rest) < wanted and (more := client.recv(65536)):
            rest += more
    status = int(lines[0].split()[1])
    if body and headers.get("content-type") == "application/json":
        rest = json.loads(rest)
    return status, headers, rest


def read_exactly(client, size):
    data = bytearray()
    while len(data) < size:
        more = client.recv(min(size - len(data), 1 << 20))
        if not more:
            break
        data += more
    return bytes(data)


def ended(client, seconds=10):
    """The other side closes without another byte."""
    try:
        if client.fileno() < 0:
            return True  # and a display's thread has noticed before us
        client.settimeout(seconds)
        got = client.recv(1)
        return got == b"" or print("# not the end but", got)
    except TimeoutError:
        return False
    except OSError:
        return True


def until_eof(connection, seconds=120):
    """Waits for the other side's end without taking what the test reads."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b"":
                return
        except BlockingIOError:
            pass
        time.sleep(0.02)


def private_kb(pid):
    with open("/proc/%d/smaps_rollup" % pid) as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Private"))
