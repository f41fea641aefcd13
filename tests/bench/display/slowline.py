"""A slow line between two network namespaces: display-line, kept running."""
import os, subprocess

from contenders import BIN


class SlowLine:
    """`server` and `viewer` are prefixes of commands that run at its ends."""
    address = "10.77.0.1"

    def __init__(self, kbit, delay_ms, loss_percent, queue_kb, seed=1, trace=None):
        self.process = subprocess.Popen([BIN + "/display-line", *map(str, (kbit, delay_ms, loss_percent, queue_kb, seed)), *([trace] if trace else [])],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        words = self.process.stdout.readline().split()
        if not words:
            raise RuntimeError(self.process.stderr.read().strip())
        enter = ["nsenter", "-n"] if os.geteuid() == 0 else ["nsenter", "-U", "--preserve-credentials", "-n"]
        self.server, self.viewer = ([*enter, "-t", pid] for pid in words[1:])

    def __enter__(self):
        return self

    def __exit__(self, *trouble):
        self.process.stdin.close()
        self.told = self.process.stderr.read().strip()
        self.process.wait()
