"""Workloads of the display's bench: real applications at 1920x1080.

Each runs under an Xvfb of its own and is driven step by step: a step is said,
the application draws, display-record takes the frame. Recordings are kept in
$XDG_CACHE_HOME/oriel/display by the content of what makes them.
"""
import glob, hashlib, inspect, os, random, subprocess, sys, time

from stage import HERE, Page, Recorder, Screen

WORDS = ("the of and window a in to machine picture is server that for it line was on guest as with at by "
         "display from or an be this which frame not pixel are but its had their key first one all have been "
         "who more other some than only could time these two may then do such over new any my what").split()


def prose(chance, columns):
    line = ""
    while len(line) < columns:
        line += chance.choice(WORDS) + (". " if chance.random() < 0.1 else " ")
    return line[:columns].rstrip()


def listing(chance):
    """A line as compilers, logs and ls write them, in colours."""
    kind = chance.randrange(4)
    if kind == 0:
        return "\033[32m%s\033[0m  CC      %s/%s-%s.c" % (
            chance.randrange(100000), chance.choice(WORDS), chance.choice(WORDS), chance.choice(WORDS))
    if kind == 1:
        return "-rw-r--r-- 1 user user %8d Nov %2d %02d:%02d \033[1;34m%s_%s\033[0m" % (
            chance.randrange(10 ** 8), chance.randrange(1, 30), chance.randrange(24), chance.randrange(60),
            chance.choice(WORDS), chance.choice(WORDS))
    return prose(chance, chance.randrange(30, 180))


