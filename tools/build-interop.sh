#!/bin/sh
# Builds the Spring application of tests/interop into build/interop. Exits 77 when that cannot be
# done on this machine: without Java and Maven, or when Maven Central cannot be reached.
set -eu
cd "$(dirname "$0")/.."

for program in javac mvn; do
	command -v "$program" >/dev/null || {
		echo "interop: no $program here; Java 17 or newer and Maven are needed:" \
			"tools/install-deps.sh interop" >&2
		exit 77
	}
done

mkdir -p build/interop
log=build/interop/maven.log
echo "mvn package in tests/interop, log in $log"
# Removed classes must not live on in the jar.
rm -rf build/interop/classes build/interop/interop.jar build/interop/lib
if mvn -B -ntp -f tests/interop/pom.xml package >"$log" 2>&1; then
	exit 0
fi
grep -E '^\[ERROR\]' "$log" | head -n 20 >&2
unreachable='Could not transfer|Unknown host|Connection (refused|timed out)|Temporary failure'
if grep -qE "$unreachable" "$log"; then
	echo "interop: Maven Central cannot be reached, and ~/.m2 does not have what is needed" >&2
	exit 77
fi
exit 1
