"""A machine for the client to look at: QEMU with its own SPICE server and a
boot sector of 512 bytes, which shows what is typed. And a sound server of our
own. Python's standard library only."""
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "protocol", "client"))
from harness import wait_for  # noqa: E402
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "protocol"))
from sound import Sound, strength  # noqa: E402,F401 - for whoever imports this


def boot_sector():
    """Echoes keys to the screen."""
    code = bytes.fromhex("31c08ed8 b80300cd10".replace(" ", ""))  # xor ax,ax; mov ds,ax; text mode
    code += bytes.fromhex("b400cd16b40ecd10ebf6")  # wait for a key; show it; again
    return code.ljust(510, b"\0") + b"\x55\xaa"


def found(screen, width, height, rgb):
    """Whether that picture is on the screen, bit by bit, wherever. Black rows at its top do not count."""
    rows = [rgb[y * width * 3:(y + 1) * width * 3] for y in range(height)]
    first = next((i for i, row in enumerate(rows) if any(row)), None)
    if first is None:
        return False
    done = subprocess.run(["import", "-window", "root", "-depth", "8", "rgb:-"], env=screen.env,
                          stdout=subprocess.PIPE, check=True).stdout
    mine = [done[y * 1280 * 3:(y + 1) * 1280 * 3] for y in range(len(done) // 1280 // 3)]
    for y in range(first, len(mine) - (height - first) + 1):
        x = mine[y].find(rows[first])
        if x >= 0 and x % 3 == 0 and all(mine[y + i - first][x:x + width * 3] == rows[i] for i in range(first, height)):
            return True
    return False


def relay_sector():
    """Carries bytes between the first and the second serial port, 115200 baud."""
    def half(source, target):
        return (b"\xba" + struct.pack("<H", source + 5) + b"\xec\xa8\x01\x74\x14"      # nothing came: on
                b"\xba" + struct.pack("<H", source) + b"\xec\x88\xc3"                  # take it
                b"\xba" + struct.pack("<H", target + 5) + b"\xec\xa8\x20\x74\xfb"      # wait for room
                b"\xba" + struct.pack("<H", target) + b"\x88\xd8\xee")                 # put it

    def out(port, value):
        return b"\xba" + struct.pack("<H", port) + b"\xb0" + bytes([value]) + b"\xee"
    code = b"".join(out(at + 3, 0x80) + out(at, 1) + out(at + 1, 0) + out(at + 3, 3) for at in (0x3f8, 0x2f8))
    code += half(0x3f8, 0x2f8) + half(0x2f8, 0x3f8) + b"\xeb\xc6"
    return code.ljust(510, b"\0") + b"\x55\xaa"


class Machine:
    def __init__(self, *more, boot=boot_sector):
        self.folder = tempfile.mkdtemp(prefix="oriel-machine-")
        self.spice = os.path.join(self.folder, "spice.sock")
        qmp, disk = os.path.join(self.folder, "qmp.sock"), os.path.join(self.folder, "disk")
        with open(disk, "wb") as file:
            file.write(boot().ljust(1 << 20, b"\0"))
        self.log = open(os.path.join(self.folder, "log"), "w+")
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-machine", "pc,accel=tcg", "-m", "32", "-nodefaults",
             "-no-user-config", "-device", "VGA", "-net", "none", "-device", "virtio-tablet-pci",
             "-drive", "file=%s,format=raw" % disk,
             "-spice", "unix=on,addr=%s,disable-ticketing=on,image-compression=auto_lz" % self.spice,
             "-qmp", "unix:%s,server=on,wait=off" % qmp, *more], stdout=self.log, stderr=self.log)
        wait_for("QEMU", lambda: self.process.poll() is not None or os.path.exists(self.spice) and os.path.exists(qmp))
        if self.process.poll() is not None:
            raise AssertionError(open(self.log.name).read())
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(qmp)
        self.file = self.socket.makefile("rb")
        self.file.readline()
        self.qmp("qmp_capabilities")

    def qmp(self, command, **arguments):
        self.socket.sendall(json.dumps(dict(execute=command, arguments=arguments)).encode() + b"\n")
        while True:
            answer = json.loads(self.file.readline())
            if "event" not in answer:
                return answer["return"]

    def picture(self):
        """(width, height, RGB bytes) as the machine has it."""
        path = os.path.join(self.folder, "dump.ppm")
        self.qmp("screendump", filename=path)
        with open(path, "rb") as file:
            file.readline()
            width, height = (int(n) for n in file.readline().split())
            file.readline()
            return width, height, file.read()

    def close(self):
        self.socket.close()
        self.process.terminate()
        self.process.wait(20)
        self.log.close()
        shutil.rmtree(self.folder)
