"""Every device of oriel-vmm at once, driven by Debian's own drivers in a small guest."""
import os, re, socket, subprocess, time
from lab import OUT, Lines, Qmp, local, note, ok, until
from small import CMDLINE, INITRD, make_initrd

# more than the emulated host has upset its emulator's SVM now and then
CPUS, MEMORY, MAC = 2, 512, "52:54:00:6f:72:6a"
INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /bin
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read m; do insmod /m/$m; done </m/order
port=
until [ "$port" ]; do
	for p in /sys/class/virtio-ports/*; do
		[ "$(cat $p/name)" = org.oriel.shell ] && port=/dev/${p##*/}
	done
done
# one can open it only once, and it ends while nobody is at its other end
while :; do
	sh -s 0<>$port 1>&0 2>&1
	sleep 1
done
"""
MODULES = ["virtio_pci", "virtio_blk", "virtio_net", "virtio_console", "virtio_gpu", "virtio_input", "evdev",
           "virtio_balloon", "virtio-rng", "vmw_vsock_virtio_transport", "pvpanic-mmio", "snd-hda-codec-generic",
           "snd-hda-intel", "snd-pcm-oss"]


class Shell:
    """A shell of the guest behind one of its ports."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.count = 0

    def run(self, line, seconds=60):
        self.count += 1
        end = "END-%d-" % self.count
        self.socket.settimeout(seconds)
        self.socket.sendall(("{ %s\n} 2>&1; echo %s$?-\n" % (line, end)).encode())
        out = b""
        while (end.encode() not in out) or not out.rstrip().endswith(b"-"):
            more = self.socket.recv(65536)
            if not more:
                raise EOFError
            out += more
        return out.decode(errors="replace").split(end)[0]


def resident(pid):
    """MiB of the guest's memory that the host holds."""
    total, inside = 0, False
    with open("/proc/%d/smaps" % pid) as file:
        for line in file:
            if match := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
                inside = int(match.group(2), 16) - int(match.group(1), 16) == MEMORY << 20
            elif inside and line.startswith("Rss:"):
                total += int(line.split()[1])
    return total / 1024


