"""Random operations from both sides at once under Wine, seeded: a Windows
program that creates, places, shapes, retitles and destroys its windows, and a
client that places, stacks, focuses and hides them. Both end equal, and whole.

As tests/protocol/seamless/random.test, which does it to the X11 agent."""
import random
from harness import *

STATES = (MAXIMIZED, MINIMIZED, ABOVE)


class Model:
    """The windows of the program by name, and their ids at the client."""

    def __init__(self, toy, peer, rng, windows=6):
        self.toy, self.peer, self.rng = toy, peer, rng
        self.names, self.made, self.ids, self.owned = [], 0, {}, {}
        peer.do("auto 1")
        for _ in range(windows):
            self.make()

    def make(self):
        r = self.rng.randrange
        name = "w%d" % self.made
        self.made += 1
        owner = self.rng.choice(self.names) if self.names and r(4) == 0 else None
        at = (r(600), r(500), r(130, 420), r(60, 320))
        if owner:
            self.toy.do("owned %s %s %d %d %d %d", name, owner, *at)
            self.owned[name] = owner
        else:
            self.toy.do("window %s %d %d %d %d%s", name, *at, " min" if r(3) == 0 else "")
        self.ids[name] = self.peer.create(name)["id"]
        self.names.append(name)

    def drop(self, name):
        """Windows takes the owned along with their owner."""
        self.toy.do("destroy %s", name)
        going = [name]
        while going:
            name = going.pop()
            going += [n for n, o in self.owned.items() if o == name]
            self.owned.pop(name, None)
            if name in self.ids:
                self.names.remove(name)
                self.peer.first("destroy", id=self.ids.pop(name))

    def client(self, name):
        r, ident = self.rng.randrange, self.ids[name]
        what = r(6)
        if what < 3:
            states = sum(self.rng.sample(STATES, r(2)))
            self.peer.do("configure %d %d %d %d %d %d", ident, r(-200, 900), r(-100, 800), r(1, 700), r(1, 600), states)
        elif what == 3:
            self.peer.do("focus %d", self.rng.choice((0, ident)))
        elif what == 4:
            self.peer.do("stack %s", " ".join(str(self.ids[n]) for n in self.rng.sample(self.names, len(self.names))))
        else:
            self.peer.do("%s %d", self.rng.choice(("map", "unmap", "map")), ident)

    def application(self, name):
        r = self.rng.randrange
        what = r(11)
        if what < 2:
            self.toy.do("resize %s %d %d", name, r(1, 700), r(1, 600))
        elif what == 2:
            self.toy.do("move %s %d %d", name, r(-300, 1200), r(-200, 1100))
        elif what == 3:
            self.toy.do("state %s %s", name, self.rng.choice(("max", "min", "restore", "top", "normal")))
        elif what == 4:
            self.toy.do("draw %s %d", name, r(1 << 30))
        elif what == 5:
            self.toy.do("activate %s", name)
        elif what == 6:
            self.toy.do("shape %s %d", name, r(2))
        elif what == 7:
            self.toy.do("title %s t%d", name, r(1 << 30))
        elif what == 8:
            self.toy.do("opacity %s %d", name, self.rng.choice((255, 128)))
        elif what == 9:
            self.toy.do("icon %s %d %d", name, self.rng.choice((16, 32, 48)), r(1 << 20))
        else:
            self.toy.do("popup pop%d %s %d %d %d %d", self.made, name, r(900), r(900), r(5, 200), r(5, 200))
            self.toy.do("destroy pop%d", self.made)
            self.made += 1

    def step(self):
        name = self.rng.choice(self.names)
        what = self.rng.random()
        if what < 0.03 and len(self.names) > 3:
            self.drop(name)
        elif what < 0.07 and len(self.names) < 14:
            self.peer.forget()
            self.make()
        elif what < 0.5:
            self.client(name)
        else:
            self.application(name)

    def rest(self):
        """Both sides have nothing left to say. The client shows all windows
        again, each once more where it last had it."""
        for name, ident in self.ids.items():
            self.peer.do("map %d", ident)
            # beyond its outline a window's pixels are nobody's
            self.toy.do("shape %s 0", name)
        r = self.rng.randrange
        for ident in self.ids.values():
            self.peer.do("configure %d %d %d %d %d 0", ident, r(500), r(400), r(200, 300), r(160, 240))
        quiet, end = 0, time.monotonic() + 60 * SLOW
        while quiet < 3 and time.monotonic() < end:
            count = len(self.peer.events)
            self.peer.settle()
            time.sleep(0.3)
            self.peer.forget()
            quiet = 0 if any(e["event"] not in ("pong", "cursor") for e in self.peer.events[count:]) else quiet + 1

    def equal(self):
        """Every window is where and as large as the client last had it."""
        windows = self.peer.windows()
        for name in self.names:
            window, where = windows.get(self.ids[name]), self.toy.where(name)
            if not window:
                return "%s is not at the client" % name
            if window["asked"]:
                return "%s: a CONFIGURE has no answer" % name
            if window["size"] != where[2:4]:
                return "%s: is %r, committed as %r" % (name, where, window["size"])
        if len(windows) != len(self.names):
            return "the client has %d windows of %d" % (len(windows), len(self.names))
        return ""


def run(t, toy, peer, seed, operations, each=100):
    rng = random.Random(seed)
    model = Model(toy, peer, rng)
    for i in range(operations):
        model.step()
        if i % each == each - 1 or i == operations - 1:
            model.rest()
            if not t.same(model.equal(), "", "seed %d: after %d operations both sides are equal" % (seed, i + 1)):
                return
            if not t.same(peer.whole(toy), "", "and all is whole"):
                return
    peer.do("auto 0")
    t.same(peer.breaches, [], "no rule was broken")
    for name in list(model.names):
        if name in model.ids:
            model.drop(name)
    until(lambda: not peer.windows(), 20)
