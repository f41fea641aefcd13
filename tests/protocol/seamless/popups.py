"""Popups of real applications, as the client's side of the agent sees them."""
import os, time
from harness import *

POPUPS = int(os.environ.get("POPUPS", "16"))
KEY_ESC, KEY_DOWN, KEY_RIGHT, KEY_CTRL, KEY_ALT, KEY_SPACE, KEY_APOSTROPHE = 1, 108, 106, 29, 56, 57, 40
LETTERS = {c: code for row, first in (("qwertyuiop", 16), ("asdfghjkl", 30), ("zxcvbnm", 44)) for code, c in enumerate(row, first)}


def key(peer, code):
    peer.do("key %d 1 0", code)
    peer.do("key %d 0 0", code)


def popup(peer, kinds):
    """The next popup, whole and where it belongs; its id and how far it is off."""
    while True:
        create = peer.next("create")
        if create["kind"] in kinds:
            break
    peer.next("commit", id=create["id"])
    mark = peer.mark
    verified = peer.verify()
    peer.mark = mark
    assert verified["wrong"] == 0, verified["text"]
    return create["id"], verified["off"]


def middle(area):
    return area[0] + area[2] // 2, area[1] + area[3] // 2


def hover(peer, top, x, y, away_x, away_y):
    """A tooltip: toolkits show one once the pointer has been seen to rest."""
    peer.do("pointer %d %d %d", top, away_x, away_y)
    for move in range(1, 400):
        peer.do("pointer %d %d %d", top, x + move % 5, y)
        time.sleep(0.1)
        peer.settle()
        if any(e["event"] == "create" for e in peer.events[peer.mark:]):
            break
        time.sleep(0.7 if move % 3 == 0 else 0)
    found = popup(peer, (TOOLTIP, POPUP))
    peer.do("pointer %d %d %d", top, away_x, away_y)
    return found


def quiet(peer, seconds=0.25):
    """Nothing but a blinking caret has changed for a while."""
    def count():
        peer.settle()
        return sum(1 for e in peer.events if e["event"] != "pong" and e.get("damage", 2) > 1)
    for _ in range(100):
        before = count()
        time.sleep(seconds)
        if count() == before:
            return
