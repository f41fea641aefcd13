"""oriel-vmm boots debian-lite to its desktop for the host role, and it is used like one."""
import os, re, subprocess, time
import stall
from lab import OUT, Display, Oriel, Qmp, Rfb, Stop, note, ok, until

SENTENCE = "Four oriels looked out on the quay, and every one of them was lit."


def memtest():
    """It is a bzImage that is no Linux: it starts by its own entry."""
    with open("/tmp/memtest.serial", "w+") as serial:
        process = subprocess.Popen(
            ["/lab/build/bin/oriel-vmm", "--memory", "64", "--kernel", "/boot/memtest86+x64.bin", "--cmdline",
             "console=ttyS0,115200", "--serial", "file:/tmp/memtest.serial"], stdout=serial, stderr=serial)
        ok(until(lambda: "Memtest86+" in open("/tmp/memtest.serial", errors="replace").read(), 60, 1),
           "memtest86+ starts")
        process.terminate()
        ok(process.wait(20) == 0, "and ends by a signal")


class Desktop:
    """ada's desktop of a pool, started with engine kvm."""

    def __init__(self, oriel):
        self.oriel = oriel
        oriel.run("image", "build", "debian-lite")
        oriel.run("pool", "create", "desks", "--image", "debian-lite", "--cpus", "2", "--memory", "1024",
                  "--heads", "2")
        oriel.run("user", "add", "ada", stdin="correct horse 1\n")
        oriel.run("desktop", "create", "desks", "ada", "--no-wait")
        # "auto" would clone it, and engine qemu makes clones: an administrator says kvm
        self.id = until(lambda: oriel.json("desktop", "list")["desktops"][0]["id"], 60)
        self.folder = "%s/lib/desktops/%s" % (oriel.root, self.id)
        self.conf = self.folder + "/machine.conf"
        until(lambda: os.path.exists(self.conf), 60)
        oriel.run("desktop", "off", self.id)
        until(lambda: self.state() in ("off", "failed"), 60)
        with open(self.conf) as file:
            text = re.sub(r"(?m)^engine\s*=.*$", "engine=kvm", file.read())
        with open(self.conf, "w") as file:
            file.write(text)
        self.start()

    def state(self):
        return self.oriel.json("desktop", "show", self.id)["state"]

    def start(self):
        begin = time.monotonic()
        self.oriel.run("desktop", "start", self.id, "--no-wait")
        self.run = "%s/run/desktops/%s" % (self.oriel.root, self.id)
        self.qmp = until(lambda: Qmp(self.run + "/qmp.sock", 1), 120)
        if not ok(self.qmp, "the host role starts it with engine kvm"):
            raise Stop(self.oriel.run("desktop", "show", self.id, check=False), self.oriel.log())
        ok("oriel-vmm" in self.qmp.ask("query-version")["return"]["package"], "and that is oriel-vmm")
        self.display = Display(self.run + "/control.sock")
        ok(self.awaits(lambda shown: self.display.sizes()), "the guest's first picture arrives")
        state = self.awaits(lambda shown: shown["state"] if shown["state"] in ("running", "failed") else None)
        if not ok(state == "running", "the desktop says that it is ready: " + str(state)):
            self.display.picture("not-ready")
            raise Stop(self.oriel.json("desktop", "show", self.id), self.oriel.log())
        note("desktop after %.0f s" % (time.monotonic() - begin))

    def awaits(self, check):
        """The first true value of check(what the server shows), for which it
        waits as long as both the guest and the server get on."""
        guest, server = stall.Progress(self.qmp), stall.Still()
        while True:
            shown = self.oriel.json("desktop", "show", self.id)
            if value := check(shown):
                return value
            for who, stands in ("guest", guest.stands()), ("server", server.stands((shown["state"], shown["fraction"]))):
                if stands:
                    stall.over("the %s has not got on for %d s: %s" % (who, stands, shown["stage"]),
                               stall.processes("oriel"), self.qmp, [self.folder + "/log", OUT + "/orield.log"])
            time.sleep(2)

    def guest(self, line, seconds=60):
        """Output of a shell line in the guest."""
        return self.oriel.run("desktop", "exec", self.id, "--", "sh", "-c", line, check=False, seconds=seconds)

    def looks(self):
        picture = self.display.picture("desktop")
        ok(len(set(picture.samples())) > 20, "the desktop's picture has colours: %d" % len(set(picture.samples())))
        facts = self.guest("nproc; cat /sys/devices/system/clocksource/clocksource0/current_clocksource; "
                           "cat /sys/class/net/*/address; ls /sys/class/drm | grep Virtual | sort | tr '\\n' ' '; "
                           "ip route; ip -6 route; findmnt -no SOURCE /")
        note("guest says", facts.split("\n"))
        ok(facts.startswith(("2\nkvm-clock", "2\ntsc")), "two CPUs, and time from KVM")
        mac = re.search(r"(?m)^mac\s*=\s*(\S+)", open(self.conf).read()).group(1)
        ok(mac in facts, "its network card has its address")
        ok("Virtual-2" in facts, "two outputs are there")
        ok("default" in facts, "passt gives it a route")
        ok("/dev/vda" in facts, "and its disk is an overlay of the image")
        return picture

    def types(self, picture):
        self.guest("/usr/lib/oriel/as-user --detach mousepad /home/user/note.txt")
        ok(until(lambda: self.display.picture().differs(picture) > 0.05, 240, 3), "the editor's window opens")
        time.sleep(8)
        viewer = Rfb(self.run + "/rfb.sock")
        viewer.type(SENTENCE)
        time.sleep(3)
        self.display.picture("typed")
        saved = None
        for _ in range(6):
            viewer.press(0xffe3, ord("s"))
            saved = until(lambda: self.guest("cat /home/user/note.txt"), 20, 2)
            if saved:
                break
        note("saved", repr(saved))
        ok(saved and saved.strip() == SENTENCE, "the sentence typed through RFB is in the guest's file")
        return viewer

    def screens(self, viewer):
        def become(*sizes):
            viewer.resize(*sizes)
            if until(lambda: self.display.sizes()[:len(sizes)] == list(sizes), 120, 0.5):
                return True
            note("asked for", sizes, "the display has", self.display.ask("status"), "the viewer was told",
                 viewer.told, "the guest says", self.guest(
                     "/usr/lib/oriel/as-user xrandr; head -n 3 /sys/class/drm/*/modes /sys/class/drm/*/status; "
                     "dmesg | tail -n 5; ps -e | grep heads"))
            return False
        ok(become((1024, 768)), "the screen takes the viewer's size")
        ok(become((1024, 768), (800, 600)), "a second screen appears")
        time.sleep(4)
        self.display.picture("resized")
        second = self.display.picture("second", 1)
        ok((second.width, second.height) == (800, 600), "and has a picture of its own")
        wrong = []
        for x, y in (3, 3), (1023, 767), (1026, 2), (1823, 599), (700, 20):
            viewer.move(x, y)

            def place():
                said = self.guest("/usr/lib/oriel/as-user xdotool getmouselocation --shell")
                return tuple(int(n) for n in re.findall(r"[XY]=(\d+)", said))
            if not until(lambda: place() == (x, y), 20, 1):
                wrong.append(((x, y), place()))
        ok(not wrong, "the pointer is where it was pointed, on either screen, to the pixel " + str(wrong or ""))
        # the next wish comes while the guest is still at the one before
        ok(all([become((1024, 768), size) for size in ((640, 480), (800, 600), (720, 400))]),
           "and other sizes, one after another")

    def pauses(self):
        ok("return" in self.qmp.ask("stop") and "return" in self.qmp.ask("cont"), "it pauses and goes on")
        ok(self.guest("echo alive") == "alive\n", "and is the same after it")
        stats = self.qmp.ask("x-oriel-stats")["return"]
        ok(not any(d["failures"] for d in stats["devices"]), "no device saw a broken ring")
        for program in "vmm", "display":
            with open(self.run + "/%s.pid" % program) as file:
                pid = int(file.read().split()[0])
            with open("/proc/%d/smaps_rollup" % pid) as file:
                note(program, [line.split()[:2] for line in file if line.startswith(("Private_Dirty", "Rss"))])
        note("damage", stats["consoles"])

    def ends(self):
        self.oriel.run("desktop", "shutdown", self.id)
        try:
            end = self.qmp.wait("SHUTDOWN", 240)
        except (EOFError, OSError):
            end = None
        ok(end and end["data"]["reason"] == "guest-shutdown", "asked to shut down, the guest powers off")
        ok(until(lambda: self.state() == "off", 60, 1), "and the server shows it off")
        ok(not os.path.exists(self.run + "/vmm.pid"), "its process is gone")
        with open(self.folder + "/log") as file:
            log = file.read()
        with open(OUT + "/vmm.log", "w") as file:
            file.write(log)
        ok("broke the rules" not in log and "cannot go on" not in log, "nothing went wrong in the monitor's log")
        check = subprocess.run(["qemu-img", "check", self.folder + "/disk.qcow2"], capture_output=True, text=True)
        ok(check.returncode in (0, 3), "its disk is sound: " + check.stdout.strip().split("\n")[0])


def desktop():
    oriel = Oriel()
    findings = {f["name"]: f for f in oriel.json("doctor").get("findings", [])}
    note("doctor", findings.get("kvm"), findings.get("oriel-vmm"))
    ok(findings["kvm"]["level"] == "good", "oriel doctor finds KVM of use here")
    ok("Engine kvm runs" in str(findings.get("oriel-vmm")), "and says what engine kvm runs")
    it = Desktop(oriel)
    viewer = it.types(it.looks())
    it.screens(viewer)
    it.pauses()
    it.ends()
    oriel.close()
