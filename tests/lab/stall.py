"""What stands still in the outer machine, and what is known of it then."""
import glob, json, os, time
from lab import OUT, Stop, note


def read(path):
    try:
        with open(path, errors="replace") as file:
            return file.read().strip()
    except OSError as error:
        return "(%s)" % error.strerror


def threads(pid):
    """A line for each thread: where it waits in the kernel, and how long it ran."""
    lines = []
    for task in sorted(glob.glob("/proc/%d/task/*" % pid)):
        stat = read(task + "/stat").rsplit(")", 1)[-1].split()
        lines.append("%s %s state %s user %s system %s cpu %s syscall %s\n    %s" % (
            os.path.basename(task), read(task + "/comm"), *([stat[i] for i in (0, 11, 12, 36)] if len(stat) > 36 else "????"),
            read(task + "/syscall"), read(task + "/stack").replace("\n", "\n    ")))
    return "\n".join(lines)


def report(why, pids=(), qmp=None, files=()):
    """Tells of a stall: a file in the report, its name on the serial line."""
    name = "stall-%d.txt" % int(time.monotonic())
    with open("%s/%s" % (OUT, name), "w") as log:
        log.write(why + "\n")
        for turn in range(2): # what moves, and what does not
            log.write("==== turn %d at %.1f\n" % (turn, time.monotonic()))
            for pid in pids:
                log.write("== process %d: %s\n%s\n" % (pid, read("/proc/%d/cmdline" % pid).replace("\0", " ")[:200],
                                                      threads(pid)))
                log.flush()
            log.write("== interrupts\n%s\n== timers\n%s\n" % (read("/proc/interrupts"), read("/proc/timer_list")))
            if qmp:
                try:
                    for question in "query-status", "x-oriel-stats":
                        log.write("== %s\n%s\n" % (question, json.dumps(qmp.ask(question), indent=1)))
                except (OSError, EOFError, ValueError) as error:
                    log.write("== QMP: %r\n" % error)
            log.flush()
            time.sleep(2)
        for path in files:
            log.write("== end of %s\n%s\n" % (path, read(path)[-4000:]))
    note("stalled:", why, "- see tests/lab/out/" + name)


def over(*what):
    """report(), and the machine is at its end: who runs it looks at it now."""
    report(*what)
    print("LAB-STALL " + what[0], flush=True)
    time.sleep(300)
    raise Stop(what[0])


def processes(name):
    """Those of a program, and of all whose names begin like it."""
    return [int(path.split("/")[2]) for path in glob.glob("/proc/[0-9]*/comm") if read(path).startswith(name)]


class Still:
    """Tells how long something has stood still."""

    def __init__(self, patience=60):
        self.patience = patience
        self.last, self.since = None, time.monotonic()

    def stands(self, now):
        """Seconds without a change, when that is longer than it may be."""
        if now != self.last:
            self.last, self.since = now, time.monotonic()
        waited = time.monotonic() - self.since
        return waited if waited > self.patience else 0


class Progress:
    """A machine that gets on rings for its devices, or announces pixels."""

    def __init__(self, qmp):
        self.qmp, self.still = qmp, Still()

    def stands(self):
        stats = self.qmp.ask("x-oriel-stats")["return"]
        return self.still.stands(([d["notifications"] for d in stats["devices"]], stats["consoles"]))
