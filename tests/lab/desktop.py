"""oriel-vmm boots debian-lite to its desktop and is used like one."""
import os, subprocess, time
from lab import OUT, Agent, Display, Qmp, Rfb, done, local, note, ok, until

SENTENCE = "Four oriels looked out on the quay, and every one of them was lit."

# memtest86+ is a bzImage that is no Linux: it starts by its own entry
with open("/tmp/memtest.serial", "w+") as serial:
    memtest = subprocess.Popen(
        ["/lab/bin/oriel-vmm", "--memory", "64", "--kernel", "/boot/memtest86+x64.bin", "--cmdline",
         "console=ttyS0,115200", "--serial", "file:/tmp/memtest.serial"], stdout=serial, stderr=serial)
    ok(until(lambda: "Memtest86+" in open("/tmp/memtest.serial", errors="replace").read(), 60, 1),
       "memtest86+ starts")
    memtest.terminate()
    ok(memtest.wait(20) == 0, "and ends by a signal")

passt = subprocess.run(["passt", "--socket", "/tmp/passt.sock"], capture_output=True, text=True)
if not ok(passt.returncode == 0, "passt runs"):
    note(passt.stderr)
vmm = subprocess.Popen(
    ["/lab/bin/oriel-vmm", "--name", "desktop", "--cpus", "2", "--memory", "1024", "--heads", "2",
     "--kernel", local("image/vmlinuz"), "--initrd", local("image/initrd.img"),
     "--cmdline", open("/lab/image/cmdline").read().strip(), "--qmp", "/tmp/qmp.sock",
     "--device", "virtio-gpu", "--device", "virtio-blk,id=disk0,path=/dev/vdb",
     "--device", "virtio-keyboard", "--device", "virtio-tablet,head=0", "--device", "virtio-tablet,head=1",
     "--device", "virtio-touch", "--device", "virtio-rng", "--device", "virtio-balloon",
     "--device", "virtio-net,id=card,mac=52:54:00:6f:72:69,backend=" +
     ("passt:/tmp/passt.sock" if passt.returncode == 0 else "none"),
     "--device", "virtio-console,port1=unix:/tmp/agent.sock,name1=org.qemu.guest_agent.0,"
     "port2=dbus:com.redhat.spice.0,name2=com.redhat.spice.0"],
    stdout=open(OUT + "/vmm.log", "w"), stderr=subprocess.STDOUT)
qmp = Qmp("/tmp/qmp.sock")
display = Display(qmp)
ok(until(lambda: display.sizes(), 300), "the guest's first picture arrives")
agent = Agent.reach("/tmp/agent.sock", 400)
if not ok(agent is not None, "the guest's agent answers"):
    note(open(OUT + "/vmm.log").read())
    display.picture("no-agent")
    done()
ready = until(lambda: agent.sh("test -e /run/oriel/session-ready && echo ready"), 300, 3)
ok(ready, "the desktop says that it is ready")
note("desktop after", time.monotonic())
desktop = display.picture("desktop")
ok(len(set(desktop.samples())) > 20, "the desktop's picture has colours: %d" % len(set(desktop.samples())))
facts = agent.sh("nproc; cat /sys/devices/system/clocksource/clocksource0/current_clocksource; "
                 "cat /sys/class/net/*/address; ls /sys/class/drm | grep Virtual | sort | tr '\\n' ' '")
note("guest says", facts.split("\n"))
ok(facts.startswith("2\nkvm-clock") or facts.startswith("2\ntsc"), "two CPUs, and time from KVM")
ok("52:54:00:6f:72:69" in facts, "its network card has its address")
ok("Virtual-2" in facts, "two outputs are there")
ok("default" in (agent.sh("ip route; ip -6 route") or ""), "passt gives it a route")

agent.sh("/usr/lib/oriel/as-user --detach mousepad /home/user/note.txt")
ok(until(lambda: display.picture().differs(desktop) > 0.05, 240, 3), "the editor's window opens")
time.sleep(8)
viewer = Rfb()
viewer.type(SENTENCE)
time.sleep(3)
display.picture("typed")
saved = None
for _ in range(6):
    viewer.press(0xffe3, ord("s"))
    saved = until(lambda: agent.sh("cat /home/user/note.txt"), 20, 2)
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
ok(agent.sh("echo alive") == "alive\n", "and is the same after it")
stats = qmp.ask("x-oriel-stats")["return"]
ok(not any(d["failures"] for d in stats["devices"]), "no device saw a broken ring")
with open("/proc/%d/smaps_rollup" % vmm.pid) as file:
    note("memory", [line.split()[:2] for line in file if line.startswith(("Private_Dirty", "Rss"))])
note("damage", [c["damage-pixels"] for c in stats["consoles"]])

qmp.ask("system_powerdown")
try:
    end = qmp.wait("SHUTDOWN", 240)
except (EOFError, OSError):
    end = None
ok(end and end["data"]["reason"] == "guest-shutdown", "the power button is obeyed")
try:
    code = vmm.wait(30)
except subprocess.TimeoutExpired:
    code = None
ok(code == 0, "and the process ends")
display.process.terminate()
display.process.wait()
log = open(OUT + "/vmm.log").read()
ok("broke the rules" not in log and "cannot go on" not in log, "nothing went wrong in the monitor's log")
done()
