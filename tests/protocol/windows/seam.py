"""The seamless protocol by hand, so that a test can say it wrong.

Fields stand as in seamless/wire.h; write() and parse() turn messages into
bytes and back, Window keeps what a client was sent of one window.
"""
import struct, zlib

TYPES = {
    "HELLO": (1, "version capabilities windows_max pixels_max name:t"),
    "PING": (2, "value"), "PONG": (3, "value"), "ERROR": (4, "code text:t"), "DESTROY_ACK": (5, ""),
    "FILE_BEGIN": (6, "token size writable:b name:t"), "FILE_DATA": (7, "token offset piece:d"),
    "FILE_END": (8, "token cancelled:b"), "FILE_STATE": (9, "token state:b taken text:t"),
    "CLIP_OFFER": (10, "kinds"), "CLIP_REQUEST": (11, "token kind:b offset count"),
    "CLIP_DATA": (12, "token size offset piece:d"),
    "SYNC_BEGIN": (32, ""), "SYNC_END": (33, ""),
    "WIN_CREATE": (34, "kind:b parent area:r"),
    "WIN_PROPS": (35, "title:t app_id:t role:t pid transient_for traits states type:b opacity:b min_width min_height "
                      "max_width max_height base_width base_height step_width step_height shape:R input:R"),
    "WIN_ICON": (36, "app:t width height hot_x:i hot_y:i offset piece:d"),
    "COMMIT": (37, "generation configure refused:b frame width height scale frame_left frame_top frame_right "
                   "frame_bottom head:b atlas_x atlas_y damage:R"),
    "GEOM_REQ": (38, "based_on area:r"), "STATE_REQ": (39, "set clear"), "RAISE_REQ": (40, ""),
    "MOVE_START": (41, "edge:b button:b"), "GRAB": (42, ""), "UNGRAB": (43, ""),
    "CURSOR": (44, "app:t width height hot_x:i hot_y:i offset piece:d"),
    "BELL": (45, "percent:b"), "NOTIFY": (46, "id urgency:b timeout_ms app:t summary:t body:t"),
    "WIN_DESTROY": (47, ""), "APP": (48, "id:t name:t comment:t categories:t mime_types:t"),
    "APP_ICON": (49, "app:t width height hot_x:i hot_y:i offset piece:d"),
    "APP_GONE": (50, "id:t"), "LAUNCH_RESULT": (51, "token failed:b text:t"),
    "PIXELS": (52, "generation frame width height area:r encoding:b data:d"),
    "LAUNCH_WINDOW": (53, "token"), "LAUNCH_OVER": (54, "token failed:b text:t"),
    "OUTPUTS": (96, "outputs:O"), "CONFIGURE": (97, "area:r states"), "MAP": (98, ""), "UNMAP": (99, ""),
    "STACK": (100, "windows:W"), "FOCUS": (101, ""), "CLOSE": (102, ""), "POINTER": (103, "x:i y:i"),
    "BUTTON": (104, "button:b down:b"), "AXIS": (105, "dx:i dy:i"), "KEY": (106, "evdev down:b modifiers"),
    "KEYMAP": (107, "rules:t model:t layout:t variant:t options:t"), "TOUCH": (108, "id phase:b x:i y:i"),
    "RELEASE": (109, "frame"), "LAUNCH": (110, "token app:t files:t"), "LAUNCH_CANCEL": (111, "token"),
}
NAMES = {number: name for name, (number, _) in TYPES.items()}
TOPLEVEL, POPUP, TOOLTIP, DND, TRAY = range(5)
MAXIMIZED, FULLSCREEN, MINIMIZED, ABOVE, BELOW, STICKY, SHADED, ACTIVATED = (1 << i for i in range(8))
MODAL, URGENT, UNDECORATED, SKIP_TASKBAR, SKIP_PAGER, NO_FOCUS, FIXED_SIZE, SHAPED = (1 << i for i in range(8))
RAW, ZLIB, JPEG, FLAT = range(4)
VERSION_FAULT, PROTOCOL, LIMIT, TAKEN, INTERNAL, GONE = range(1, 7)
DEFAULTS = {"b": 0, "t": "", "d": b"", "r": (0, 0, 1, 1), "R": (), "O": (), "W": (), "u": 0, "i": 0}


def fields(name):
    for word in TYPES[name][1].split():
        field, _, kind = word.partition(":")
        yield field, kind or "u"


