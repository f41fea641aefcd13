"""A sound server of a test's own: what it plays goes nowhere and is recorded
there, and how much of that is a tone. Python's standard library only."""
import array, math, os, shutil, subprocess, tempfile, time


class Sound:
    """PulseAudio with a loudspeaker that plays nowhere, and what it plays."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="oriel-sound-")
        self.path = os.path.join(self.folder, "native")
        self.env = dict(os.environ, HOME=self.folder, XDG_RUNTIME_DIR=self.folder, PULSE_SERVER="unix:" + self.path,
                        PULSE_COOKIE=os.path.join(self.folder, "cookie"))
        self.env.pop("DISPLAY", None)
        self.process = None
        self.start()

    def start(self):
        own = {k: v for k, v in self.env.items() if k != "PULSE_SERVER"}
        self.process = subprocess.Popen(
            ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--log-level=error",
             "-L", "module-native-protocol-unix socket=%s auth-anonymous=1" % self.path,
             "-L", "module-null-sink sink_name=out rate=48000", "-L", "module-null-sink sink_name=in rate=48000",
             "-L", "module-remap-source master=in.monitor source_name=mic"],
            env=own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while "out" not in self.tool("list", "short", "sinks"):
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError("PulseAudio does not start")
            time.sleep(0.05)
        self.tool("set-default-sink", "out")
        self.tool("set-default-source", "mic")

    def stop(self):
        self.process.terminate()
        self.process.wait(20)

    def tool(self, *words):
        return subprocess.run(["pactl", *words], env=self.env, capture_output=True, text=True).stdout

    def heard(self, seconds, device="out.monitor"):
        """What came out of the loudspeaker, mono at 48 kHz."""
        wanted = int(48000 * seconds) * 2
        recorder = subprocess.Popen(["parec", "-d", device, "--raw", "--format=s16le", "--rate=48000", "--channels=1",
                                     "--latency-msec=20"], env=self.env, stdout=subprocess.PIPE)
        data = recorder.stdout.read(wanted)
        recorder.terminate()
        recorder.wait()
        recorder.stdout.close()
        return array.array("h", data)

    def close(self):
        self.stop()
        shutil.rmtree(self.folder)


def strength(samples, hz, rate=48000):
    """How much of the samples' power is at that frequency: 0 to 1 (Goertzel)."""
    power = sum(s * s for s in samples)
    if not power:
        return 0.0
    turn = 2 * math.cos(2 * math.pi * hz / rate)
    before = last = 0.0
    for s in samples:
        before, last = last, s + turn * last - before
    return 2 * (last * last + before * before - turn * last * before) / (len(samples) * power)
