#!/bin/sh
# Puts noVNC, which shows desktops in browsers, into FOLDER.
#   novnc.sh FOLDER
# One fixed version from the npm registry, known by its hash and kept in the
# user's cache (~/.cache/oriel, or $ORIEL_CACHE). Where npm or the network is
# missing, put the package's tarball there by hand: the message says where.
set -eu
version=1.7.0
sha512=b9c1093b1e13d9abc844295ea1d93b6286d98f93b619ad8078b7d0ebd03fca31bd1c76dadbe3c38304a437716db6b986fbbd191b1db5b0494d168b8ad77473c8

target=$(realpath -m "$1")
cache=${ORIEL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/oriel}/novnc
tarball=$cache/novnc-novnc-$version.tgz
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

is_right() { [ -f "$1" ] && [ "$(sha512sum <"$1" | cut -d ' ' -f 1)" = "$sha512" ]; }
fail() {
	echo "noVNC $version is not here: $1" >&2
	echo "Everything else works; desktops in a browser do not. Then run 'make web'." >&2
	exit 1
}

if ! is_right "$tarball"; then
	by_hand="Mend that, or put the package's tarball there by hand: $tarball"
	command -v npm >/dev/null || fail "there is no npm to fetch it with. $by_hand"
	(cd "$work" && npm pack "@novnc/novnc@$version" --silent --fetch-retries=1 \
		--fetch-timeout=30000 >npm.out 2>npm.err </dev/null) ||
		fail "npm could not fetch it ($(head -c 300 "$work/npm.err" | tr '\n' ' ')). $by_hand"
	is_right "$work/novnc-novnc-$version.tgz" ||
		fail "what npm brought is not the package that is meant (SHA-512 differs). $by_hand"
	mkdir -p "$cache"
	# by another name first: builds side by side share the cache
	cp "$work/novnc-novnc-$version.tgz" "$tarball.$$"
	mv "$tarball.$$" "$tarball"
fi

mkdir "$work/all"
tar -xzf "$tarball" -C "$work/all" --no-same-owner
cd "$work/all/package"
mkdir -p "$work/new/$version"
cp -R core vendor LICENSE.txt AUTHORS "$work/new/$version"
chmod -R u=rwX,go=rX "$work/new"
# the one address that does not change with the version
echo "export { default } from \"./$version/core/rfb.js\";" >"$work/new/rfb.js"
mkdir -p "$(dirname "$target")"
rm -rf "$target"
cp -R "$work/new" "$target"