class Message:
    def __init__(self, name, window=0, serial=0, /, **values):
        self.type, self.window, self.serial = name, window, serial
        self.__dict__.update(values)

    def __repr__(self):
        rest = {k: v if not isinstance(v, bytes) or len(v) < 20 else "%d bytes" % len(v)
                for k, v in self.__dict__.items() if k not in ("type", "window", "serial")}
        return "%s(%d, #%d, %s)" % (self.type, self.window, self.serial, rest)


def header(kind, length, window=0, serial=0):
    return struct.pack("<HHIII", kind, 0, length, window, serial)


def rects(items):
    return struct.pack("<I", len(items)) + b"".join(struct.pack("<iiII", *r) for r in items)


def write(name, window=0, serial=0, /, **values):
    body = b""
    for field, kind in fields(name):
        value = values.pop(field, DEFAULTS[kind])
        if kind == "b":
            body += struct.pack("<B", value)
        elif kind == "u":
            body += struct.pack("<I", value)
        elif kind == "i":
            body += struct.pack("<i", value)
        elif kind == "r":
            body += struct.pack("<iiII", *value)
        elif kind in "td":
            data = value.encode() if isinstance(value, str) else value
            body += struct.pack("<I", len(data)) + data
        elif kind == "R":
            body += rects(value)
        elif kind == "W":
            body += struct.pack("<I", len(value)) + b"".join(struct.pack("<I", w) for w in value)
        elif kind == "O":
            body += struct.pack("<I", len(value)) + b"".join(struct.pack("<iiIIiiIII", *o) for o in value)
    assert not values, values
    return header(TYPES[name][0], len(body), window, serial) + body


def parse(data):
    """One message and how long it was, or (None, 0) where it is not whole."""
    if len(data) < 16:
        return None, 0
    kind, flags, length, window, serial = struct.unpack_from("<HHIII", data)
    if len(data) < 16 + length:
        return None, 0
    message = Message(NAMES.get(kind, "?%d" % kind), window, serial)
    body, at = bytes(data[16:16 + length]), 0
    if message.type[0] == "?":
        return message, 16 + length
    for field, form in fields(message.type):
        if form == "b":
            value, at = body[at], at + 1
        elif form in "ui":
            value, = struct.unpack_from("<I" if form == "u" else "<i", body, at)
            at += 4
        elif form == "r":
            value, at = struct.unpack_from("<iiII", body, at), at + 16
        else:
            count, = struct.unpack_from("<I", body, at)
            at += 4
            if form in "td":
                value, at = body[at:at + count], at + count
                value = value.decode() if form == "t" else value
            else:
                size, layout = {"R": (16, "<iiII"), "W": (4, "<I"), "O": (36, "<iiIIiiIII")}[form]
                value = [struct.unpack_from(layout, body, at + i * size) for i in range(count)]
                value = [v[0] for v in value] if form == "W" else value
                at += count * size
        setattr(message, {"type": "kind"}.get(field, field), value)
    return message, 16 + length


class Picture:
    """A window's contents as PIXELS and COMMIT make them."""

    def __init__(self):
        self.drawn = {}  # generation -> (width, height, bytearray)
        self.shown = None
        self.commits = []
        self.pixels = 0  # sent in all

    def take(self, m):
        if m.type == "PIXELS":
            if m.generation not in self.drawn:
                self.drawn = {k: v for k, v in self.drawn.items() if self.shown and k == self.shown[0]}
                self.drawn[m.generation] = (m.width, m.height, bytearray(m.width * m.height * 4))
            width, height, data = self.drawn[m.generation]
            assert (width, height) == (m.width, m.height), "one generation, two sizes"
            x, y, w, h = m.area
            assert x >= 0 and y >= 0 and x + w <= width and y + h <= height, "pixels outside: %r" % (m,)
            self.pixels += w * h
            raw = {RAW: lambda d: d, ZLIB: zlib.decompress, FLAT: lambda d: d * (w * h)}[m.encoding](m.data)
            assert len(raw) == w * h * 4, "a rectangle of %d bytes" % len(raw)
            for row in range(h):
                at = ((y + row) * width + x) * 4
                data[at:at + w * 4] = raw[row * w * 4:(row + 1) * w * 4]
        else:
            width, height, data = self.drawn[m.generation]
            assert (width, height) == (m.width, m.height)
            self.commits.append(m)
            self.shown = (m.generation, width, height, bytes(data))
