# Makes docs/stomp-rows.md, which says for each row of the protocol by which tests
# it is held. Exits 1 if a row has none:
#
#     awk -f tools/stomp-rows.awk tests/data/stomp-rows.txt tests/unit/*.c \
#         tests/integration/*.test.mjs
#
# A test belongs to the rows whose ids its name begins with: "T7 ...", "R1 R2 ..."
# or T7_...; "G11a ..." belongs to G11.

function name_of(line)
{
	if (line ~ /^START_TEST\(/) {
		sub(/^START_TEST\(/, "", line)
		sub(/\).*/, "", line)
		gsub("_", " ", line)
		return line
	}
	if (line !~ /^\t+it\(./)
		return ""
	sub(/^\t+it\(./, "", line)
	sub(/.,( async)? \(.*/, "", line)
	return line
}

function note(name,    count, words, i, id)
{
	count = split(name, words, " ")
	for (i = 1; i <= count; i++) {
		id = words[i]
		if (!(id in title))
			sub(/[ab]$/, "", id)
		if (!(id in title))
			return
		if (!((id, FILENAME) in seen))
			where[id] = where[id] ", [" last_part(FILENAME) "](../" FILENAME ")"
		seen[id, FILENAME] = 1
	}
}

function last_part(path)
{
	sub(/.*\//, "", path)
	return path
}

FNR == 1 { sources++ }
sources == 1 && /^[A-Z]+[0-9]+[a-z]? / {
	order[++rows] = $1
	title[$1] = substr($0, length($1) + 2)
	section[$1] = heading
	next
}
sources == 1 {
	if (/^# / && after_blank)
		heading = substr($0, 3)
	after_blank = /^$/
	next
}
{
	name = name_of($0)
	# A long name stands on a line of its own.
	if (opened && $0 ~ /^\t+['"`]/)
		name = substr($1, 2) substr($0, index($0, $1) + length($1))
	opened = /^\t+it\($/
	if (name)
		note(name)
}

END {
	print "# STOMP, row by row"
	print ""
	print "What the specifications ask for and what clients depend on, and the tests that hold it. Made"
	print "from tests/data/stomp-rows.txt and the names of the tests; `make docs` writes it anew, and"
	print "`make lint` fails if a row has no test. A test is found by its name, which begins with the row."
	for (i = 1; i <= rows; i++) {
		id = order[i]
		if (section[id] != printed) {
			printed = section[id]
			print "\n## " printed "\n"
			print "| row | | tests |"
			print "|---|---|---|"
		}
		if (!(id in where)) {
			print "stomp-rows: no test begins with " id ": " title[id] > "/dev/stderr"
			missing = 1
		}
		printf "| %s | %s | %s |\n", id, title[id], substr(where[id], 3)
	}
	exit missing
}
