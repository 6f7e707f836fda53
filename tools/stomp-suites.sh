#!/bin/sh
# Runs the public tests of STOMP clients, from checkouts of theirs, against us:
#
#     tools/stomp-suites.sh stompjs  CHECKOUT-OF-stomp-js/stompjs
#     tools/stomp-suites.sh rx-stomp CHECKOUT-OF-stomp-js/rx-stomp
#     tools/stomp-suites.sh stomp.py CHECKOUT-OF-jasonrbriggs/stomp.py
#     tools/stomp-suites.sh stompngo CHECKOUT-OF-gmallard/stompngo
#
# What stands behind the checkout goes to the test runner, such as --filter=Ping or
# -run TestAck. STOMPBOX: the program to test. RELEASE: with stomp.py, test this
# version from PyPI by the checkout's tests. What the runners need is installed in
# build/suites; from then on all happens in a network of its own, so that the tests
# find the addresses that they know.
set -eu

usage()
{
	sed -n '2,13s/^# \{0,1\}//p' "$0" >&2
	exit 64
}

if [ $# -lt 2 ] || [ ! -d "$2" ]; then
	usage
fi
suite=$1
checkout=$(cd "$2" && pwd)
self=$(cd "$(dirname "$0")" && pwd)/${0##*/}
cd "$(dirname "$0")/.."
tree=$(pwd)
kept=$tree/build/suites

# --- before: installs, in the real network -----------------------------------

node_packages()
{
	mkdir -p "$kept/$suite"
	npm install --prefix "$kept/$suite" --no-save --no-audit --no-fund --loglevel=error "$@"
}

prepare()
{
	[ -n "${STOMPBOX:-}" ] || make --no-print-directory -s build/release/stompbox
	case $suite in
	stompjs) node_packages jasmine@5 ws@8 ;;
	rx-stomp) node_packages jasmine@5 ws@8 esbuild rxjs@7 uuid@11 @stomp/stompjs@7 ;;
	stomp.py)
		[ -x "$kept/python/bin/python" ] || python3 -m venv "$kept/python"
		"$kept/python/bin/pip" install -q --disable-pip-version-check pytest pytest-mock \
			pytest-ordering docopt websocket-client
		rm -rf "$kept/release"
		[ -z "${RELEASE:-}" ] || "$kept/python/bin/pip" install -q --no-deps \
			--disable-pip-version-check --target "$kept/release" "stomp.py==$RELEASE"
		;;
	stompngo) ;;
	*) usage ;;
	esac
}

if [ "${STOMP_SUITES_INSIDE:-}" != yes ]; then
	prepare
	shift 2
	STOMP_SUITES_INSIDE=yes exec unshare --map-root-user --net \
		sh "$self" "$suite" "$checkout" "$@"
fi
shift 2

# --- inside: a network of our own ----------------------------------------------

ip link set lo up
ip address add 172.17.0.2/32 dev lo
ip route add 224.0.0.0/4 dev lo
ip route add 192.0.2.0/24 dev lo # where nobody answers

work=$(mktemp -d)
brokers=
trap 'kill $brokers 2> /dev/null || true; rm -rf "$work"' EXIT
trap 'exit 143' INT TERM

# Starts a node, and waits until it is ready.
broker()
{
	timeout --foreground 3600 "${STOMPBOX:-build/release/stompbox}" --threads=2 --page=false \
		--prefixes-broker=/topic --queues-prefix=/queue --prefixes-temp=/temp-queue \
		--allow-client-publish --limits-body=16M --headers-content-type=none \
		--heartbeat-send=1s --heartbeat-receive=1s --liveness-require-heartbeats "$@" > "$work/says" 2>&1 &
	last=$!
	brokers="$brokers $last"
	tries=0
	until grep -q ' is ready' "$work/says"; do
		tries=$((tries + 1))
		if [ $tries -gt 100 ] || ! kill -0 $last; then
			cat "$work/says" >&2
			exit 1
		fi
		sleep 0.1
	done
}

# The passcode of a node's clients: a token, for there are no other passwords.
key="a key of at least thirty-two bytes"
passcode()
{
	# shellcheck disable=SC2016
	node -e 'const part = (value) => Buffer.from(value).toString("base64url");
		const signed = `${part(`{"alg":"HS256"}`)}.${part(`{"sub":"guest"}`)}`;
		const mac = require("crypto").createHmac("sha256", process.argv[1]).update(signed);
		console.log(`${signed}.${mac.digest("base64url")}`);' "$key"
}

guarded_broker()
{
	broker --auth-token="header passcode" --auth-anonymous=reject --auth-jwt-algorithms=HS256 \
		--auth-jwt-key="raw:$key" "$@"
}

