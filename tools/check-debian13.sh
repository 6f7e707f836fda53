#!/bin/sh
# Builds the tree and runs its unit tests and corpora on Debian 13, in a root of
# its own. Such a root is made with debootstrap, which takes some minutes, and
# kept in TRIXIE_ROOT for the next time:
#
#     TRIXIE_ROOT=/var/cache/trixie tools/check-debian13.sh
#
# DEBIAN_MIRROR names another mirror than debootstrap's own. Exits 0 when
# Debian 13 is satisfied, 1 when it is not, 77 when it could not be asked.
set -eu

cd "$(dirname "$0")/.."
root=${TRIXIE_ROOT:-build/trixie}
inside=/tmp/stompbox

skip()
{
	echo "check-debian13: NOT CHECKED: $*" >&2
	exit 77
}

# Mounts vanish with the namespace, so nothing is left mounted in the root.
in_root()
{
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount sh -c 'mount -t proc proc "$1/proc" 2>/dev/null || :
		root=$1; shift; exec chroot "$root" /usr/bin/env -i HOME=/root \
			PATH=/usr/sbin:/usr/bin:/sbin:/bin CFLAGS="$CFLAGS" "$@"' sh "$root" "$@"
}

make_root()
{
	tools/install-deps.sh debian13 || skip "debootstrap could not be installed"
	rm -rf "$root.part"
	mkdir -p "$(dirname "$root")"
	echo "check-debian13: making $root"
	# shellcheck disable=SC2086 # no mirror, no argument
	debootstrap --variant=minbase trixie "$root.part" ${DEBIAN_MIRROR:-} > "$root.log" 2>&1 || {
		tail -n 5 "$root.log" >&2
		rm -rf "$root.part"
		skip "debootstrap failed"
	}
	mv "$root.part" "$root"
}

# Access to the network is the host's: names, and the way to the packages.
lend_network()
{
	cp /etc/resolv.conf "$root/etc/resolv.conf"
	[ -s "$root/etc/hosts" ] || echo "127.0.0.1 localhost" > "$root/etc/hosts"
	for file in /etc/apt/apt.conf /etc/apt/apt.conf.d/*proxy*; do
		[ ! -f "$file" ] || cp "$file" "$root$file"
	done
}

copy_tree()
{
	rm -rf "${root:?}$inside"
	mkdir -p "$root$inside"
	tar -c --exclude=./build --exclude=./.git --exclude=node_modules . | tar -x -C "$root$inside"
}

[ "$(id -u)" = 0 ] || skip "a root can only be entered as root"
unshare --mount true 2>/dev/null || skip "this machine lends no mount namespace"
export CFLAGS="${CFLAGS:-}"
[ -e "$root/etc/debian_version" ] || make_root
lend_network
copy_tree
in_root sh -c "command -v make >/dev/null || { apt-get update -qq && apt-get install -y -qq make; }" ||
	skip "make could not be installed in $root"
in_root "$inside/tools/install-deps.sh" build || skip "the libraries could not be installed in $root"
# RUNLEVEL=1: what is installed must not be started.
in_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 sh -c \
	"dpkg -s check redis-server >/dev/null 2>&1 ||
		apt-get install -y -qq --no-install-recommends check redis-server" ||
	skip "Check or redis-server could not be installed in $root"
in_root sh -c "cat /etc/debian_version; gcc -dumpfullversion; cd $inside &&
	make -j$(nproc) build-tests && make check-unit check-corpus"
rm -rf "${root:?}$inside"
echo "check-debian13: built and tested on Debian $(cat "$root/etc/debian_version")"
