"""Machines started again and again until one stands still: by oriel-vmm, and by
QEMU beside it, under the same nested KVM."""
import os, subprocess, time
import bench, stall
from lab import OUT, note, ok, until

SECONDS = int(os.environ.get("BOOTS_SECONDS", "1500"))
PATIENCE = 60 # between two marks of a guest; the longest takes a few


def one(name, command, do, net):
    """True when it came to its end; else tells."""
    log = OUT + "/boots.serial"
    with open(log, "w") as serial:
        process = subprocess.Popen(command(do, "/tmp/disk.img", net), stdin=subprocess.DEVNULL, stdout=serial,
                                   stderr=serial)
    begin = last = time.monotonic()
    size = 0
    try:
        while True:
            time.sleep(0.5)
            text = stall.read(log)
            if "MARK end" in text:
                return True
            if process.poll() is not None:
                note(name, "ended with", process.returncode, "after", repr(text[-1500:]))
                return False
            if len(text) != size:
                size, last = len(text), time.monotonic()
            if time.monotonic() > last + PATIENCE:
                stall.over("%s said nothing for %d s, %.0f s after its start" % (
                    name, PATIENCE, time.monotonic() - begin), [process.pid], None, [log])
    finally:
        process.kill()
        process.wait()


def boots():
    bench.prepare()
    bench.serve(9000, bench.send)
    bench.serve(9001, bench.swallow)
    begin, count, bad = time.monotonic(), {}, []
    oriel = lambda *args: bench.oriel(*args) + ["--qmp", "/tmp/boots.qmp"]
    bench.run(oriel("boot", "/tmp/disk.img", None))
    while time.monotonic() < begin + SECONDS:
        for name, command, do in (("oriel-vmm", oriel, "io"), ("q35", bench.qemu("q35"), "io"),
                                  ("oriel-vmm", oriel, "io")):
            net = "/tmp/passt-%d.sock" % sum(count.values())
            passt = subprocess.Popen(bench.PASST + ["--socket", net], stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
            until(lambda: os.path.exists(net), 20, 0.1)
            took = time.monotonic()
            good = one(name, command, do, net)
            count[name] = count.get(name, 0) + 1
            note(name, count[name], "took %.0f s" % (time.monotonic() - took), "" if good else "BAD")
            if not good:
                bad.append(name)
            passt.kill()
            passt.wait()
    ok(not bad, "none of %s stood still or ended by itself: %s" % (count, bad))


def flips():
    """Empty machines made and ended as fast as may be, each of which makes the
    outer kernel patch its scheduler's code, while that runs on the other CPU."""
    begin = time.monotonic()
    busy = [subprocess.Popen(["sh", "-c", "while :; do sleep 0.01; done"]) for _ in range(1)]
    count = 0
    try:
        while time.monotonic() < begin + SECONDS:
            subprocess.run(["/lab/build/bin/kvm-floor", "2"], stdout=subprocess.DEVNULL, check=True, timeout=100)
            count += 1
            if count % 10 == 0:
                note(count, "machines")
    finally:
        for process in busy:
            process.kill()
            process.wait()
    ok(count, "%d empty machines came and went" % count)
