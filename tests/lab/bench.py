"""oriel-vmm beside QEMU: the same guests, the same nested KVM, one run.

Lines that begin with "bench" are the result, PART.json holds them too;
nothing here passes or fails by a number. What runs on emulated hardware says
how two programs compare, not how fast either is.
"""
import glob, json, os, select, socket, statistics, subprocess, threading, time
import stall
from lab import OUT, Agent, Qmp, local, note, ok, until
from small import CMDLINE, INITRD, make_initrd

KERNEL = local("bzimage")
BLOCK_MIB, NET_MIB, ROUNDS, TURNS = 24, 4, 3, 2
MAC = "52:54:00:6f:72:69"
PASST = ["passt", "--quiet", "--foreground", "--address", "10.0.2.15", "--gateway", "10.0.2.2"]
RESULT = {}

INIT = """#!/bin/busybox sh
b=/bin/busybox
export PATH=/usr/bin
$b mkdir -p /proc /sys /dev
$b mount -t proc proc /proc
now() { $b cut -d' ' -f1 /proc/uptime; }
echo "MARK init $(now)"
case "$($b cat /proc/cmdline)" in
*do=boot*) ;;
*)
	$b mount -t sysfs sys /sys
	$b mount -t devtmpfs dev /dev
	while read m; do $b insmod /m/$m; done </m/order
	while [ ! -e /dev/vda ]; do $b usleep 20000; done
	$b ip addr add 10.0.2.15/24 dev eth0
	$b ip link set eth0 up
	$b ip route add default via 10.0.2.2
	for round in 1 2 3; do
		t=$(now)
		$b dd if=/dev/vda of=/dev/null bs=1M count=@BLOCK@ iflag=direct 2>/dev/null
		echo "MARK read $t $(now) @BLOCK@"
		t=$(now)
		$b dd if=/dev/zero of=/dev/vda bs=1M count=@BLOCK@ oflag=direct 2>/dev/null
		echo "MARK write $t $(now) @BLOCK@"
		t=$(now)
		$b dd if=/dev/vda of=/dev/null bs=4k count=1000 iflag=direct 2>/dev/null
		echo "MARK small-reads $t $(now) 4"
		t=$(now)
		got=$(socat -u TCP:10.0.2.2:9000 - | $b wc -c)
		echo "MARK net-in $t $(now) @NET@ $got"
		t=$(now)
		$b dd if=/dev/zero bs=64k count=$((16 * @NET@)) 2>/dev/null | socat -u - TCP:10.0.2.2:9001
		echo "MARK net-out $t $(now) @NET@"
	done
esac
echo "MARK end 0"
$b poweroff -f
""".replace("@BLOCK@", str(BLOCK_MIB)).replace("@NET@", str(NET_MIB))


def say(text):
    print("bench " + text, flush=True)


def oriel(do, disk, net):
    return ["/lab/build/bin/oriel-vmm", "--cpus", "1", "--memory", "512", "--kernel", KERNEL, "--kernel-cache",
            "/tmp/kernels", "--initrd", INITRD, "--cmdline", CMDLINE + " do=" + do, "--serial", "stdio", "--no-reboot",
            "--device", "virtio-blk,path=" + disk, "--device",
            "virtio-net,mac=%s,backend=%s" % (MAC, "passt:" + net if net else "none")]


def qemu(machine, unpacked=False):
    def command(do, disk, net):
        kernel = glob.glob("/tmp/kernels/*")[0] if unpacked else KERNEL
        netdev = ["-netdev", "stream,id=n,addr.type=unix,addr.path=" + net] if net else \
            ["-netdev", "user,id=n,restrict=on"]
        return ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-M", machine, "-accel", "kvm", "-cpu", "host",
                "-smp", "1", "-m", "512", "-display", "none", "-kernel", kernel, "-initrd", INITRD, "-append",
                CMDLINE + " do=" + do, "-serial", "stdio", "-no-reboot", "-drive",
                "if=none,id=d,format=raw,cache=writeback,aio=io_uring,file=" + disk, "-device",
                "virtio-blk-pci,drive=d" if machine == "q35" else "virtio-blk-device,drive=d",
                "-device", ("virtio-net-pci,netdev=n,romfile=,mac=" if machine == "q35"
                            else "virtio-net-device,netdev=n,mac=") + MAC] + netdev
    return command


