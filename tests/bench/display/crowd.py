"""What many cost: viewers of one desktop, and desktops at rest."""
import os, subprocess, time

from contenders import BIN, Ours


def cpu_ns(pid):
    """By thread, to the nanosecond: desktops at rest use less than a clock's
    tick, and some of their threads end meanwhile."""
    found = {}
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, task)) as file:
            found[task] = int(file.read().split()[0])
    return found


def many_viewers(path, watch):
    """The same frames for one viewer, and for ten."""
    with Ours(path) as contender:
        one = watch(contender, "lossless", seed=0)
    with Ours(path) as contender:
        others = [subprocess.Popen([BIN + "/display-watch", contender.rfb(), "lossless", path, contender.truth, "0"],
                                   text=True, stdout=subprocess.PIPE) for _ in range(9)]
        try:
            for other in others:
                assert other.stdout.readline() == "ready\n", "one of ten viewers got no picture"
            ten = watch(contender, "lossless", seed=0)
        finally:
            for other in others:
                other.kill()
                other.wait()
                other.stdout.close()
    return dict(one=one, ten=ten)


def idle_processes(count=100, seconds=5):
    """Cores that desktops take at rest, each with a viewer."""
    from harness import ZRLE, Program
    programs, viewers = [], []
    try:
        for _ in range(count):
            programs.append(Program("1280x720", control=False))
            viewer = programs[-1].viewer(encodings=(ZRLE,))
            viewer.request(0)
            viewer.message()
            viewer.request()
            viewers.append(viewer)
        time.sleep(1)
        before = [cpu_ns(p.process.pid) for p in programs]
        time.sleep(seconds)
        used = 0
        for program, had in zip(programs, before):
            used += sum(ns - had.get(task, 0) for task, ns in cpu_ns(program.process.pid).items())
        return used / seconds / 1e9
    finally:
        for program in programs:
            program.__exit__(None, None, None)
