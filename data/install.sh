#!/bin/sh
# Puts what `make all` built where an installation wants it, or takes it away.
#   install.sh install|uninstall         (the Makefile sets the folders)
set -eu
cd "$(dirname "$0")/.."

# target folder <tab> mode <tab> source, one file a line
list() {
	for program in $BINS; do printf '%s\t755\t%s\n' "$BINDIR" "$BUILD/bin/$program"; done
	for program in $LIBEXECS; do printf '%s\t755\t%s\n' "$LIBEXECDIR" "$BUILD/bin/$program"; done
	# where mingw-w64 was there to build them
	for file in "$BUILD"/bin/oriel-agent*.exe "$BUILD"/bin/oriel-hook*.dll; do printf '%s\t755\t%s\n' "$LIBEXECDIR" "$file"; done
	find data/images -type f | while read -r file; do
		mode=644
		[ -x "$file" ] && mode=755
		printf '%s\t%s\t%s\n' "$PKGDATADIR/$(dirname "${file#data/}")" "$mode" "$file"
	done
	# -L: the page's icon is icons/oriel.svg
	find -L data/web -type f | while read -r file; do
		printf '%s\t644\t%s\n' "$PKGDATADIR/$(dirname "${file#data/}")" "$file"
	done
	share=$BUILD/share/oriel
	[ ! -d "$share/web" ] || find "$share/web" -type f | while read -r file; do
		printf '%s\t644\t%s\n' "$PKGDATADIR/$(dirname "${file#"$share"/}")" "$file"
	done
	for file in icons/*.svg; do
		case $file in
		icons/*-symbolic.svg) printf '%s\t644\t%s\n' "$DATADIR/icons/hicolor/symbolic/apps" "$file" ;;
		*) printf '%s\t644\t%s\n' "$DATADIR/icons/hicolor/scalable/apps" "$file" ;;
		esac
	done
	for file in data/*.desktop; do printf '%s\t644\t%s\n' "$DATADIR/applications" "$file"; done
	printf '%s\t644\t%s\n' "$DATADIR/xsessions" data/kiosk/oriel.desktop
	printf '%s\t755\t%s\n' "$LIBEXECDIR" data/kiosk/oriel-kiosk-session
	for file in data/systemd/*.service data/systemd/*.socket data/systemd/*.target; do printf '%s\t644\t%s\n' "$UNITDIR" "$file"; done
	for file in data/systemd/*.sysusers; do printf '%s\t644\t%s\n' "$PREFIX_LIB/sysusers.d" "$file"; done
	for file in data/systemd/*.tmpfiles; do printf '%s\t644\t%s\n' "$PREFIX_LIB/tmpfiles.d" "$file"; done
	for file in docs/man/*.[1-8]; do printf '%s\t644\t%s\n' "$DATADIR/man/man${file##*.}" "$file"; done
	for file in data/completion/*.bash; do printf '%s\t644\t%s\n' "$DATADIR/bash-completion/completions" "$file"; done
}

# units and unit-like files keep their name, the rest loses its kind
target_name() {
	name=$(basename "$1")
	case $name in
	*.sysusers) echo "${name%.sysusers}.conf" ;;
	*.tmpfiles) echo "${name%.tmpfiles}.conf" ;;
	*.bash) echo "${name%.bash}" ;;
	*) echo "$name" ;;
	esac
}

PREFIX_LIB=$(dirname "$(dirname "$UNITDIR")")
list | while IFS='	' read -r folder mode source; do
	[ -e "$source" ] || continue # a pattern that matched nothing
	target=$folder/$(target_name "$source")
	if [ "$1" = install ]; then
		mkdir -p "$folder"
		case $source in
		*.service | *.desktop | *-session)
			sed -e "s,@BINDIR@,$BIN_REF,g" -e "s,@LIBEXECDIR@,$LIBEXEC_REF,g" "$source" >"$target"
			chmod "$mode" "$target"
			;;
		*) install -m "$mode" "$source" "$target" ;;
		esac
	else
		rm -f "$target"
	fi
done
if [ "$1" = uninstall ]; then
	for folder in "$PKGDATADIR" "$LIBEXECDIR"; do
		[ ! -d "$folder" ] || find "$folder" -depth -type d -empty -delete
	done
fi