def run(command, seconds=300, patience=90):
    """Seconds after exec at which each MARK came, and their words. A machine
    that says nothing for `patience` seconds is reported and ended, so that what
    comes after it is measured all the same."""
    begin = heard = time.monotonic()
    marks, text = [], b""
    with open(OUT + "/bench.log", "ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, bufsize=0)
        while not (marks and marks[-1][1][0] == "end"):
            now = time.monotonic()
            if now > begin + seconds or now > heard + patience:
                stall.report("%s did not get on for %d s, %d s after its start and %s" % (
                    command[0], now - heard, now - begin, marks[-1:]), [process.pid], None, [OUT + "/bench.log"])
                break
            if not select.select([process.stdout], [], [], 1)[0]:
                continue
            data = process.stdout.read(65536)
            if not data:
                log.write(b"%s ended with %s after %s\n" % (
                    command[0].encode(), str(ended(process)).encode(), str(marks[-1:]).encode()))
                note(command[0], "ended with", ended(process), "after", marks[-1:])
                break
            heard = now
            *lines, text = (text + data).split(b"\n")
            for line in lines:
                if line.startswith(b"MARK"):
                    marks.append((now - begin, line.decode(errors="replace").split()[1:]))
                else:
                    log.write(line + b"\n")
                    log.flush()
        process.kill()
        process.wait()
        process.stdout.close()
    return marks


def ended(process):
    try:
        return process.wait(5)
    except subprocess.TimeoutExpired:
        return "(its output closed)"


def starts():
    candidates = [("oriel-vmm", oriel), ("q35", qemu("q35")), ("microvm", qemu("microvm")),
                  ("q35 with unpacked kernel", qemu("q35", True))]
    times = RESULT["start_s"] = {}
    run(oriel("boot", "/tmp/disk.img", None))  # unpacks the kernel once
    for _ in range(ROUNDS):
        for name, command in candidates:
            marks = run(command("boot", "/tmp/disk.img", None))
            if found := [at for at, words in marks if words[0] == "init"]:
                times.setdefault(name, []).append(found[0])
                save("starts")
    for name, found in times.items():
        say("start to init: %-24s %.2f s (median of %d: %s)" % (
            name, statistics.median(found), len(found), " ".join("%.1f" % t for t in found)))
        if name != "oriel-vmm" and "oriel-vmm" in times:
            say("start to init: oriel-vmm / %s = %.2f" % (
                name, statistics.median(times["oriel-vmm"]) / statistics.median(found)))
    ok("oriel-vmm" in times, "oriel-vmm boots the bench's guest")


def send(link):
    blob = os.urandom(1 << 20)
    for _ in range(NET_MIB):
        link.sendall(blob)


def swallow(link):
    while link.recv(1 << 18):
        pass


def serve(port, how):
    """Answers each connection to a port with how(link), on threads."""
    server = socket.create_server(("127.0.0.1", port))

    def one(link):
        with link:
            try:
                how(link)
            except OSError:
                pass

    def all():
        while True:
            threading.Thread(target=one, args=(server.accept()[0],), daemon=True).start()
    threading.Thread(target=all, daemon=True).start()


def throughput():
    serve(9000, send)
    serve(9001, swallow)
    rates = RESULT["mib_per_s"] = {"oriel-vmm": {}, "q35": {}}
    for turn in range(TURNS):
        for name, command in (("oriel-vmm", oriel), ("q35", qemu("q35"))):
            net = "/tmp/passt-%s-%d.sock" % (name, turn)
            passt = subprocess.Popen(PASST + ["--socket", net], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            until(lambda: os.path.exists(net), 20, 0.1)
            marks = run(command("io", "/tmp/disk.img", net))
            note(name, [" ".join(w) for _, w in marks])
            for _, words in marks:
                if len(words) < 4 or float(words[2]) <= float(words[1]):
                    continue
                if words[0] == "net-in" and int(words[4]) != NET_MIB << 20:
                    continue
                rates[name].setdefault(words[0], []).append(int(words[3]) / (float(words[2]) - float(words[1])))
            save("throughput")
            passt.kill()
            passt.wait()
    for what in "read", "write", "small-reads", "net-in", "net-out":
        ours, theirs = rates["oriel-vmm"].get(what), rates["q35"].get(what)
        if ours and theirs:
            a, b = statistics.median(ours), statistics.median(theirs)
            say("%s: oriel-vmm %.1f MiB/s, q35 %.1f MiB/s, ratio %.2f (medians of %d and %d)" % (
                what, a, b, a / b, len(ours), len(theirs)))
        else:
            say("%s: unmeasured" % what)
    ok(rates["oriel-vmm"].get("read"), "oriel-vmm reads its disk")
    ok(rates["oriel-vmm"].get("net-in"), "and its network")


# ---- what is announced of a desktop's screen ----

SESSION = """export DISPLAY=:0
w() { /usr/lib/oriel/as-user "$@"; }
w --detach mousepad /home/user/note.txt
for i in $(seq 120); do w xdotool search --onlyvisible --class mousepad >/dev/null 2>&1 && break; sleep 1; done
sleep 5
w xdotool type --delay 150 'Four oriels looked out on the quay, and every one was lit.'
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do w xdotool key --delay 100 Return; done
w xdotool mousemove 300 300 click 1 mousemove 500 420 click 3
sleep 3
w xdotool key Escape
sleep 5
"""


def desktop(name, command, peer_options):
    """One run of the session; what was announced of the first screen."""
    for path in glob.glob("/tmp/damage.*"):
        os.unlink(path)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", "/image/disk.qcow2", "-F", "qcow2",
                    "/tmp/damage.qcow2"], check=True)
    vmm = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=open(OUT + "/damage-%s.log" % name, "w"),
                           stderr=subprocess.STDOUT)
    try:
        until(lambda: os.path.exists("/tmp/damage.qmp"), 60, 0.2)
        peer = subprocess.Popen(["/lab/build/bin/damage-peer", "/tmp/damage.qmp"] + peer_options,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        agent = Agent.reach("/tmp/damage.agent", 500)
        if not (agent and until(lambda: agent.sh("test -e /run/oriel/session-ready && echo ready"), 400, 3)):
            note(name, "has no desktop")
            return None

        def counts():
            peer.stdin.write("\n")
            peer.stdin.flush()
            return json.loads(peer.stdout.readline())
        time.sleep(20)
        start = counts()
        agent.sh(SESSION, 300)
        found = counts()
        note(name, "until the desktop was there", start, "in the session", found)
        peer.kill()
        return {"boot": start, "session": found}
    finally:
        vmm.kill()
        vmm.wait()


def damage():
    with open("/image/cmdline") as file:
        cmdline = file.read().strip()
    ours = ["/lab/build/bin/oriel-vmm", "--cpus", "2", "--memory", "1024", "--kernel", local("image-vmlinuz"),
            "--initrd", "/image/initrd.img", "--cmdline", cmdline, "--qmp", "/tmp/damage.qmp", "--device", "virtio-gpu",
            "--device", "virtio-blk,path=/tmp/damage.qcow2", "--device", "virtio-keyboard", "--device",
            "virtio-tablet,head=0", "--device", "virtio-rng", "--device",
            "virtio-console,port1=unix:/tmp/damage.agent,name1=org.qemu.guest_agent.0"]
    theirs = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-M", "q35", "-accel", "kvm", "-cpu", "host",
              "-smp", "2", "-m", "1024", "-kernel", local("image-vmlinuz"), "-initrd", "/image/initrd.img", "-append",
              cmdline, "-display", "dbus,p2p=yes", "-device", "virtio-vga", "-qmp",
              "unix:/tmp/damage.qmp,server=on,wait=off", "-drive", "if=virtio,format=qcow2,file=/tmp/damage.qcow2",
              "-device", "virtio-keyboard-pci", "-device", "virtio-tablet-pci", "-device", "virtio-rng-pci", "-device",
              "virtio-serial-pci", "-chardev", "socket,id=a,path=/tmp/damage.agent,server=on,wait=off", "-device",
              "virtserialport,chardev=a,name=org.qemu.guest_agent.0"]
    a = desktop("oriel-vmm", ours, ["--map"])
    b = desktop("qemu", theirs, [])
    RESULT["damage"] = {"oriel-vmm": a, "qemu 7.2": b}
    for part in "boot", "session":
        if not (a and b and b[part]["update_area"]):
            say("damage, %s: unmeasured" % part)
            continue
        x, y = a[part], b[part]
        say("damage, %s: oriel-vmm announced %.1f Mpixel in %d updates and %d scanouts, copying %.1f MiB" % (
            part, x["update_area"] / 1e6, x["updates"], x["scanouts"], x["copied"] / (1 << 20)))
        say("damage, %s: QEMU 7.2  announced %.1f Mpixel in %d updates and %d scanouts, copying %.1f MiB; ratio %.2f" % (
            part, y["update_area"] / 1e6, y["updates"], y["scanouts"], y["copied"] / (1 << 20),
            x["update_area"] / y["update_area"]))
    if ok(a, "the desktop's session runs on oriel-vmm"):
        ok(a["boot"]["copied"] + a["session"]["copied"] == 0, "not one pixel was copied to announce its damage")


def prepare():
    """The small guest of starts and throughput, and its disk."""
    make_initrd(INIT, ["virtio_pci", "virtio_blk", "virtio_net", "virtio_mmio"], ["/usr/bin/socat"])
    with open("/tmp/disk.img", "wb") as file:
        for _ in range(BLOCK_MIB):
            file.write(os.urandom(1 << 20))
    subprocess.run(["modprobe", "tun"])


def save(name):
    """What is known so far, since what follows may not come to its end."""
    with open(OUT + "/%s.json" % name, "w") as file:
        json.dump(RESULT, file, indent=1)


def part(name):
    def run_part():
        if name != "damage":
            prepare()
        {"starts": starts, "throughput": throughput, "damage": damage}[name]()
        save(name)
    return run_part
