#!/bin/sh
# Installs the Debian packages that Oriel builds, runs and is tested with.
#   deps.sh check|install [GROUP...]     groups: build run windows headless test soak bench fuzz
# The lists are in data/packages; docs/dependencies.md gives each its reason.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mode=${1:-install}
[ $# -gt 0 ] && shift
groups=${*:-build run headless test}

wanted=
for group in $groups; do
	wanted="$wanted $(sed -n "s/#.*//; s/^$group:[[:space:]]*//p" "$here/packages" | tr '\n' ' ')"
done
missing=
for package in $wanted; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || state=none
	[ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
mend="apt-get install --no-install-recommends$missing"
if [ "$mode" = check ]; then
	echo "Missing packages:$missing" >&2
	echo "Mend it with: sudo $mend" >&2
	exit 1
fi
if [ "$(id -u)" = 0 ]; then
	sudo=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
	sudo=sudo
elif command -v sudo >/dev/null && [ -t 0 ]; then
	sudo=sudo
else
	echo "Missing packages:$missing" >&2
	echo "They need root to install. Run: sudo $mend" >&2
	exit 1
fi
echo "Installing packages:$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { $sudo apt-get update -q && $sudo apt-get install -q -y --no-install-recommends $missing; } >"$log" 2>&1 </dev/null; then
	tail -n 20 "$log" >&2
	echo "Packages could not be installed; the reason stands above. Once it is mended, run: sudo $mend" >&2
	exit 1
fi