def terminal(screen, path):
    """A full-screen xterm through which lines run, four a frame."""
    chance = random.Random(1)
    out = screen.terminal("scroll", "208x56+0+0")
    for _ in range(80):
        out.write((listing(chance) + "\r\n").encode())
    recorder = Recorder(screen, path)
    for i in range(1, 181):
        out.write("".join(listing(chance) + "\r\n" for _ in range(4)).encode())
        recorder.frame(i * 1000 // 30)
    recorder.end(6000)


def typing(screen, path):
    """Prose typed into an xterm, eight characters a second."""
    chance = random.Random(2)
    out = screen.terminal("typing", "140x44+180+60")
    for _ in range(20):
        out.write((prose(chance, 130) + "\r\n").encode())
    recorder = Recorder(screen, path)
    text = prose(chance, 140)
    for i in range(1, 49):
        out.write(text[i - 1].encode())
        recorder.frame(i * 125)
    recorder.end(6000)



def photographs():
    found = sorted(glob.glob("/usr/share/backgrounds/mate/nature/*.jpg"))
    if len(found) < 6:
        raise RuntimeError("photographs are missing: install the package mate-backgrounds")
    return found


def browser(screen, path):
    """An article with pictures, scrolled smoothly: 12 pixels a frame."""
    chance, pictures = random.Random(3), photographs()
    parts = []
    for i in range(8):
        parts.append("<h2>%s</h2>" % prose(chance, 40).title())
        parts.append("<img src='/%d.jpg'>" % (i % len(pictures)))
        for _ in range(3):
            parts.append("<p>%s <a href='#'>%s</a> %s</p>" % (prose(chance, 500), prose(chance, 20), prose(chance, 400)))
    page = Page(screen, """<!DOCTYPE html><title>page</title><style>
body { font: 18px/1.5 'DejaVu Serif', serif; margin: 0 auto; width: 1100px; background: #fdfcf8; }
img { float: right; width: 640px; height: 400px; object-fit: cover; margin: 12px; border-radius: 8px; }
h2 { font-family: 'DejaVu Sans'; color: #224; clear: both; }
</style>%s<script>function show(n) { scrollTo(0, 12 * (n + 1)); }</script>""" % "".join(parts), pictures)
    recorder = Recorder(screen, path)
    for i in range(1, 136):
        page.next()
        recorder.frame(i * 1000 // 30)
    recorder.end(4500)
    page.end()


def slides(screen, path):
    """Photographs over the whole screen, one a second."""
    pictures = photographs()[:7]
    page = Page(screen, """<!DOCTYPE html><title>slides</title><style>
body { margin: 0; background: black; overflow: hidden; }
img { position: absolute; width: 100vw; height: 100vh; object-fit: cover; visibility: hidden; }
.seen { visibility: visible; }
</style>%s<script>
document.images[0].className = 'seen';
function show(n) { [...document.images].forEach((e, i) => e.className = i == n + 1 ? 'seen' : ''); }
</script>""" % "".join("<img src='/%d.jpg'>" % i for i in range(len(pictures))), pictures)
    # in the photograph, too: the small marks at the edges may come before it
    recorder = Recorder(screen, path, ["mark", "1024", "1024", "16"])
    for i in range(1, len(pictures)):
        page.next()
        recorder.frame(i * 1000, 60)
    recorder.end(len(pictures) * 1000)
    page.end()


def drag(screen, path):
    """A terminal and a photograph pulled over a desktop of text."""
    chance = random.Random(4)
    below = screen.terminal("below", "150x50+30+40")
    above = screen.terminal("above", "90x28+300+300")
    for out, count, columns in ((below, 60, 150), (above, 40, 90)):
        for _ in range(count):
            out.write((prose(chance, columns) + "\r\n").encode())
    screen.start("display", "-title", "photo", "-geometry", "640x400!", "-resize", "640x400!", photographs()[3])
    photo = screen.window("photo")
    recorder, moment = None, 0
    for window in (screen.window("above"), photo):
        screen.run("xdotool", "windowactivate", "--sync", window)
        screen.place(window, 420, 240)
        time.sleep(0.5)
        x, y = 540, 248  # on the title bar
        screen.run("xdotool", "mousemove", str(x), str(y), "mousedown", "1")
        time.sleep(0.3)
        recorder = recorder or Recorder(screen, path)
        for _ in range(75):
            moment += 1
            x += 9 if moment % 150 < 75 else 6
            y += 3 if moment % 50 < 25 else -3
            screen.run("xdotool", "mousemove", str(x), str(y))
            recorder.frame(moment * 1000 // 30)
        screen.run("xdotool", "mouseup", "1")
    recorder.end(5000)


def video(screen, path):
    """A film of 1280x720 in ffplay, and prose typed beside it."""
    film = os.path.join(screen.home, "film.mkv")
    subprocess.run(["ffmpeg", "-v", "error", "-loop", "1", "-i", photographs()[6], "-vf",
                    "scale=2560:-1,zoompan=z='1.1+0.25*sin(on/40)':x='200+on*3':y='120+60*sin(on/25)':d=300:s=1280x720"
                    ":fps=30,noise=alls=4:allf=t:all_seed=5", "-frames:v", "260", "-c:v", "mjpeg", "-q:v", "2", film],
                   check=True)
    chance = random.Random(5)
    out = screen.terminal("beside", "62x50+1345+40")
    for _ in range(30):
        out.write((prose(chance, 60) + "\r\n").encode())
    screen.start("ffplay", "-loglevel", "quiet", "-an", "-window_title", "film", "-left", "20", "-top", "60", film)
    window = screen.window("film")
    screen.run("xdotool", "windowactivate", "--sync", window)
    screen.run("xdotool", "key", "s")  # pauses; each further one is a frame
    time.sleep(0.5)
    where = dict(line.split("=") for line in
                 screen.run("xdotool", "getwindowgeometry", "--shell", window).decode().split("\n") if "=" in line)
    mark = [str((int(where["X"]) + 511) // 16 * 16), str((int(where["Y"]) + 351) // 16 * 16), "16"]
    recorder, text = Recorder(screen, path, ["mark", *mark]), prose(chance, 60)
    for i in range(1, 151):
        screen.run("xdotool", "key", "s")
        if i % 4 == 0:
            out.write(text[i // 4 - 1:i // 4].encode())
        recorder.frame(i * 1000 // 30, 20)
    recorder.end(5000)


def idle(screen, path):
    """Nothing happens for five seconds."""
    out = screen.terminal("idle", "140x44+180+60")
    out.write((prose(random.Random(6), 130) + "\r\n").encode())
    Recorder(screen, path).end(5000)


WORKLOADS = {"terminal": terminal, "typing": typing, "browser": browser, "drag": drag, "video": video,
             "slides": slides, "idle": idle}


def recording(name, say=lambda text: None):
    """The path of a workload's recording; records it when there is none."""
    digest = hashlib.sha256()
    for maker in (WORKLOADS[name], prose, listing):
        digest.update(inspect.getsource(maker).encode())
    for source in ("stage.py", "record.c", "recording.c", "recording.h", "mark.h"):
        with open(os.path.join(HERE, source), "rb") as file:
            digest.update(file.read())
    folder = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "oriel", "display")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "%s-%s.rec" % (name, digest.hexdigest()[:12]))
    if not os.path.exists(path):
        say("recording %s" % name)
        for old in os.listdir(folder):  # of other contents, unused for days
            if os.path.getmtime(os.path.join(folder, old)) < time.time() - 3 * 86400:
                os.unlink(os.path.join(folder, old))
        screen = Screen()
        try:
            WORKLOADS[name](screen, path)
        finally:
            screen.end()
    os.utime(path)
    return path


if __name__ == "__main__":
    for wanted in sys.argv[1:] or WORKLOADS:
        print(recording(wanted, print))
