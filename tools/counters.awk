# Makes docs/counters.md from broker/stats.def:
#
#     awk -f tools/counters.awk broker/stats.def > docs/counters.md
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
