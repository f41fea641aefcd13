#!/bin/bash
# Applications of a machine as windows of one's own desktop, from nothing.
#   demo-apps.sh             opens Writer, an editor and WordPad, a Windows
#                            program, beside what is there
#   demo-apps.sh --headless  the same in Xvfb under openbox, with a local
#                            window between; keeps the picture demo/apps.png
# DEMO_DIR and the image cache as in demo.sh, whose server and user it shares.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
export DEMO_DIR=${DEMO_DIR:-$top/demo}
demo=$DEMO_DIR
bin=$top/${BUILD:-build}/bin
# pool and application; the second pool's machine has Windows' agent
apps=("apps libreoffice-writer" "apps org.xfce.mousepad" "windows wordpad")
fail() {
	echo "demo-apps: $1" >&2
	[ $# -lt 2 ] || echo "      $2" >&2
	exit 1
}

serve() { # POOL IMAGE MEMORY: prints where it is
	DEMO_POOL=$1 DEMO_IMAGE=$2 DEMO_MEMORY=$3 "$top/data/demo.sh" --serve >&2
	jq -r .url "$demo/serve.json"
}
declare -A url
url[apps]=$(serve apps debian-apps 2048)
url[windows]=$(serve windows debian-wine 1024)
common=(--user demo --password-file "$demo/password" --trust-fingerprint "$(jq -r .fingerprint "$demo/serve.json")")
work=$(mktemp -d)
pids=()
finish() {
	local code=$?
	set +e # all of it, whatever one of them says
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
	rm -rf "$work"
	exit $code
}
trap finish EXIT
until_true() { # SECONDS COMMAND...: polls until it succeeds
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}
launch() { # POOL APP: its windows come to $DISPLAY; the first call of a pool stays
	"$bin/oriel-client" run "${common[@]}" --events "$work/events" -- "${url[$1]}" "$2" >>"$demo/apps.log" 2>&1 &
	pids+=($!)
}

if [ "${1:-}" != --headless ]; then
	[ -n "${DISPLAY:-}" ] || fail "There is no display here." "make demo-apps HEADLESS=1 needs none."
	echo "Opening ${apps[*]}; more with: $bin/oriel-client apps ${common[*]} ${url[apps]}"
	for app in "${apps[@]}"; do launch ${app}; done
	wait "${pids[0]}"
	exit 0
fi

mkfifo "$work/display"
Xvfb -displayfd 3 -screen 0 1280x800x24 -nolisten tcp 3>"$work/display" >"$work/xvfb.log" 2>&1 &
pids+=($!)
read -r number <"$work/display"
export DISPLAY=:$number XDG_DATA_HOME=$work/data XDG_CONFIG_HOME=$work/config GTK_A11Y=none NO_AT_BRIDGE=1
unset WAYLAND_DISPLAY
# the second call finds the first by a session bus of its own
dbus-daemon --session --nofork --nosyslog --print-address=3 3>"$work/bus" >/dev/null 2>&1 &
pids+=($!)
until_true 20 test -s "$work/bus" || fail "No session bus could be started."
DBUS_SESSION_BUS_ADDRESS=$(cat "$work/bus")
export DBUS_SESSION_BUS_ADDRESS
openbox >"$work/openbox.log" 2>&1 &
pids+=($!)
for app in "${apps[@]}"; do launch ${app}; done
# by their classes: a splash screen comes first, and goes
there() { wmctrl -lx | grep -qF -- "$1"; }
all() { there oriel-apps-libreoffice-writer && there oriel-apps-org.xfce.mousepad && there oriel-windows-wordpad; }
until_true 1800 all || fail "The applications' windows did not come." "The client's messages are in $demo/apps.log."
xclock -geometry 200x200 -title "local clock" &
pids+=($!)
until_true 120 sh -c 'wmctrl -l | grep -q "local clock"' || fail "The local window did not come."
xsetroot -solid '#39506b'
place() { # PATTERN X,Y,W,H
	local id
	id=$(wmctrl -lx | grep -m 1 -- "$1" | cut -d' ' -f1)
	wmctrl -i -r "$id" -b remove,maximized_vert,maximized_horz
	wmctrl -i -r "$id" -e "0,$2"
	wmctrl -i -a "$id"
}
# the last one has the focus, and is to be drawn so
place oriel-apps-libreoffice-writer 40,30,900,640
place oriel-windows-wordpad 30,420,560,350
place "local clock" 500,330,200,200
place oriel-apps-org.xfce.mousepad 560,300,640,400
sleep 20 # what came last is drawn, also under emulation
import -window root "$demo/apps.png"
wmctrl -lGx
echo "Done: ${demo#"$top"/}/apps.png"
