# bash completion for oriel. Nouns, verbs and options come from the program
# itself, names of objects from the server, if one answers.

_oriel_names() {
	local -a root=()
	[ -n "$1" ] && root=(--root "$1")
	case $2 in
	recipe) oriel "${root[@]}" image recipes --json 2>/dev/null | sed -n 's/^ *"name": "\(.*\)",*$/\1/p' ;;
	image) oriel "${root[@]}" image list --json 2>/dev/null | sed -n 's/^ *"image": "\(.*\)",*$/\1/p' ;;
	desktop | snapshot) oriel "${root[@]}" desktop list --json 2>/dev/null | sed -n 's/^ *"name": "\(.*\)",*$/\1/p' ;;
	user) oriel "${root[@]}" user list --json 2>/dev/null | sed -n 's/^ *"user": "\(.*\)",*$/\1/p' ;;
	pool) oriel "${root[@]}" pool list --json 2>/dev/null | sed -n 's/^ *"pool": "\(.*\)",*$/\1/p' ;;
	group) oriel "${root[@]}" group list --json 2>/dev/null | sed -n 's/^ *"group": "\(.*\)",*$/\1/p' ;;
	quota) oriel "${root[@]}" quota list --json 2>/dev/null | sed -n 's/^ *"quota": "\(.*\)",*$/\1/p' ;;
	task) oriel "${root[@]}" task list --json 2>/dev/null | sed -n 's/^ *"id": "\(.*\)",*$/\1/p' ;;
	esac
}

_oriel() {
	local current=${COMP_WORDS[COMP_CWORD]} noun= verb= root= given=0 i word
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		--root)
			root=${COMP_WORDS[i + 1]}
			((i++))
			;;
		-*) ;;
		*)
			if [ -z "$noun" ]; then
				noun=$word
			elif [ -z "$verb" ]; then
				verb=$word
			else
				((given++))
			fi
			;;
		esac
	done
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	--root)
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
		return
		;;
	--password-file)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	--kind)
		mapfile -t COMPREPLY < <(compgen -W "dedicated floating" -- "$current")
		return
		;;
	--quota)
		mapfile -t COMPREPLY < <(compgen -W "$(_oriel_names "$root" quota) none" -- "$current")
		return
		;;
	--image)
		mapfile -t COMPREPLY < <(compgen -W "$(_oriel_names "$root" image)" -- "$current")
		return
		;;
	--role)
		mapfile -t COMPREPLY < <(compgen -W "user helpdesk operator admin" -- "$current")
		return
		;;
	esac
	local words
	if [ -z "$noun" ]; then
		words="$(oriel help --words | cut -d' ' -f1 | sort -u) help"
	elif [[ $current == -* ]]; then
		words="$(oriel help --words | awk -v n="$noun" -v v="${verb:--}" \
			'$1 == n && $2 == v { for (i = 3; i <= NF; i++) print $i }') --json --root --help"
	elif [ -z "$verb" ]; then
		words=$(oriel help --words | awk -v n="$noun" '$1 == n && $2 != "-" { print $2 }')
	elif [ $given -gt 0 ]; then
		case "$noun $verb" in
		"desktop create") words=$(_oriel_names "$root" user) ;;
		"desktop picture")
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
			return
			;;
		esac
	else
		case "$noun $verb" in
		"image build") words=$(_oriel_names "$root" recipe) ;;
		"desktop create") words=$(_oriel_names "$root" pool) ;;
		"desktop open") words="$(_oriel_names "$root" pool) $(_oriel_names "$root" desktop)" ;;
		"user add" | "pool create" | *" list" | "image recipes") ;;
		*) words=$(_oriel_names "$root" "$noun") ;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _oriel oriel
