#!/bin/sh
# Installs the Debian packages that are missing for the tasks named:
#
#     tools/install-deps.sh build test
#
# Does nothing, and asks for no rights, when nothing is missing. As root it runs
# apt-get itself, otherwise through sudo.
set -eu

packages_of()
{
	case $1 in
	build)
		echo "gcc libc6-dev make pkg-config libwebsockets-dev libwebsockets-evlib-ev" \
			"libhiredis-dev libev-dev libcjson-dev libssl-dev"
		;;
	test) echo "check redis-server redis-tools nodejs npm nginx haproxy openssl" ;;
	# Fonts with Hangul and with emoji, for whoever looks at the pages.
	browser) echo "chromium fonts-nanum fonts-noto-color-emoji" ;;
	interop) echo "default-jdk-headless maven" ;;
	lint) echo "clang clang-format clang-tidy cppcheck codespell shellcheck" ;;
	fuzz) echo "clang libclang-rt-dev" ;;
	cover) echo "gcovr" ;;
	bench) echo "redis-server redis-tools" ;;
	debian13) echo "debootstrap" ;;
	*) usage ;;
	esac
}

# The program by which a package is known to be there wherever it came from;
# nothing for packages that only dpkg knows.
program_of()
{
	case $1 in
	nodejs) echo node ;;
	redis-tools) echo redis-cli ;;
	default-jdk-headless) echo javac ;;
	maven) echo mvn ;;
	npm | openssl | redis-server | nginx | haproxy | chromium | clang* | cppcheck | codespell | \
		shellcheck | gcovr | debootstrap)
		echo "$1"
		;;
	esac
}

usage()
{
	echo "usage: $0 build|test|browser|interop|lint|fuzz|cover|bench|debian13 ..." >&2
	exit 64
}

say()
{
	echo "install-deps: $*"
}

is_installed()
{
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

has_program()
{
	[ -n "$1" ] && command -v "$1" >/dev/null
}

missing_for()
{
	for package in $(packages_of "$1"); do
		is_installed "$package" || has_program "$(program_of "$package")" || echo "$package"
	done
}

as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# What apt-get says matters only when it fails.
install_now()
{
	# shellcheck disable=SC2086 # one word for each package
	said=$(as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
		-o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 --no-install-recommends $missing 2>&1) || {
		echo "$said" | tail -n 20
		return 1
	}
}

update_lists()
{
	say "apt-get update"
	as_root apt-get update -qq -o DPkg::Lock::Timeout=300 ||
		say "apt-get update failed in part; going on with what it got"
}

# The tests start Redis servers and proxies of their own; Debian's packages need
# not start more of them as services. invoke-rc.d asks this file.
policy=/usr/sbin/policy-rc.d
forbid_services()
{
	if [ ! -e "$policy" ]; then
		trap allow_services EXIT
		trap 'exit 130' INT TERM
		as_root sh -c "printf '#!/bin/sh\nexit 101\n' > $policy && chmod 755 $policy"
	fi
}

allow_services()
{
	as_root rm -f "$policy"
}

[ $# -gt 0 ] || usage
for task; do
	packages_of "$task" >/dev/null
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	say "this is not Debian; what is needed must be there already, by its Debian names:"
	for task; do
		say "$(packages_of "$task")"
	done
	exit 0
fi

missing=$(for task; do missing_for "$task"; done | sort -u | tr '\n' ' ')
missing=${missing% }
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
	say "these packages are missing, and there is neither root nor sudo to install them:" >&2
	say "    apt-get install --no-install-recommends $missing" >&2
	exit 1
fi

say "installing $missing"
case " $missing " in *" redis-server "* | *" nginx "* | *" haproxy "*) forbid_services ;; esac
# shellcheck disable=SC2086
if apt-cache show $missing >/dev/null 2>&1 && install_now; then
	exit 0
fi
update_lists
install_now
