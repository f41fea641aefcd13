"""oriel-vmm boots debian-lite to its desktop for the host role, and it is used like one."""
import os, re, subprocess, time
import devices
from lab import OUT, Display, Oriel, Qmp, Rfb, done, note, ok, until

SENTENCE = "Four oriels looked out on the quay, and every one of them was lit."

# memtest86+ is a bzImage that is no Linux: it starts by its own entry
with open("/tmp/memtest.serial", "w+") as serial:
    memtest = subprocess.Popen(
        ["/lab/build/bin/oriel-vmm", "--memory", "64", "--kernel", "/boot/memtest86+x64.bin", "--cmdline",
         "console=ttyS0,115200", "--serial", "file:/tmp/memtest.serial"], stdout=serial, stderr=serial)
    ok(until(lambda: "Memtest86+" in open("/tmp/memtest.serial", errors="replace").read(), 60, 1),
       "memtest86+ starts")
    memtest.terminate()
    ok(memtest.wait(20) == 0, "and ends by a signal")

# Debian's drivers for every device, in a small guest
devices.main()

# the server, an image, a pool, a person
oriel = Oriel()
findings = {f["name"]: f for f in oriel.json("doctor").get("findings", [])}
note("doctor", findings.get("kvm"), findings.get("oriel-vmm"))
ok("million instructions" in str(findings.get("kvm")), "oriel doctor finds KVM of use here")
ok("Engine kvm runs" in str(findings.get("oriel-vmm")), "and says what engine kvm runs")
oriel.run("image", "build", "debian-lite")
oriel.run("pool", "create", "desks", "--image", "debian-lite", "--cpus", "2", "--memory", "1024", "--heads", "2")
oriel.run("user", "add", "ada", stdin="correct horse 1\n")
oriel.run("desktop", "create", "desks", "ada", "--no-wait")
# "auto" would clone it, and engine qemu makes clones: an administrator says kvm
desktop = until(lambda: oriel.json("desktop", "list")["desktops"][0]["id"], 60)
conf = "%s/lib/desktops/%s/machine.conf" % (oriel.root, desktop)
until(lambda: os.path.exists(conf), 60)
oriel.run("desktop", "off", desktop)
until(lambda: oriel.json("desktop", "show", desktop)["state"] in ("off", "failed"), 60)
with open(conf) as file:
    text = re.sub(r"(?m)^engine\s*=.*$", "engine=kvm", file.read())
with open(conf, "w") as file:
    file.write(text)
begin = time.monotonic()
oriel.run("desktop", "start", desktop, "--no-wait")
run = "%s/run/desktops/%s" % (oriel.root, desktop)
qmp = until(lambda: Qmp(run + "/qmp.sock", 1), 120)
if not ok(qmp, "the host role starts it with engine kvm"):
    note(oriel.run("desktop", "show", desktop, check=False), oriel.log())
    done()
ok("oriel-vmm" in qmp.ask("query-version")["return"]["package"], "and that is oriel-vmm")
display = Display(run + "/control.sock")
ok(until(lambda: display.sizes(), 300), "the guest's first picture arrives")
state = until(lambda: (lambda s: s if s in ("running", "failed") else None)(
    oriel.json("desktop", "show", desktop)["state"]), 420, 2)
if not ok(state == "running", "the desktop says that it is ready: " + str(state)):
    display.picture("not-ready")
    note(oriel.json("desktop", "show", desktop), oriel.log())
    done()
note("desktop after %.0f s" % (time.monotonic() - begin))


def guest(line, seconds=60):
    """Output of a shell line in the guest."""
    return oriel.run("desktop", "exec", desktop, "--", "sh", "-c", line, check=False, seconds=seconds)


picture = display.picture("desktop")
ok(len(set(picture.samples())) > 20, "the desktop's picture has colours: %d" % len(set(picture.samples())))
facts = guest("nproc; cat /sys/devices/system/clocksource/clocksource0/current_clocksource; "
              "cat /sys/class/net/*/address; ls /sys/class/drm | grep Virtual | sort | tr '\\n' ' '; "
              "ip route; ip -6 route; findmnt -no SOURCE /")
note("guest says", facts.split("\n"))
ok(facts.startswith(("2\nkvm-clock", "2\ntsc")), "two CPUs, and time from KVM")
mac = re.search(r"(?m)^mac\s*=\s*(\S+)", open(conf).read()).group(1)
ok(mac in facts, "its network card has its address")
ok("Virtual-2" in facts, "two outputs are there")
ok("default" in facts, "passt gives it a route")
ok("/dev/vda" in facts, "and its disk is an overlay of the image")

guest("/usr/lib/oriel/as-user --detach mousepad /home/user/note.txt")
ok(until(lambda: display.picture().differs(picture) > 0.05, 240, 3), "the editor's window opens")
time.sleep(8)
viewer = Rfb(run + "/rfb.sock")
viewer.type(SENTENCE)
time.sleep(3)
display.picture("typed")
saved = None
for _ in range(6):
    viewer.press(0xffe3, ord("s"))
    saved = until(lambda: guest("cat /home/user/note.txt"), 20, 2)
    if saved:
        break
note("saved", repr(saved))
ok(saved and saved.strip() == SENTENCE, "the sentence typed through RFB is in the guest's file")

viewer.resize((1024, 768))
ok(until(lambda: display.sizes()[0] == (1024, 768), 120, 2), "the screen takes the viewer's size")
viewer.resize((1024, 768), (800, 600))
ok(until(lambda: display.sizes()[:2] == [(1024, 768), (800, 600)], 120, 2), "a second screen appears")
time.sleep(4)
display.picture("resized")
second = display.picture("second", 1)
ok((second.width, second.height) == (800, 600), "and has a picture of its own")

ok("return" in qmp.ask("stop") and "return" in qmp.ask("cont"), "it pauses and goes on")
ok(guest("echo alive") == "alive\n", "and is the same after it")
stats = qmp.ask("x-oriel-stats")["return"]
ok(not any(d["failures"] for d in stats["devices"]), "no device saw a broken ring")
for program in "vmm", "display":
    with open(run + "/%s.pid" % program) as file:
        pid = int(file.read().split()[0])
    with open("/proc/%d/smaps_rollup" % pid) as file:
        note(program, [line.split()[:2] for line in file if line.startswith(("Private_Dirty", "Rss"))])
note("damage", stats["consoles"])

oriel.run("desktop", "shutdown", desktop)
try:
    end = qmp.wait("SHUTDOWN", 240)
except (EOFError, OSError):
    end = None
ok(end and end["data"]["reason"] == "guest-shutdown", "asked to shut down, the guest powers off")
ok(until(lambda: oriel.json("desktop", "show", desktop)["state"] == "off", 60, 1), "and the server shows it off")
ok(not os.path.exists(run + "/vmm.pid"), "its process is gone")
with open("%s/lib/desktops/%s/log" % (oriel.root, desktop)) as file:
    log = file.read()
with open(OUT + "/vmm.log", "w") as file:
    file.write(log)
ok("broke the rules" not in log and "cannot go on" not in log, "nothing went wrong in the monitor's log")
check = subprocess.run(["qemu-img", "check", "%s/lib/desktops/%s/disk.qcow2" % (oriel.root, desktop)],
                       capture_output=True, text=True)
ok(check.returncode in (0, 3), "its disk is sound: " + check.stdout.strip().split("\n")[0])
oriel.close()
done()