# --- the suites ------------------------------------------------------------------

run_stompjs()
{
	guarded_broker --listen="[::]:15674"
	cp -R "$checkout" "$work/stompjs"
	cd "$work/stompjs"
	rm -rf node_modules
	ln -s "$kept/stompjs/node_modules" node_modules
	sed -i "s|password: 'guest'|password: '$(passcode)'|" spec/config/node-config.js
	node_modules/.bin/jasmine "$@"
}

# Its specifications are written for a browser, and in TypeScript. All they need
# of a browser is its WebSocket.
run_rx_stomp()
{
	broker --listen="[::]:15674"
	cp -R "$checkout" "$work/rx-stomp"
	cd "$work/rx-stomp"
	rm -rf node_modules
	ln -s "$kept/rx-stomp/node_modules" node_modules
	node_modules/.bin/esbuild spec/unit/*.spec.ts --bundle --platform=node --external:jasmine \
		--outdir=made --out-extension:.js=.cjs --log-level=warning
	echo "globalThis.WebSocket = require('ws');" > made/websocket.cjs
	node_modules/.bin/jasmine --helper=made/websocket.cjs "$@" 'made/*.spec.cjs'
}

# certificate NAME COMMON-NAME [VALIDITY]: NAME.pem and NAME.key in tmp.
certificate()
{
	openssl req -newkey rsa:2048 -nodes -keyout "tmp/$1.key" -out "tmp/$1.csr" \
		-subj "/CN=$2" 2> "tmp/$1.log"
	: > tmp/index.txt
	openssl ca -batch -notext -selfsign -config "$work/ca.conf" -in "tmp/$1.csr" \
		-keyfile "tmp/$1.key" -out "tmp/$1.pem" ${3:+$3} 2> "tmp/$1.log"
}

# It knows an ActiveMQ with TLS, a RabbitMQ, two more brokers, and a proxy that
# tells names apart; here they are four nodes.
run_stomp_py()
{
	cp -R "$checkout" "$work/stomp.py"
	cd "$work/stomp.py"
	if [ -n "${RELEASE:-}" ]; then
		rm -rf stomp
		ln -s "$kept/release/stomp" stomp
		# A module that newer versions have under another name.
		[ -e stomp/logging.py ] || sed -i \
			's/from stomp import logging/from stomp import log as logging/; s/stomp\.logging/stomp.log/' \
			tests/*.py
	fi
	sed -i 's/^\[ipv6\]$/[ipv6]\nhost = ::1/' tests/setup.ini
	mkdir -p tmp
	cat > "$work/ca.conf" << 'CONF'
[ca]
default_ca = own
[own]
database = tmp/index.txt
new_certs_dir = tmp
default_md = sha256
default_days = 30
policy = any
x509_extensions = server
unique_subject = no
rand_serial = yes
[any]
commonName = supplied
[server]
subjectAltName = IP:172.17.0.2, DNS:my.example.com
basicConstraints = CA:true
CONF
	certificate broker test
	certificate broker2 test2
	certificate client testclient
	certificate expiredbroker test "-startdate 20200101000000Z -enddate 20200102000000Z"
	certificates=$work/stomp.py/tmp
	cd "$tree"
	guarded_broker --listen=127.0.0.1:8081 --tcp-listen=172.17.0.2:62613
	guarded_broker --listen=127.0.0.1:8082 --tcp-listen=172.17.0.2:62614 \
		--tcp-tls-certificate="$certificates/broker.pem" --tcp-tls-key="$certificates/broker.key"
	guarded_broker --listen=127.0.0.1:8083 --tcp-listen=172.17.0.2:62619 \
		--tcp-tls-certificate="$certificates/expiredbroker.pem" \
		--tcp-tls-key="$certificates/expiredbroker.key"
	broker --listen="[::]:15674" --tcp-listen="[::]:61613"
	cd "$work/stomp.py"
	SSL_CERT_FILE=tmp/broker.pem STD_USER=guest STD_PASSWORD=$(passcode) SNI_SSL_PORT=62614 \
		STOMPSERVER_PORT=61613 ARTEMIS_PORT=61613 IPV6_PORT=61613 \
		"$kept/python/bin/python" -m pytest tests "$@"
}

run_stompngo()
{
	broker --listen=127.0.0.1:8081 --tcp-listen="[::]:61613"
	cd "$checkout"
	go test -count=1 "$@" . && go test -count=1 ./senv
}

case $suite in
stompjs) run_stompjs "$@" ;;
rx-stomp) run_rx_stomp "$@" ;;
stomp.py) run_stomp_py "$@" ;;
stompngo) run_stompngo "$@" ;;
esac
