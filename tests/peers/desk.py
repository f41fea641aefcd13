"""A desktop that stock viewers open: broker, gateway and oriel-display are
real; the host is played at its socket and the machine by display1-player, so
that every pixel and key is known. $BUILD and $ORIEL_ROOT may be unset."""
import base64, hashlib, importlib.util, json, os, socket, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ.setdefault("ORIEL_ROOT", os.path.dirname(os.path.dirname(HERE)))
os.environ["BUILD"] = os.path.join(os.environ["ORIEL_ROOT"], os.environ.get("BUILD", "build"))


def load(name, path):
    """A helper of another folder; several are called world.py."""
    spec = importlib.util.spec_from_file_location(name, os.path.join(HERE, path))
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


broker_world = load("broker_world", "../protocol/api/world.py")
harness = load("harness", "../protocol/rfb/harness.py")
BUILD, until = os.environ["BUILD"], harness.until


class World:
    """The server side, with a desktop in pool office."""

    spice = None  # a SPICE socket of the desktop, if it has one

    def __init__(self, program, *options):
        self.options = options
        self.broker = broker_world.World()
        self.host = self.broker.host()
        self.program = program
        self.host.script["machine.start"] = self.start_machine
        self.host.script["machine.stop"] = self.stop_machine
        self.host.script["machine.picture"] = self.machine_picture
        self.held = False  # a start that waits for release()
        self.broker.build()
        for pool in ("office", "workshop"):
            assert self.broker.call("PUT", "/pools/" + pool, dict(image="small", users=None)).status == 200
        self.token = self.broker.add_user("ana")
        self.gateway = None
        self.start_gateway()
        pki = os.path.join(self.broker.root, "lib/pki/gateway.crt")
        self.certificate = pki
        key = subprocess.run("openssl x509 -in '%s' -pubkey -noout | openssl pkey -pubin -outform der" % pki, shell=True,
                             stdout=subprocess.PIPE, check=True).stdout
        self.key_hash = base64.b64encode(hashlib.sha256(key).digest()).decode()

    def start_gateway(self, port=0):
        facts = os.path.join(self.broker.root, "run/gateway.json")
        self.gateway_log = os.path.join(self.broker.top, "gateway.log")
        with open(self.gateway_log, "ab") as log:
            self.gateway = subprocess.Popen([broker_world.OR, "--role", "gateway", "--root", self.broker.root, "--https-port", str(port),
                                             "--rfb-port", "0", "--spice-port", "0", *self.options], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        assert until(lambda: os.path.exists(facts) or self.gateway.poll() is not None) and self.gateway.poll() is None, open(self.gateway_log).read()
        with open(facts) as file:
            facts = json.load(file)
        self.port, self.rfb_port, self.spice_port = facts["https"], facts["rfb"], facts.get("spice")
        self.address = "https://localhost:%d/" % self.port

    def stop_gateway(self):
        self.gateway.terminate()
        return self.gateway.wait(20)

    def running(self, id):
        """What a host says of a machine whose display is ours."""
        self.host.machines[id] = dict(machine=id, state="running", since=int(time.time()), stage="", fraction=0, viewers=0,
                                      accelerator="tcg", rfb="unix:" + self.program.rfb)
        if self.spice:
            self.host.machines[id]["spice"] = "unix:" + self.spice
        self.host.send(event="machine", **self.host.machines[id])

    def open_desktop(self):
        """Ana's desktop in pool office, running."""
        answer = self.broker.call("POST", "/pools/office/desktop", {}, token=self.token)
        assert answer.status in (200, 202), answer
        self.id = answer.json["id"]
        assert until(lambda: self.broker.call("GET", "/desktops/" + self.id).json["state"] == "running")

    def start_machine(self, host, m):
        host.ok(m)
        self.id = m["machine"]
        host.machine(self.id, "starting")
        host.machines[self.id].update(stage="Booting the guest", fraction=0.4)
        host.send(event="machine", **host.machines[self.id])
        if not self.held:
            self.running(self.id)

    def stop_machine(self, host, m):
        host.ok(m)
        host.machine(m["machine"], "stopping")
        host.machine(m["machine"], "off")

    def machine_picture(self, host, m):
        """As oriel-display makes it, through its control socket."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(20)
            control.connect(self.program.control_path)
            control.sendall(json.dumps(dict(id=1, op="picture", width=m["width"])).encode() + b"\n")
            for line in control.makefile("rb"):
                reply = json.loads(line)
                if reply.get("id") == 1:
                    host.ok(m, png=reply["png"], head=0)
                    return

    def end(self):
        self.stop_gateway()
        self.broker.end()
