"""A small guest: Debian's own kernel with an initrd of busybox and the modules it needs."""
import gzip, os, re, subprocess

INITRD = "/tmp/small.gz"
CMDLINE = "console=ttyS0 quiet panic=-1 cryptomgr.notests"


def cpio(entries):
    archive = b""
    for number, (name, mode, data) in enumerate(entries + [("TRAILER!!!", 0, b"")]):
        fields = [number + 1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        archive += b"070701" + b"".join(b"%08X" % f for f in fields) + name.encode() + b"\0"
        archive += bytes(-len(archive) % 4) + data
        archive += bytes(-len(archive) % 4)
    return archive


def modules(names):
    """Paths of these modules and of all they need, in the order to load them."""
    paths = []
    for name in names:
        out = subprocess.run(["modprobe", "--show-depends", "--ignore-install", name], capture_output=True, text=True)
        for path in re.findall(r"(?m)^insmod (\S+)", out.stdout):
            if path not in paths:
                paths.append(path)
    return paths


def libraries(program):
    out = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    return re.findall(r"(/\S+) \(0x", out)


def make_initrd(init, names, programs=()):
    """init is a script for busybox; it finds the modules in /m, load order in /m/order."""
    entries, folders = [], {"bin", "m"}
    files = {"/bin/busybox": "bin/busybox"}
    order = []
    for number, path in enumerate(modules(names)):
        order.append("%03d.ko" % number)
        files[path] = "m/" + order[-1]
    for program in programs:
        for path in [program] + libraries(program):
            files[path] = path.lstrip("/")
    for name in files.values():
        parts = name.split("/")[:-1]
        for i in range(len(parts)):
            folders.add("/".join(parts[:i + 1]))
    for name in sorted(folders):
        entries.append((name, 0o40755, b""))
    for path, name in files.items():
        with open(path, "rb") as file:
            entries.append((name, 0o100755, file.read()))
    entries.append(("m/order", 0o100644, "\n".join(order).encode() + b"\n"))
    entries.append(("init", 0o100755, init.encode()))
    with open(INITRD, "wb") as file:
        file.write(gzip.compress(cpio(entries), 1))
