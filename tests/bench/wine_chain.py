"""A chain whose guest runs Windows programs: Wine on the guest's X screen,
oriel-agent.exe in the X11 agent's place. The atlas lies beside the windows.
One at a time: Wine has one desktop in a prefix."""
import importlib.util, os, subprocess
from chain import BIN, Chain, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
spec = importlib.util.spec_from_file_location("wine_harness", os.path.join(HERE, "../protocol/winagent/harness.py"))
wine = importlib.util.module_from_spec(spec)
spec.loader.exec_module(wine)


class WineChain(Chain):
    def __init__(self, flags=(), agent=True):
        self.prefix = None
        Chain.__init__(self, size="%dx%d" % (wine.ROOM + wine.ATLAS[0], wine.ATLAS[1]), agent=False, flags=flags)
        try:
            self.prefix = wine.Prefix(self.guest.name)
            if agent:
                self.start_agent()
            self.toy = self.wine(wine.WIN + "/win-toy.exe", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            while self.toy.stdout.readline().strip() != "ready":
                assert self.toy.poll() is None, "Wine does not start: " + self.said()
        except BaseException:
            self.close()
            raise

    def wine(self, *words, **more):
        process = subprocess.Popen(["wine", *words], env=self.prefix.env, stderr=self.log,
                                   **dict(dict(stdin=subprocess.DEVNULL, stdout=self.log), **more))
        self.processes.append(process)
        return process

    def start_agent(self):
        self.agent = self.wine(wine.WIN + "/oriel-agent.exe", "--socket", "0", "--atlas",
                               "%dx%d+%d+0" % (wine.ATLAS + (wine.ROOM,)), stdout=subprocess.PIPE, text=True)
        word, number = self.agent.stdout.readline().split()
        assert word == "listening"
        # the machine joins its port to a unix socket, Windows has none
        self.run(self.guest, "socat", "UNIX-LISTEN:%s,fork" % self.port, "TCP:127.0.0.1:" + number)
        wait_for("the agent", lambda: os.path.exists(self.port))

    def do(self, text, *args):
        """One line to the Windows program; waits until it has done it."""
        self.toy.stdin.write(text % args + "\n")
        self.toy.stdin.flush()
        while self.toy.stdout.readline().strip() != "done":
            assert self.toy.poll() is None, "the Windows program ended"

    def close(self):
        if self.prefix:
            self.prefix.end()
            self.prefix = None
        Chain.close(self)
