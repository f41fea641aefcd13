"""Where stock viewers are looked at: an X screen of their own."""
import glob, os, shutil, socket, struct, subprocess, tempfile, time


def port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def spice_env(env, home):
    """What keeps a GTK viewer of SPICE to itself: no sound server is started
    for it, and no plugins for films are searched through, which takes long."""
    env = dict(env, HOME=home, XDG_RUNTIME_DIR=home, GTK_A11Y="none", NO_AT_BRIDGE="1", GIO_USE_VFS="local", GSETTINGS_BACKEND="memory",
               PULSE_SERVER="unix:/nonexistent", GST_PLUGIN_SYSTEM_PATH_1_0=home)
    for variable in ("DBUS_SESSION_BUS_ADDRESS", "WAYLAND_DISPLAY"):
        env.pop(variable, None)
    return env


def plugin_path(plugin):
    """Of one of GStreamer's, whether it is installed or not."""
    folder = subprocess.run(["pkg-config", "--variable=pluginsdir", "gstreamer-1.0"], stdout=subprocess.PIPE, text=True).stdout.strip()
    return os.path.join(folder or (glob.glob("/usr/lib/*/gstreamer-1.0") or [""])[0], "libgst%s.so" % plugin)


def with_plugins(env, home, *plugins):
    """The same viewer with a few of GStreamer's plugins, found without
    searching through the others."""
    own = os.path.join(home, "gstreamer")
    if not os.path.isdir(own):
        os.mkdir(own)
        for path in map(plugin_path, plugins):  # its name is that of its entry
            os.symlink(path, os.path.join(own, os.path.basename(path)))
    return dict(spice_env(env, home), GST_PLUGIN_SYSTEM_PATH_1_0=own, GST_REGISTRY=os.path.join(home, "registry"))


def film_env(env, home):
    """With what decodes H.264 and VP8."""
    return with_plugins(env, home, "app", "coreelements", "libav", "playback", "typefindfunctions", "videoconvertscale",
                        "videoparsersbad", "vpx")


def sound_env(env, home, sound):
    """With loudspeakers."""
    env = with_plugins(env, home, "app", "audioconvert", "audioresample", "autodetect", "coreelements", "pulseaudio", "volume")
    return dict(env, **{key: sound.env[key] for key in ("PULSE_SERVER", "PULSE_COOKIE")})


class Xvfb:
    def __init__(self, size="1024x768x24"):
        read, write = os.pipe()
        self.process = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", size, "-nolisten", "tcp"],
                                        pass_fds=(write,), stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as file:
            self.name = ":" + file.readline().strip()
        self.home = tempfile.mkdtemp(prefix="oriel-home-")
        self.env = dict(os.environ, DISPLAY=self.name, HOME=self.home)

    def run(self, *args, **more):
        return subprocess.run(args, env=self.env, check=True, stdout=subprocess.PIPE, timeout=30, **more).stdout

    def screen(self):
        """Width and the pixels as the machine has them."""
        try:
            data = self.run("xwd", "-root", "-silent")
        except subprocess.CalledProcessError:  # a window went away meanwhile
            data = self.run("xwd", "-root", "-silent")
        head = struct.unpack(">25I", data[:100])
        start = head[0] + head[19] * 12
        width, height, size, line = head[4], head[5], head[11] // 8, head[12]
        rows = []
        for y in range(height):
            raw, row = data[start + y * line:start + y * line + width * size], bytearray(width * 4)
            for i in range(3):  # 3 bytes a pixel where windows of several visuals show
                row[i::4] = raw[i::size]
            rows.append(bytes(row))
        return rows

    def end(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def shows(x, p, head=0, width=0):
    """The machine's picture stands somewhere on the screen, all of it."""
    want, rows = p.player.picture(head), x.screen()
    lines = [want[i:i + width * 4] for i in range(0, len(want), width * 4)]
    for y in range(len(rows) - len(lines) + 1):
        at = rows[y].find(lines[0])
        if at >= 0 and at % 4 == 0 and all(rows[y + i][at:at + width * 4] == line for i, line in enumerate(lines)):
            return at // 4 + 1, y
    return None


def number_in(row):
    """Of a played frame, in the pixels of its first row; none while it is
    being drawn."""
    pixels = [row[i:i + 3] for i in range(0, 128, 4)]
    if any(pixel not in (b"\0\0\0", b"\xff\xff\xff") for pixel in pixels):
        return None
    return sum(1 << i for i, pixel in enumerate(pixels) if pixel[0])


def follows(p, first_row, wanted=4, seconds=60):
    """Plays until so many frames were seen, then some more, which are waited
    for. What was seen: numbers that ascend, if all is well."""
    seen, end = [], time.monotonic() + seconds
    p.player.say("play 0 50 100000 whole")
    while len(seen) < wanted and time.monotonic() < end:
        row = first_row()
        number = number_in(row) if row else None
        if number and seen[-1:] != [number]:
            seen.append(number)
    p.player.say("play 0 50 20 whole")
    p.player.wait("played", 30)
    return len(seen) >= wanted and seen == sorted(seen), seen


def row_at(x, left, top):
    """Where the machine's first row begins on a screen."""
    return lambda: x.screen()[top][left * 4:]
