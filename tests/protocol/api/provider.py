"""A sign-in provider (OpenID Connect) on this machine, which can be told to
lie; the settings of a broker that asks it."""
import atexit, hashlib, http.server, ssl, urllib.parse
from world import *

KEYS = tempfile.mkdtemp(prefix="oriel-oidc-")
atexit.register(shutil.rmtree, KEYS)
BACK = "https://oriel.example:8443/"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*args, data=b""):
    return subprocess.run(["openssl"] + list(args), input=data, capture_output=True, check=True).stdout


class Key:
    def __init__(self, name, kind="RSA", bits=2048):
        self.name, self.kind, self.path = name, kind, os.path.join(KEYS, name)
        if kind == "RSA":
            openssl("genrsa", "-out", self.path, str(bits))
            modulus = bytes.fromhex(openssl("rsa", "-in", self.path, "-noout", "-modulus").decode().strip().split("=")[1])
            self.jwk = dict(kty="RSA", use="sig", alg="RS256", kid=name, n=b64(modulus), e="AQAB")
        else:
            openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.path)
            point = openssl("ec", "-in", self.path, "-pubout", "-outform", "DER")[-64:]
            self.jwk = dict(kty="EC", use="sig", crv="P-256", kid=name, x=b64(point[:32]), y=b64(point[32:]))

    def sign(self, data):
        raw = openssl("dgst", "-sha256", "-sign", self.path, data=data)
        if self.kind == "RSA":
            return raw
        r, s = re.findall(r"INTEGER\s*:([0-9A-F]+)", openssl("asn1parse", "-inform", "DER", data=raw).decode())
        return int(r, 16).to_bytes(32, "big") + int(s, 16).to_bytes(32, "big")


RSA, EC, STRANGER, SHORT = Key("rsa"), Key("ec", "EC"), Key("stranger"), Key("short", bits=1024)


class Provider(http.server.ThreadingHTTPServer):
    """Knows one person, and answers as its `lies` say."""
    daemon_threads = True

    def __init__(self, back=BACK, certificate=None):
        super().__init__(("127.0.0.1", 0), Page)
        self.back = back  # the page that asks
        self.programs = False  # they may ask for themselves, on any port of this computer
        self.issuer = "http%s://127.0.0.1:%d" % ("s" if certificate else "", self.server_port)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.person = dict(sub="4711", preferred_username="ada", groups=["games", "elsewhere"])
        self.codes, self.lies, self.asked = {}, {}, []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def visit(self, url):
        """What happens in the browser: what it comes back with."""
        parts = urllib.parse.urlsplit(url)
        query = dict(urllib.parse.parse_qsl(parts.query))
        equal(parts.path, "/authorize")
        wanted = self.back
        if self.programs and re.fullmatch(r"http://127\.0\.0\.1:\d+/", query["redirect_uri"]):
            wanted = query["redirect_uri"]
        equal((query["response_type"], query["client_id"], query["redirect_uri"], query["code_challenge_method"]),
              ("code", "oriel & co", wanted, "S256"))
        assert "openid" in query["scope"].split(), query
        code = "code-%d" % len(self.codes)
        self.codes[code] = query
        return code, query["state"]

    def token(self, nonce):
        now = int(time.time())
        claims = dict(self.person, iss=self.issuer, aud="oriel & co", iat=now, exp=now + 300, nonce=nonce)
        claims.update(self.lies.get("claims", {}))
        claims = {k: v for k, v in claims.items() if v is not None}
        key = self.lies.get("key", RSA)
        header = dict(dict(alg="RS256" if key.kind == "RSA" else "ES256", kid=key.name), **self.lies.get("header", {}))
        text = b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())
        signature = self.lies.get("signature", key.sign)(text.encode())
        return text + "." + b64(signature)


class Page(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def answer(self, body, status=200, **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            pass

    def do_GET(self):
        own = self.server
        own.asked.append(self.path)
        if self.path in own.lies:
            return self.answer(*own.lies[self.path])
        if self.path == "/.well-known/openid-configuration":
            about = dict(issuer=own.issuer, authorization_endpoint=own.issuer + "/authorize",
                         token_endpoint=own.issuer + "/token", jwks_uri=own.issuer + "/keys")
            return self.answer(dict(about, **own.lies.get("about", {})))
        if self.path.startswith("/authorize?"):  # whoever comes is signed in
            query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
            back = dict(error="access_denied", state=query["state"])
            if not own.lies.get("refuses"):
                code, state = own.visit(self.path)
                back = dict(code=code, state=state, session_state="some.thing-0")
            return self.answer({}, 302, Location=query["redirect_uri"] + "?" + urllib.parse.urlencode(back))
        if self.path == "/userinfo":
            if self.headers.get("Authorization") != "Bearer x":
                return self.answer(dict(error="invalid_token"), 401)
            return self.answer(dict(own.person, **own.lies.get("info", {})))
        if self.path == "/keys":
            return self.answer(dict(keys=[EC.jwk, RSA.jwk, SHORT.jwk]))
        self.answer({}, 404)

    def do_POST(self):
        own = self.server
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        own.asked.append(self.path)
        if self.path in own.lies:
            return self.answer(*own.lies[self.path])
        kind, _, pair = self.headers.get("Authorization", "").partition(" ")
        if kind != "Basic" or base64.b64decode(pair).decode() != "oriel%20%26%20co:s%2Be%3Acret":
            return self.answer(dict(error="invalid_client"), 401)
        query = own.codes.get(form.get("code")) if own.lies.get("replay") else own.codes.pop(form.get("code"), None)
        verified = query and b64(hashlib.sha256(form["code_verifier"].encode()).digest()) == query["code_challenge"]
        if not verified or form["redirect_uri"] != query["redirect_uri"] or form["grant_type"] != "authorization_code":
            return self.answer(dict(error="invalid_grant"), 400)
        self.answer(dict(access_token="x", token_type="Bearer", id_token=own.token(query["nonce"])))


def configured(w, more=""):
    secret = os.path.join(w.top, "secret")
    with open(secret, "w") as file:
        file.write("s+e:cret\n")
    os.chmod(secret, 0o600)
    w.configure(("[broker]\nstore = %s\n" % w.database if PG else "") + "[oidc]\nissuer = %s\nclient_id = oriel & co\n"
                "secret_file = %s\nurl = %s\nlabel = Example ID\n%s" % (w.provider.issuer, secret, w.provider.back, more))
