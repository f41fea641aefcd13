#!/bin/bash
# A hosted desktop from nothing: image, server, user, pool, client.
#   demo.sh              opens the client, or says how to reach the desktop
#   demo.sh --headless   the same in Xvfb, types into the guest and proves it
#   demo.sh --serve      only up to the pool; says where as JSON, server stays
#   demo.sh --clean      stops the demo's server and removes its files
# DEMO_DIR (default: demo beside this folder) holds everything it makes; only
# the image cache of the user (~/.cache/oriel) is outside.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
demo=${DEMO_DIR:-$top/demo}
bin=$top/${BUILD:-build}/bin
root=$demo/root
image=${DEMO_IMAGE:-debian-lite}
pool=${DEMO_POOL:-debian}
mode=${1:-open}
begun=$SECONDS

if [ -t 1 ]; then bold=$'\e[1m' plain=$'\e[0m'; else bold='' plain=''; fi
step() { printf '%s[%3d s]%s %s\n' "$bold" $((SECONDS - begun)) "$plain" "$*"; }
fail() {
	echo "demo: $1" >&2
	[ $# -lt 2 ] || echo "      $2" >&2
	exit 1
}
oriel() { "$bin/oriel" --root "$root" "$@"; }

server_pid() { # prints the pid of the demo's running server
	local pid
	pid=$(cat "$demo/orield.pid" 2>/dev/null) || return 1
	# the file may have been built anew since
	local exe
	exe=$(readlink "/proc/$pid/exe" 2>/dev/null)
	[ "${exe% (deleted)}" = "$(readlink -f "$bin/orield")" ] && echo "$pid"
}

stop_server() {
	local pid
	pid=$(server_pid) || return 0
	local id
	for id in $(oriel desktop list --json 2>/dev/null | jq -r '.desktops[] | select(.id != null and .state != "off") | .id'); do
		oriel desktop off "$id" >/dev/null || echo "demo: desktop $id could not be switched off" >&2
	done
	kill "$pid"
	for _ in $(seq 100); do
		[ -d "/proc/$pid" ] || break
		sleep 0.1
	done
	rm -f "$demo/orield.pid"
}

if [ "$mode" = --clean ]; then
	if [ -e "$bin/orield" ]; then stop_server; fi
	chmod -R u+w "$demo" 2>/dev/null || [ ! -e "$demo" ]
	rm -rf "$demo"
	exit 0
fi

mkdir -p "$demo"
free_port() { # $1 if nobody listens there, else 0: any free one
	if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then echo 0; else echo "$1"; fi
}

start_server() {
	if server_pid >/dev/null; then
		step "The server is running already."
		return
	fi
	step "Starting the server"
	rm -f "$root/run/gateway.json"
	setsid "$bin/orield" --root "$root" --https-port "$(free_port 8443)" --rfb-port "$(free_port 5900)" \
		--spice-port "$(free_port 5930)" \
		>>"$demo/orield.log" 2>&1 </dev/null &
	echo $! >"$demo/orield.pid"
	local i
	for i in $(seq 150); do
		[ -s "$root/run/gateway.json" ] && oriel status --json 2>/dev/null | jq -e '.hosts | length > 0' >/dev/null && return
		kill -0 "$(cat "$demo/orield.pid")" 2>/dev/null || break
		sleep 0.1
	done
	tail -n 15 "$demo/orield.log" >&2
	fail "The server did not start; its last words stand above." "All of them are in $demo/orield.log."
}

start_server
step "Image $image: building it takes minutes the first time, nothing later"
oriel image build "$image"
if ! oriel user list --json | jq -e '.users[] | select(.user == "demo")' >/dev/null; then
	step "Adding user demo"
	(umask 077 && head -c 9 /dev/urandom | base64 | tr '+/' 'xy' >"$demo/password")
	oriel user add demo --role admin --password-file "$demo/password"
fi
if ! oriel pool list --json | jq -e --arg pool "$pool" '.pools[] | select(.pool == $pool)' >/dev/null; then
	step "Making pool $pool"
	oriel pool create "$pool" --image "$image" --cpus 2 --memory "${DEMO_MEMORY:-1024}" --heads 2
fi

https=$(jq -r .https "$root/run/gateway.json")
rfb=$(jq -r .rfb "$root/run/gateway.json")
fingerprint=$(jq -r .fingerprint "$root/run/gateway.json")
url=https://localhost:$https/$pool

if [ "$mode" = --serve ]; then
	jq -n --arg url "$url" --arg fingerprint "$fingerprint" '{url: $url, fingerprint: $fingerprint}' >"$demo/serve.json"
	exit 0
fi

tell() {
	cat <<-END

		Your desktop:        $url
		User and password:   demo, $(cat "$demo/password")
		Oriel's client:      $bin/oriel-client $url
		A stock VNC viewer:  vncviewer -SecurityTypes X509Plain localhost::$rfb
		Certificate:         $fingerprint
		The server goes on running; 'make demo-clean' stops it and removes everything.
	END
}

if [ "$mode" != --headless ]; then
	if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
		tell
		step "Opening the client"
		exec "$bin/oriel-client" "$url" --user demo --password-file "$demo/password" --trust-fingerprint "$fingerprint"
	fi
	step "No display here, so the client is not opened; starting the desktop"
	oriel desktop start "$pool/demo"
	tell
	exit 0
fi

# ---- headless: the same path, driven by X events, and proved ----
work=$(mktemp -d)
pids=()
finish() {
	local code=$?
	set +e # all of it, whatever one of them says
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
	# the next run gets a fresh clone
	[ -n "${id:-}" ] && oriel desktop remove "$id" --force >/dev/null 2>&1
	stop_server
	rm -rf "$work"
	if [ $code = 0 ]; then step "Done: ${demo#"$top"/}/desktop.png"; else echo "demo: failed; see $demo/orield.log and $demo/client.log" >&2; fi
	exit $code
}
trap finish EXIT
until_true() { # SECONDS COMMAND...: polls until it succeeds
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

step "Starting Xvfb and the client"
mkfifo "$work/display"
Xvfb -displayfd 3 -screen 0 1280x800x24 -nolisten tcp 3>"$work/display" >"$work/xvfb.log" 2>&1 &
pids+=($!)
read -r number <"$work/display"
export DISPLAY=:$number
openbox >"$work/openbox.log" 2>&1 &
pids+=($!)
XDG_DATA_HOME=$work/data XDG_CONFIG_HOME=$work/config GTK_A11Y=none \
	"$bin/oriel-client" "$url" --user demo --password-file "$demo/password" \
	--trust-fingerprint "$fingerprint" --events "$work/events" >"$demo/client.log" 2>&1 &
client=$!
pids+=($client)
until_true 900 grep -q first-frame "$work/events" ||
	fail "The client showed no picture within 15 minutes." "Its messages are in $demo/client.log."
protocol=$(jq -rs 'map(select(.event == "connected"))[0].protocol' "$work/events")
[ "$protocol" = spice ] ||
	fail "The client took $protocol, not SPICE, to the desktop." "What was offered to it is in $demo/orield.log."
step "The desktop is on screen over SPICE, $(jq -rs '(map(select(.event == "first-frame"))[0].t_us - map(select(.event == "signed-in"))[0].t_us) / 1000 | floor' "$work/events") ms after signing in"

id=$(oriel desktop list --json | jq -r '.desktops[] | select(.user == "demo" and .pool == "'"$pool"'") | .id')
in_guest() { # runs a command in the guest, prints its output
	oriel desktop exec "$id" -- "$@"
}
step "Opening the guest's editor and typing into it"
sentence="Hello from Oriel: typed through X events, $(date -u +%H:%M:%S)."
in_guest /usr/lib/oriel/as-user --detach mousepad /home/user/hello.txt
until_true 300 in_guest /usr/lib/oriel/as-user xdotool search --onlyvisible --name hello.txt ||
	fail "The editor's window did not open in the guest."
window=$(xdotool search --onlyvisible --pid "$client" | tail -n 1)
xdotool windowactivate --sync "$window"
sleep 1
xdotool type --delay 30 "$sentence"
xdotool key ctrl+s
typed() { in_guest cat /home/user/hello.txt | grep -qF "$sentence"; }
until_true 120 typed || fail "The sentence did not arrive in the guest's file." "It holds: $(in_guest cat /home/user/hello.txt | head -c 200)"
step "The guest's file holds the sentence"
sleep 1
import -window root "$demo/desktop.png"