def main():
    make_initrd(INIT, MODULES, ["/usr/bin/socat"])
    disk, log = "/tmp/devices.img", OUT + "/devices.log"
    with open(disk, "wb") as file:
        file.truncate(64 << 20)
    has_vsock = subprocess.run(["modprobe", "vhost_vsock"]).returncode == 0
    subprocess.run(["modprobe", "tun"])
    subprocess.run("ip tuntap add dev oriel0 mode tap && ip addr add 10.99.0.1/24 dev oriel0 && ip link set oriel0 up",
                   shell=True)
    command = ["/lab/build/bin/oriel-vmm", "--cpus", str(CPUS), "--memory", str(MEMORY), "--heads", "4", "--kernel",
               local("bzimage"), "--kernel-cache", "/tmp/kernels", "--initrd", INITRD, "--cmdline", CMDLINE,
               "--serial", "file:" + OUT + "/devices.serial", "--qmp", "/tmp/devices.qmp"]
    for device in (["virtio-gpu", "virtio-blk,serial=oriel,path=" + disk, "virtio-rng", "virtio-balloon", "intel-hda",
                    "virtio-keyboard", "virtio-tablet,head=0", "virtio-touch",
                    "virtio-net,mac=%s,backend=tap:oriel0" % MAC,
                    "virtio-console,port1=unix:/tmp/shell.sock,name1=org.oriel.shell,port2=null,name2=org.oriel.two,"
                    "port3=null,name3=org.oriel.three"] + ["virtio-vsock,cid=5"] * has_vsock):
        command += ["--device", device]
    begin = time.monotonic()
    vmm = subprocess.Popen(command, stdout=open(log, "w"), stderr=subprocess.STDOUT)
    qmp = Qmp("/tmp/devices.qmp")
    shell = until(lambda: Shell("/tmp/shell.sock"), 60)
    try:
        up = shell and shell.run("echo up", 240)
    except (OSError, EOFError):
        up = None
    if not ok(up == "up\n", "a small guest with every device starts, and answers on a named port"):
        note(repr(up), open(OUT + "/devices.serial", errors="replace").read()[-2000:], open(log).read())
        vmm.kill()
        return
    note("up after %.0f s" % (time.monotonic() - begin))
    ok(shell.run("nproc").strip() == str(CPUS), "%d CPUs are there" % CPUS)
    said = shell.run("cat /sys/class/virtio-ports/*/name | sort | tr '\\n' ' '")
    ok(said.split() == ["org.oriel.shell", "org.oriel.three", "org.oriel.two"], "and three named ports")
    said = shell.run("ls /sys/class/drm | grep Virtual | tr '\\n' ' '; cat /sys/class/drm/*Virtual*/status")
    ok(all("Virtual-%d" % i in said for i in (1, 2, 3, 4)), "the graphics card has four outputs")
    said = shell.run("cat /proc/bus/input/devices")
    ok(all(name in said for name in ("Oriel Keyboard", "Oriel Tablet", "Oriel Touch Screen")), "all input devices")
    said = shell.run("cat /sys/class/misc/hw_random/rng_current; dd if=/dev/hwrng bs=512 count=8 2>/dev/null | md5sum")
    ok("virtio" in said and "d41d8" not in said, "random numbers come from the host")

    # a second each way at 8 kHz, through the kernel's old interface, which makes 48 kHz stereo of it
    said = shell.run("dmesg | grep -i -e hda -e snd; cat /proc/asound/cards; head -c 8000 /dev/urandom >/dev/dsp && echo played; "
                     "head -c 8000 /dev/dsp | wc -c")
    sound = qmp.ask("x-oriel-stats")["return"]["sound"]
    note("sound", said.split("\n"), sound)
    ok("HDA Intel" in said and "played" in said and sound["played-bytes"] >= 150000, "Linux plays sound")
    ok("8000" in said.split() and sound["recorded-bytes"] >= 150000, "and records")

    shell.run("ip addr add 10.99.0.2/24 dev eth0; ip link set eth0 up")
    said = shell.run("for i in 1 2 3 4 5; do ping -c1 -W5 10.99.0.1 && break; done")
    ok(" 0% packet loss" in said, "a tap carries its network")
    if not has_vsock:
        note("no vhost_vsock in this kernel")
    else:
        shell.run("socat VSOCK-LISTEN:1234,fork SYSTEM:'echo from the guest' >/dev/null 2>&1 &")

        def ask():
            link = socket.socket(socket.AF_VSOCK)
            link.settimeout(10)
            link.connect((5, 1234))
            return link.recv(100)
        ok(until(ask, 30) == b"from the guest\n", "vsock: the host reaches the guest")
        server = socket.socket(socket.AF_VSOCK)
        server.bind((socket.VMADDR_CID_ANY, 4321))
        server.listen()
        server.settimeout(30)
        shell.run("head -c 300000 /dev/zero | socat - VSOCK-CONNECT:2:4321 >/dev/null 2>&1 &")
        link, got = server.accept()[0], 0
        link.settimeout(30)
        while more := link.recv(65536):
            got += len(more)
        ok(got == 300000, "vsock: the guest reaches the host: %d bytes" % got)

    net = {"type": "stream", "id": "n", "server": True, "addr": {"type": "unix", "path": "/tmp/late.sock"}}
    card = {"driver": "virtio-net-pci", "id": "late", "netdev": "n", "mac": "52:54:00:6f:72:6b"}
    ok("return" in qmp.ask("netdev_add", **net) and "return" in qmp.ask("device_add", **card) and
       until(lambda: "52:54:00:6f:72:6b" in shell.run("cat /sys/class/net/*/address"), 60, 1),
       "Linux finds a card that comes while it runs")
    qmp.ask("device_del", id="late")
    try:
        gone = qmp.wait("DEVICE_DELETED", 60)["data"]["device"] == "late"
    except (OSError, EOFError):
        gone = False
    ok(gone and "52:54:00:6f:72:6b" not in shell.run("cat /sys/class/net/*/address"), "and lets go of it when asked")

    shell.run("dd if=/dev/urandom of=/dev/vda bs=1M count=16 conv=fsync 2>/dev/null")
    before = os.stat(disk).st_blocks
    said = shell.run("cat /sys/block/vda/queue/discard_max_bytes /sys/block/vda/queue/write_zeroes_max_bytes "
                     "/sys/block/vda/serial; blkdiscard /dev/vda && echo discarded")
    ok("discarded" in said and "oriel" in said and os.stat(disk).st_blocks < before / 4,
       "a discard frees the host's blocks: %d of %d left" % (os.stat(disk).st_blocks, before))

    shell.run("mount -t tmpfs -o size=300m t /mnt 2>/dev/null || { mkdir -p /mnt; mount -t tmpfs -o size=300m t /mnt; }")
    shell.run("dd if=/dev/zero of=/mnt/f bs=1M count=200 2>/dev/null")
    full = resident(vmm.pid)
    shell.run("rm /mnt/f; echo 3 >/proc/sys/vm/drop_caches")
    less = until(lambda: resident(vmm.pid) < full - 150, 60, 1)
    ok(less, "the balloon reports free pages: the host held %d MiB, then %d" % (full, resident(vmm.pid)))

    ok("return" in qmp.ask("stop"), "all of it stops")
    time.sleep(1)
    ok("return" in qmp.ask("cont") and shell.run("echo on") == "on\n", "and goes on")
    stats = qmp.ask("x-oriel-stats")["return"]
    ok(not any(d["failures"] for d in stats["devices"]), "no device saw a broken ring")
    shell.socket.sendall(b"echo c >/proc/sysrq-trigger\n")
    try:
        ok(qmp.wait("GUEST_PANICKED", 60), "a panic of Linux is told")
    except (OSError, EOFError):
        ok(False, "a panic of Linux is told")
    ok("return" in qmp.ask("quit") and vmm.wait(30) == 0, "and the process ends in order")
    text = open(log).read()
    ok("broke the rules" not in text and "cannot go on" not in text, "nothing went wrong in the monitor's log")
    for path in (disk, "/tmp/shell.sock"):
        if os.path.exists(path):
            os.unlink(path)
