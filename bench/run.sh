#!/bin/sh
# Runs the benchmark; `make bench` calls it. STOMPBOX and BENCH name the
# binaries, arguments go to the load generator (see --help). It bounds itself;
# the time-out is for the day on which it does not.
set -eu

: "${STOMPBOX:=build/release/stompbox}"
: "${BENCH:=build/release/bench/stompbox-bench}"
: "${BENCH_SECONDS:=900}"

for binary in "$STOMPBOX" "$BENCH"; do
	if [ ! -x "$binary" ]; then
		echo "bench: $binary is not there; make it first" >&2
		exit 1
	fi
done
exec timeout --kill-after=10 "$BENCH_SECONDS" "$BENCH" --broker="$STOMPBOX" "$@"
