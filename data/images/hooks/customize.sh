# Run by mmdebstrap when all packages are in; $1 is the new root. Descriptors:
# 21 the recipe's commands, 22 the disk, 23 kernel, 24 initrd, 25 facts. Inside
# a user namespace nobody may enter the folders where these files are.
set -eu
root=$1
# everything below deletes under $root: never the machine that builds
[ -n "$root" ] && [ "$(stat -c %d:%i "$root")" != "$(stat -c %d:%i /)" ]

echo "oriel-stage: setup Running the recipe's commands"
cat /proc/self/fd/21 >"$root/tmp/recipe-commands"
chroot "$root" /bin/sh -eu /tmp/recipe-commands
rm -f "$root/tmp/recipe-commands" "$root/usr/sbin/policy-rc.d"

cat "$root"/boot/vmlinuz-* >/proc/self/fd/23
cat "$root"/boot/initrd.img-* >/proc/self/fd/24
{
	for release in "$root"/var/lib/apt/lists/*Release; do
		sed -n '/^\(Codename\|Date\): /p' "$release"
	done
	chroot "$root" dpkg-query -W -f 'Package: ${Package} ${Version}\n'
	basename "$root"/boot/vmlinuz-* | sed 's/^vmlinuz-/Kernel: /'
} >/proc/self/fd/25

# What would be the same in every clone, or only served the build. The kernel
# is started from outside: a copy inside would never be read.
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin \
	"$root"/var/cache/apt/archives/*.deb "$root"/var/cache/debconf/*-old \
	"$root"/var/lib/dpkg/*-old "$root"/var/log/*.log "$root"/var/log/apt \
	"$root"/var/lib/systemd/random-seed "$root"/etc/ssh/ssh_host_* \
	"$root"/boot/initrd.img-* "$root"/boot/vmlinuz-* "$root"/vmlinuz* "$root"/initrd.img* \
	"$root"/etc/apt/apt.conf.d/99mmdebstrap "$root"/etc/apt/preferences.d/oriel "$root"/tmp/* "$root"/run/*
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id"
ln -s /etc/machine-id "$root/var/lib/dbus/machine-id"
ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
# a mirror's password is nobody's business inside
sed -i 's#://[^/@ ]*@#://#' "$root"/etc/apt/sources.list.d/* 2>/dev/null || [ -e "$root/etc/apt/sources.list" ]

echo "oriel-stage: disk Writing the file system"
# A plain bind mount shows the tree without /proc, /sys and /dev upon it.
mount --bind "$root" "$root/mnt"
mke2fs -q -F -t ext4 -d "$root/mnt" -U "$ORIEL_UUID" -L oriel -m 1 -i 32768 \
	-O ^resize_inode -J size=32 \
	-E lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0,hash_seed="$ORIEL_UUID" \
	/proc/self/fd/22 "$ORIEL_DISK_KIB"k
umount "$root/mnt"
