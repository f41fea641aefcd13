"""The stock spice-webdavd without a guest: its port is a terminal in raw mode,
in a /dev of its own, behind a played machine's port. What somebody in the guest
asks it is asked here."""
import http.client
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import tty

NAME = "org.spice-space.webdav.0"
PROGRAM = "spice-webdavd"
NEEDS = ("dbus-daemon", "avahi-daemon")
SEARCHED = os.environ.get("PATH", "") + ":/usr/sbin"
# Its port, and avahi, without which it does not start, on a bus of their own;
# what avahi tells stays in a network of its own.
OWN = """
set -e
dev=$1/dev
mount -t tmpfs none "$dev"
for node in null zero random urandom; do : >"$dev/$node"; mount --bind /dev/$node "$dev/$node"; done
mkdir "$dev/virtio-ports"
: >"$dev/virtio-ports/%s"
mount --bind "$2" "$dev/virtio-ports/%s"
mount --rbind "$dev" /dev
mount -t tmpfs none /run
echo avahi:x:0:0::/:/bin/false >/run/passwd
echo avahi:x:0: >/run/group
mount --bind /run/passwd /etc/passwd
mount --bind /run/group /etc/group
dbus-daemon --config-file="$1/bus.conf" --nofork --nopidfile &
until [ -S /run/bus ]; do sleep 0.05; done
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/bus
unshare -n avahi-daemon -f "$1/avahi.conf" --no-drop-root --no-chroot --no-rlimits --no-proc-title &
until dbus-send --system --print-reply --dest=org.freedesktop.Avahi / org.freedesktop.Avahi.Server.GetState >/dev/null 2>&1
do kill -0 $!; sleep 0.05; done
exec "$3" -p "$4"
""" % (NAME, NAME)
BUS = """<busconfig><type>system</type><listen>unix:path=/run/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>
"""


def missing():
    """Why it cannot run here, or None."""
    for program in (PROGRAM, *NEEDS):
        if not shutil.which(program, path=SEARCHED):
            return program + " is not installed"
    if subprocess.run(["unshare", "-rmpf", "true"], stderr=subprocess.DEVNULL).returncode:
        return "no namespaces for an unprivileged user"
    return None


class Webdavd:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="oriel-webdavd-")
        self.path = os.path.join(self.folder, "port")
        self.serve = ["--serve", "%s=%s" % (NAME, self.path)]  # for the player
        self.process = None

    def start(self):
        """Once the machine is there."""
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.log = open(os.path.join(self.folder, "log"), "w+")
        self.process = self.run()
        self.guest = socket.socket(socket.AF_UNIX)
        self.guest.connect(self.path)
        self.relay = threading.Thread(target=self.carry)
        self.relay.start()

    def run(self):
        os.mkdir(os.path.join(self.folder, "dev"))
        with open(os.path.join(self.folder, "bus.conf"), "w") as file:
            file.write(BUS)
        with open(os.path.join(self.folder, "avahi.conf"), "w") as file:
            file.write("[server]\nhost-name=guest\n[wide-area]\nenable-wide-area=no\n")
        return subprocess.Popen(
            ["unshare", "-rmpf", "--kill-child", "sh", "-c", OWN, "sh", self.folder, os.ttyname(self.slave), PROGRAM, str(self.port)],
            env=dict(os.environ, PATH=SEARCHED), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def carry(self):
        ends = {self.master: self.guest.fileno(), self.guest.fileno(): self.master}
        try:
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    data = os.read(end, 65536)
                    if not data:
                        return
                    while data:
                        data = data[os.write(ends[end], data):]
        except OSError:  # it has ended: a terminal tells that so
            pass

    def ask(self, method, path, body=None, **headers):
        """As a program of the guest does. 0: nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def end(self):
        with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)) as file:
            for child in file.read().split():
                os.kill(int(child), signal.SIGKILL)  # all of its namespace goes along

    def close(self):
        if self.process:
            self.end()
            self.process.wait()
            self.guest.shutdown(socket.SHUT_RDWR)
            self.relay.join()
            self.guest.close()
            os.close(self.master)
            os.close(self.slave)
            self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Folder(Webdavd):
    """What our images have in its place: oriel-folder, which needs no more than the port."""

    def run(self):
        self.changes = os.path.join(self.folder, "changes")
        changed = os.path.join(self.folder, "changed")
        with open(changed, "w") as file:
            file.write("#!/bin/sh\necho $1 >>%s\n" % self.changes)
        os.chmod(changed, 0o700)
        program = os.path.join(os.environ["ORIEL_ROOT"], os.environ["BUILD"], "bin", "oriel-folder")
        return subprocess.Popen([program, os.ttyname(self.slave), str(self.port), changed],
                                stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def changed(self):
        with open(self.changes) as file:
            return file.read().split()

    def end(self):
        self.process.terminate()
