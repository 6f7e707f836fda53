#!/bin/sh
# Runs the public SockJS tests from checkouts of theirs against our test server:
#
#     tools/sockjs-suites.sh protocol CHECKOUT-OF-sockjs-protocol
#     tools/sockjs-suites.sh client   CHECKOUT-OF-sockjs-client
#
# The first needs PYTHON (default: python2.7) with what its requirements.txt
# names, the second an `npm install` in the checkout. THREADS: event loops of the
# server (default: 4, so that most requests are relayed).
set -eu

if [ $# -ne 2 ] || [ ! -d "$2" ]; then
	sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
	exit 64
fi
suite=$1
checkout=$(cd "$2" && pwd)
cd "$(dirname "$0")/.."
make --no-print-directory -s build/release/sockjs-testserver

work=$(mktemp -d)
timeout 600 build/release/sockjs-testserver --port 0 --threads "${THREADS:-4}" > "$work/says" &
server=$!
trap 'kill $server 2>/dev/null || true; rm -rf "$work"' EXIT
tries=0
until grep -q listening "$work/says"; do
	tries=$((tries + 1))
	if [ $tries -gt 100 ] || ! kill -0 $server; then
		echo "sockjs-suites: the test server does not start" >&2
		exit 1
	fi
	sleep 0.1
done
url=http://localhost:$(sed 's/.*://' "$work/says")

case $suite in
protocol)
	cd "$checkout"
	SOCKJS_URL=$url "${PYTHON:-python2.7}" sockjs-protocol.py
	;;
client)
	# Its tests know one address and start a server there. Only the files that two
	# of them fetch still come from it.
	mkdir "$work/client"
	cd "$work/client"
	cp -R "$checkout/lib" "$checkout/tests" "$checkout/package.json" .
	ln -s "$checkout/node_modules" node_modules
	sed -i "s|testUtils.getSameOriginUrl()|'http://localhost:8081'|" tests/lib/senders.js
	sed -i "s|http://localhost:8081|$url|" tests/lib/test-utils.js
	node_modules/.bin/mocha tests/node.js
	;;
*)
	echo "sockjs-suites: $suite is neither protocol nor client" >&2
	exit 64
	;;
esac
