# Makes docs/counters.md from broker/stats.def:
#
#     awk -f tools/counters.awk broker/stats.def > docs/counters.md
END {
	print ""
	print "Its member `bus_counters` says what the bus has counted: `published`, `received`, `unreadable`"
	print "(records that are no envelope), `local_only` (delivered on this node alone while Redis was away),"
	print "`refused`, `reconnects`, and `outbox_bytes`, a gauge of what Redis has not given back yet. SockJS"
	print "and queues between nodes: `notes_sent`, `notes_received`, `notes_lost` (that no node heard),"
	print "`owner_errors` (questions for the owner of a session or queue that Redis refused to answer)."
	print ""
	print "`sessions` and `http_requests` beside them are gauges: open sessions, and SockJS requests that are"
	print "still to be answered to their end. With `queues.prefix` there is `queues` too: how many this node"
	print "knows (`known`, for queues.most), and the `messages` and `bytes` in those that it owns."
}
BEGIN {
	print "# Counters"
	print ""
	print "`GET /health` answers with these in its member `counters`, summed over all event loops since the"
	print "start. Made from broker/stats.def; `make docs` writes it anew."
	print ""
	print "| counter | what it counts |"
	print "|---|---|"
}
/^COUNTER\(/ {
	name = $0
	sub(/^COUNTER\(/, "", name)
	sub(/,.*/, "", name)
	match($0, /".*"/)
	printf "| `%s` | %s |\n", name, substr($0, RSTART + 1, RLENGTH - 2)
}
