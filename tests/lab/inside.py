"""Runs parts of the lab in the outer machine: inside.py PART..."""
import sys, traceback
import lab


def part(name):
    if name in ("memtest", "desktop"):
        import desktop
        return getattr(desktop, name)
    if name == "devices":
        import devices
        return devices.main
    if name in ("boots", "flips"):
        import boots
        return getattr(boots, name)
    import bench
    return bench.part(name)


for name in sys.argv[1:]:
    lab.note("part", name)
    try:
        part(name)()
    except lab.Stop as stop:
        lab.note(*stop.args)
        lab.ok(False, name + " goes on to its end")
    except Exception:
        lab.note(traceback.format_exc().replace("\n", "\n# "))
        lab.ok(False, name + " goes on to its end")
lab.done()
