"""oriel-vmm beside QEMU: the same guest, the same nested KVM, one run.

The guest is Debian's own kernel with an initrd of busybox and the virtio
modules. Lines that begin with "bench" are the result; nothing here passes or
fails by a number. What runs on emulated hardware says how two programs
compare, not how fast either is.
"""
import glob, gzip, os, subprocess, time
from lab import OUT, done, local, note, ok

KERNEL, INITRD = local("bzimage"), "/tmp/tiny.gz"
COMMON = "console=ttyS0 quiet panic=-1 cryptomgr.notests"
BLOCK_MIB, NET_MIB = 48, 8
MAC = "52:54:00:6f:72:69"
PASST = ["passt", "--quiet", "--foreground", "--address", "10.0.2.15", "--gateway", "10.0.2.2"]

INIT = """#!/bin/busybox sh
b=/bin/busybox
$b mkdir -p /proc /sys /dev
$b mount -t proc proc /proc
echo "MARK init $($b cut -d' ' -f1 /proc/uptime)"
case "$($b cat /proc/cmdline)" in
*do=boot*) ;;
*)
	$b mount -t sysfs sys /sys
	$b mount -t devtmpfs dev /dev
	for m in virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk failover net_failover virtio_net; do
		[ -e /m/$m.ko ] && $b insmod /m/$m.ko
	done
	while [ ! -e /dev/vda ]; do $b usleep 20000; done
	$b ip addr add 10.0.2.15/24 dev eth0
	$b ip link set eth0 up
	$b ip route add default via 10.0.2.2
	for round in 1 2; do
		echo 3 >/proc/sys/vm/drop_caches
		t=$($b cut -d' ' -f1 /proc/uptime)
		$b dd if=/dev/vda of=/dev/null bs=1M count=@BLOCK@ iflag=direct 2>/dev/null
		echo "MARK read $t $($b cut -d' ' -f1 /proc/uptime)"
		t=$($b cut -d' ' -f1 /proc/uptime)
		$b dd if=/dev/zero of=/dev/vda bs=1M count=@BLOCK@ oflag=direct 2>/dev/null
		echo "MARK write $t $($b cut -d' ' -f1 /proc/uptime)"
	done
	for round in 1 2; do
		t=$($b cut -d' ' -f1 /proc/uptime)
		$b nc 10.0.2.2 9000 >/tmp-file </dev/null
		echo "MARK net $t $($b cut -d' ' -f1 /proc/uptime) $($b wc -c </tmp-file)"
	done
esac
echo "MARK end 0"
$b poweroff -f
""".replace("@BLOCK@", str(BLOCK_MIB))


def cpio(entries):
    archive = b""
    for number, (name, mode, data) in enumerate(entries + [("TRAILER!!!", 0, b"")]):
        fields = [number + 1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        archive += b"070701" + b"".join(b"%08X" % f for f in fields) + name.encode() + b"\0"
        archive += bytes(-len(archive) % 4) + data
        archive += bytes(-len(archive) % 4)
    return archive


def make_initrd():
    entries = [("bin", 0o40755, b""), ("m", 0o40755, b"")]
    with open("/bin/busybox", "rb") as file:
        entries.append(("bin/busybox", 0o100755, file.read()))
    entries.append(("init", 0o100755, INIT.encode()))
    modules = glob.glob("/lib/modules/*/kernel/**/*.ko", recursive=True)
    for path in modules:
        name = os.path.basename(path)
        if name.startswith(("virtio", "failover", "net_failover")):
            with open(path, "rb") as file:
                entries.append(("m/" + name, 0o100644, file.read()))
    with open(INITRD, "wb") as file:
        file.write(gzip.compress(cpio(entries), 1))


def oriel(do, disk, net):
    return ["/lab/build/bin/oriel-vmm", "--cpus", "1", "--memory", "512", "--kernel", KERNEL, "--kernel-cache",
            "/tmp/kernels", "--initrd", INITRD, "--cmdline", COMMON + " do=" + do, "--serial", "stdio", "--no-reboot",
            "--device", "virtio-blk,path=" + disk, "--device",
            "virtio-net,mac=%s,backend=%s" % (MAC, "passt:" + net if net else "none")]


def qemu(machine, suffix=""):
    def command(do, disk, net):
        netdev = ["-netdev", "stream,id=n,addr.type=unix,addr.path=" + net] if net else \
            ["-netdev", "user,id=n,restrict=on"]
        return ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-M", machine, "-accel", "kvm", "-cpu", "host",
                "-smp", "1", "-m", "512", "-display", "none", "-kernel", KERNEL, "-initrd", INITRD, "-append",
                COMMON + " do=" + do + suffix, "-serial", "stdio", "-no-reboot", "-drive",
                "if=none,id=d,format=raw,cache=writeback,aio=io_uring,file=" + disk, "-device",
                "virtio-blk-pci,drive=d" if machine == "q35" else "virtio-blk-device,drive=d",
                "-device", ("virtio-net-pci,netdev=n,romfile=,mac=" if machine == "q35"
                            else "virtio-net-device,netdev=n,mac=") + MAC] + netdev
    return command


