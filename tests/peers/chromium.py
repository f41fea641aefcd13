"""Debian's Chromium without a screen, driven through its own pipe.

Browser() starts one with an empty profile; page() opens a tab. The DevTools
protocol goes over two descriptors, a JSON text and a zero byte each, so that
no port is opened. Nothing here waits for a time, only for what is to happen.
"""
import base64, itertools, json, os, queue, shutil, subprocess, tempfile, threading, time

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    def __init__(self, width=1280, height=800, key_hash=None, flags=()):
        """key_hash: the one public key, besides those of authorities, that
        certificates may have (base64 of its SHA-256)."""
        self.home = tempfile.mkdtemp(prefix="oriel-chromium-")
        theirs_in, self.to = os.pipe()
        self.back, theirs_out = os.pipe()

        def wire():
            # what a name is given to must not be closed by the other
            a, b = os.dup(theirs_in), os.dup(theirs_out)
            high = [os.dup(a), os.dup(b)]
            os.dup2(a if a > 4 else high[0], 3)
            os.dup2(b if b > 4 else high[1], 4)
        args = [PROGRAM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-breakpad",
                "--disable-dev-shm-usage", "--no-proxy-server", "--mute-audio", "--hide-scrollbars",
                "--remote-debugging-pipe", "--user-data-dir=" + self.home, "--window-size=%d,%d" % (width, height), *flags]
        if key_hash:
            args.append("--ignore-certificate-errors-spki-list=" + key_hash)
        self.log = open(os.path.join(self.home, "log"), "wb")
        self.process = subprocess.Popen([*args, "about:blank"], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        close_fds=False, preexec_fn=wire, env=dict(os.environ, HOME=self.home))
        os.close(theirs_in)
        os.close(theirs_out)
        self.numbers, self.answers, self.pages = itertools.count(1), {}, {}
        self.lock = threading.Lock()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        data = b""
        while True:
            try:
                more = os.read(self.back, 1 << 20)
            except OSError:
                return
            if not more:
                for waiting in self.answers.values():
                    waiting.put({"error": {"message": "the browser ended"}})
                return
            data += more
            while b"\0" in data:
                one, data = data.split(b"\0", 1)
                message = json.loads(one)
                if "id" in message:
                    self.answers.pop(message["id"]).put(message)
                elif message.get("sessionId") in self.pages:
                    self.pages[message["sessionId"]].event(message["method"], message["params"])

    def call(self, method, session=None, seconds=60, **params):
        message = dict(id=next(self.numbers), method=method, params=params)
        if session:
            message["sessionId"] = session
        waiting = self.answers[message["id"]] = queue.Queue()
        with self.lock:
            os.write(self.to, json.dumps(message).encode() + b"\0")
        answer = waiting.get(timeout=seconds)
        if "error" in answer:
            raise RuntimeError("%s: %s" % (method, answer["error"]["message"]))
        return answer["result"]

    def page(self, address=None):
        return Page(self, address)

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for fd in (self.to, self.back):
            os.close(fd)
        self.log.close()
        shutil.rmtree(self.home, ignore_errors=True)


class Page:
    def __init__(self, browser, address):
        self.browser = browser
        self.complaints = []  # errors of scripts, and what the policy blocked
        self.target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        browser.pages[self.session] = self
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")
        if address:
            self.open(address)

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def event(self, method, params):
        if method == "Runtime.exceptionThrown":
            self.complaints.append(params["exceptionDetails"].get("exception", {}).get("description") or params["exceptionDetails"]["text"])
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(params["entry"]["text"] + " " + params["entry"].get("url", ""))
        elif method == "Page.javascriptDialogOpening":
            threading.Thread(target=self.call, args=("Page.handleJavaScriptDialog",), kwargs=dict(accept=True), daemon=True).start()

    def open(self, address):
        return self.call("Page.navigate", url=address)

    def run(self, script):
        """The value of an expression; promises are waited for."""
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"].get("exception", {}).get("description", "it failed"))
        return result["result"].get("value")

    def until(self, script, seconds=60):
        """The expression's value once it is true, or its last one."""
        end = time.monotonic() + seconds
        while True:
            try:
                value = self.run(script)
            except RuntimeError:  # the page is being changed
                value = None
            if value or time.monotonic() > end:
                return value
            time.sleep(0.05)

    def visible(self, selector):
        return "(e => e && e.checkVisibility() && e.textContent.trim() + ' ')(document.querySelector(%s))" % json.dumps(selector)

    def text(self, selector):
        return (self.run("(document.querySelector(%s) || {}).innerText || ''" % json.dumps(selector)) or "").strip()

    def where(self, selector):
        box = self.run("(r => [r.x, r.y, r.width, r.height])(document.querySelector(%s).getBoundingClientRect())" % json.dumps(selector))
        return box

    def click(self, selector):
        x, y, w, h = self.where(selector)
        self.mouse(x + w / 2, y + h / 2)

    def mouse(self, x, y, button="left", kinds=("mouseMoved", "mousePressed", "mouseReleased")):
        for kind in kinds:
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="none" if kind == "mouseMoved" else button,
                      buttons=0 if kind != "mousePressed" else 1, clickCount=0 if kind == "mouseMoved" else 1)

    def type(self, text):
        """As a person on an American keyboard."""
        for character in text:
            code = "Key" + character.upper() if character.isalpha() else "Digit" + character if character.isdigit() else "Space"
            self.key(character, code, ord(character.upper()), text=character)

    def key(self, key, code, number, text=None, modifiers=0):
        for kind in ("keyDown", "keyUp"):
            more = dict(text=text) if text and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code, windowsVirtualKeyCode=number, modifiers=modifiers, **more)

    def size(self, width, height, scale=1, mobile=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=mobile)

    def dark(self, is_dark):
        self.call("Emulation.setEmulatedMedia", features=[dict(name="prefers-color-scheme", value="dark" if is_dark else "light")])

    def picture(self, path=None):
        png = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        if path:
            with open(path, "wb") as file:
                file.write(png)
        return png
