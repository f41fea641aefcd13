"""The stock guest agent without a guest: spice-vdagentd and spice-vdagent on
an X screen of their own, behind a played machine's port. What is copied there,
and what comes into its folder of downloads, is looked at."""
import os, shutil, subprocess, tempfile, time
from screen import Xvfb

NEEDS = ("spice-vdagentd", "spice-vdagent", "Xvfb", "xclip")
PORT = "com.redhat.spice.0"


class Guest:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="oriel-guest-")
        self.port = os.path.join(self.folder, "port")
        self.serve = ["--serve", "%s=%s" % (PORT, self.port)]  # for the player
        self.downloads = os.path.join(self.folder, "downloads")
        os.mkdir(self.downloads)
        self.screen, self.parts = None, []

    def start(self):
        """Once the machine is there."""
        self.screen = Xvfb("640x480x24")
        agent = os.path.join(self.folder, "agent")
        env = dict(self.screen.env, XDG_RUNTIME_DIR=self.screen.home, NO_AT_BRIDGE="1", GTK_A11Y="none")
        env.pop("DBUS_SESSION_BUS_ADDRESS", None)
        self.log = open(os.path.join(self.folder, "log"), "w+")
        for words in (["spice-vdagentd", "-x", "-X", "-f", "-u", "/dev/null", "-s", self.port, "-S", agent],
                      ["spice-vdagent", "-x", "-s", self.port, "-S", agent, "-f", self.downloads, "-o", "0"]):
            self.parts.append(subprocess.Popen(words, env=env, stdout=self.log, stderr=self.log))
            end = time.monotonic() + 20
            while not os.path.exists(agent) and time.monotonic() < end:
                time.sleep(0.02)

    def arrived(self, name):
        path = os.path.join(self.downloads, name)
        if not os.path.exists(path):
            return None
        with open(path, "rb") as file:
            return file.read()

    def end(self):
        for part in reversed(self.parts):
            part.terminate()
            part.wait()
        if self.screen:
            self.screen.end()
            self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def copy(env, data, kind="UTF8_STRING"):
    """Puts it on an X screen's clipboard; whoever comes next takes it over."""
    done = subprocess.Popen(["xclip", "-selection", "clipboard", "-i", "-t", kind], env=env, stdin=subprocess.PIPE,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    done.communicate(data, timeout=20)


def pasted(env, kind="UTF8_STRING"):
    try:
        return subprocess.run(["xclip", "-selection", "clipboard", "-o", "-t", kind], env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=5).stdout
    except subprocess.TimeoutExpired:
        return None


SOURCE = """
import sys
from PyQt5 import QtCore, QtGui, QtWidgets
class Source(QtWidgets.QLabel):
    def mousePressEvent(self, event):
        drag, data = QtGui.QDrag(self), QtCore.QMimeData()
        data.setUrls([QtCore.QUrl.fromLocalFile(path) for path in sys.argv[1:]])
        drag.setMimeData(data)
        drag.exec_(QtCore.Qt.CopyAction)
app = QtWidgets.QApplication(sys.argv[:1])
source = Source("Drag me")
source.setWindowTitle("Source")
source.setWindowFlags(QtCore.Qt.WindowStaysOnTopHint)
source.setGeometry(%s, 120, 60)
source.show()
app.exec_()
"""


def drop(x, path, to, taken):
    """Drags a file from another program's window to a place on the screen, as
    a person does, until taken() says so."""
    source = subprocess.Popen(["/usr/bin/python3", "-c", SOURCE % "880, 690", path], env=x.env, stderr=subprocess.DEVNULL)
    try:
        x.run("xdotool", "search", "--sync", "--onlyvisible", "--name", "^Source$")
        for _ in range(8):
            x.run("xdotool", "mousemove", "940", "720", "mousedown", "1")
            for part in (0.05, 0.3, 0.7, 0.95, 1, 1):
                where = [round(a + (b - a) * part) for a, b in zip((940, 720), to)]
                x.run("xdotool", "mousemove", *map(str, where))
                time.sleep(0.03)
            x.run("xdotool", "mouseup", "1")
            end = time.monotonic() + 3
            while time.monotonic() < end:
                if taken():
                    return True
                time.sleep(0.05)
        return False
    finally:
        source.terminate()
        source.wait()