def run(command, seconds=600):
    """Seconds after exec at which each MARK came, and their words."""
    begin = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=open(OUT + "/bench.log", "a"), bufsize=0)
    marks = []
    timer = subprocess.Popen(["sh", "-c", "sleep %d; kill -9 %d" % (seconds, process.pid)])
    for line in process.stdout:
        if line.startswith(b"MARK"):
            marks.append((time.monotonic() - begin, line.decode(errors="replace").split()[1:]))
            if marks[-1][1][0] == "end":
                break
    timer.kill()
    timer.wait()
    process.kill()
    process.wait()
    return marks


def best(marks, what, amount):
    rates = [amount / (float(w[2]) - float(w[1])) for _, w in marks
             if w[0] == what and float(w[2]) > float(w[1])]
    return max(rates) if rates else 0


make_initrd()
disk = "/tmp/disk.img"
with open(disk, "wb") as file:
    for _ in range(BLOCK_MIB):
        file.write(os.urandom(1 << 20))
subprocess.run(["modprobe", "tun"])

boots = {}
candidates = [("oriel-vmm", oriel), ("q35", qemu("q35")), ("microvm", qemu("microvm"))]
run(oriel("boot", disk, None))  # unpacks the kernel once
for turn in range(2):
    for name, command in candidates:
        marks = run(command("boot", disk, None), 200)
        times = [at for at, words in marks if words[0] == "init"]
        note(name, "init after", times, [w for _, w in marks])
        if times:
            boots.setdefault(name, []).append(times[0])
for name, times in boots.items():
    print("bench start to init: %-10s %.2f s (best of %d)" % (name, min(times), len(times)), flush=True)
for name in "q35", "microvm":
    if name in boots and "oriel-vmm" in boots:
        print("bench start to init: ratio oriel-vmm / %s %.2f" % (name, min(boots["oriel-vmm"]) / min(boots[name])),
              flush=True)
ok("oriel-vmm" in boots, "oriel-vmm boots the bench's guest")

blob = "/tmp/blob"
with open(blob, "wb") as file:
    file.write(os.urandom(1 << 20) * NET_MIB)
server = subprocess.Popen(["socat", "-U", "TCP-LISTEN:9000,fork,reuseaddr", "OPEN:%s,rdonly" % blob],
                          stderr=subprocess.DEVNULL)
rates = {}
for name, command in candidates[:2]:
    net = "/tmp/passt-%s.sock" % name
    passt = subprocess.Popen(PASST + ["--socket", net], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        if os.path.exists(net):
            break
        time.sleep(0.1)
    marks = run(command("io", disk, net), 900)
    note(name, [w for _, w in marks])
    rates[name] = {"read": best(marks, "read", BLOCK_MIB), "write": best(marks, "write", BLOCK_MIB),
                   "net": best([m for m in marks if m[1][0] == "net" and int(m[1][3]) == NET_MIB << 20], "net",
                               NET_MIB)}
    passt.kill()
    passt.wait()
server.kill()
for what in "read", "write", "net":
    ours, theirs = rates["oriel-vmm"][what], rates["q35"][what]
    print("bench %s: oriel-vmm %.1f MiB/s, qemu q35 %.1f MiB/s, ratio %s" % (
        what, ours, theirs, "%.2f" % (ours / theirs) if theirs else "unmeasured"), flush=True)
print("bench on hardware KVM: unmeasured, this machine has none", flush=True)
ok(rates["oriel-vmm"]["read"] > 0, "oriel-vmm reads its disk")
done()
