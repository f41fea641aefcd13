"""The lab's outer machine as its emulator sees it; runs beside QEMU, not in it."""
import json, os, re, socket, time


class Emulator:
    """QEMU's own control socket. What fails here is told in what it returns."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(path)
        self.file = self.socket.makefile("r")
        self.file.readline()
        self.ask("qmp_capabilities")

    def ask(self, execute, **arguments):
        self.socket.sendall(json.dumps({"execute": execute, "arguments": arguments}).encode() + b"\n")
        while True:
            line = self.file.readline()
            if not line:
                raise EOFError
            answer = json.loads(line)
            if "event" not in answer:
                return answer

    def hmp(self, line):
        return self.ask("human-monitor-command", **{"command-line": line}).get("return", "").replace("\r", "")


def cpus(emulator):
    """{number: (instruction pointer, whether it halts, its registers)}"""
    found = {}
    for part in emulator.hmp("info registers -a").split("CPU#")[1:]:
        lines = [line for line in part.split("\n") if not line.startswith(("XMM", "YMM", "FPR", "FCW", "DR"))]
        match = re.search(r"RIP=([0-9a-f]+).*HLT=(\d)", part)
        if match:
            found[int(part.split()[0])] = int(match.group(1), 16), match.group(2) == "1", "\n".join(lines)
    return found


def look(emulator, log):
    """Where each processor is, over a second, what lies there in memory, and
    which interrupts wait for it. A processor that goes round an address whose
    memory is not what it executes runs a translation of what was there before."""
    places = {}
    for _ in range(40):
        for number, (at, halted, _) in cpus(emulator).items():
            key = number, at, halted
            places[key] = places.get(key, 0) + 1
        time.sleep(0.025)
    for number, (_, _, registers) in cpus(emulator).items():
        log.write("== processor %s\n" % registers)
    for number, at, halted in sorted(places, key=lambda key: (key[0], -places[key])):
        if places[number, at, halted] < 3:
            continue # it passed by
        emulator.hmp("cpu %d" % number)
        log.write("processor %d %d times at %016x%s\n%s%s" % (
            number, places[number, at, halted], at, " halted" * halted, emulator.hmp("x /16xb 0x%x" % at),
            emulator.hmp("x /3i 0x%x" % at)))
    for command in "info lapic 0", "info lapic 1", "info pic", "info status":
        log.write("== %s\n%s\n" % (command, emulator.hmp(command)))


def asked(process, path, out, name):
    """Everything about a machine that no longer gets on, in files in out. It
    is the emulator's view, so it needs nothing of what runs in the machine."""
    said = []
    try:
        emulator = Emulator(path)
        with open(os.path.join(out, name + ".emulator"), "w") as log:
            look(emulator, log)
        # the kernel's own words come on its serial line
        for key in b"9lwtm":
            emulator.ask("chardev-send-break", id="serial")
            process.stdin.write(bytes([key]))
            process.stdin.flush()
            time.sleep(3)
    except (OSError, EOFError, ValueError) as error:
        said.append("asking the emulator ended with %s" % error)
    return "; ".join(said) or "its state lies in tests/lab/out/%s.emulator, what its kernel said in serial.log" % name
