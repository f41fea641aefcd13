"""What a recording is made on: an X screen, the applications on it, the
recorder, and pages that a browser shows step by step."""
import http.server, os, queue, shutil, subprocess, tempfile, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
BIN = os.path.join(ROOT, os.environ.get("BUILD", "build"), "bin")
#: frame number at both ends of the screen, and where a key press is answered
MARKS = ["mark", "0", "0", "8", "mark", "1792", "1072", "8", "key", "512", "0", "8"]


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
        return subprocess.run(command, env=self.env, check=True, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=60).stdout

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


class Page:
    """A page of a browser that draws a step when told. It asks for /step,
    which is answered when next() is called, and again once that is drawn."""
    SCRIPT = """<script>
async function steps() {
	for (let n = 0;; n++) {
		await fetch('/step?' + n);
		show(n);
		await new Promise(requestAnimationFrame);
		await new Promise(requestAnimationFrame);
	}
}
Promise.all([...document.images].map(i => i.decode())).then(steps);
</script>"""

    def __init__(self, screen, html, pictures):
        page = self
        self.asked, self.answers = queue.Queue(), queue.Queue()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body, kind = b"", "text/plain"
                if self.path.startswith("/step"):
                    page.asked.put(self.path)
                    if page.answers.get() is None:
                        return
                elif self.path.endswith(".jpg"):
                    with open(pictures[int(self.path[1:-4])], "rb") as file:
                        body, kind = file.read(), "image/jpeg"
                elif self.path == "/":
                    body, kind = (html + Page.SCRIPT).encode(), "text/html; charset=utf-8"
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        screen.start("chromium", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--kiosk",
                     "--disable-background-networking", "--disable-component-update", "--disable-sync", "--test-type",
                     "--no-default-browser-check", "--password-store=basic", "--disable-features=Translate",
                     "--hide-scrollbars=false", "--user-data-dir=" + os.path.join(screen.home, "chromium"),
                     "--app=http://127.0.0.1:%d/" % self.server.server_address[1])
        self.asked.get(timeout=120)

    def next(self):
        self.answers.put(True)
        self.asked.get(timeout=60)

    def end(self):
        self.answers.put(None)
        self.server.shutdown()
        self.server.server_close()
