# Prints docs/log-events.md: every log event of the sources, with its level, its
# fields and the files that write it. Reads C as it is laid out by clang-format.
#
#     awk -f tools/log-events.awk base/*.c stomp/*.c ...
#
# An event is the text that is the first argument of log_error(), log_warn(),
# log_info() or log_debug(). Where that argument is a parameter of a helper
# function instead, the events are the texts that the same file passes to this
# helper. Anything else cannot be listed and is an error.

FNR == 1 {
	files[++count] = FILENAME
}
{
	sub(/^[ \t]*\*.*/, "") # inside of a comment
	text[FILENAME] = text[FILENAME] $0 "\n"
}

# From the position behind a "(": the arguments, one by one, in argument[].
function read_arguments(s, from,    at, c, depth, quoted, n)
{
	n = 1
	argument[1] = ""
	for (at = from; at <= length(s); at++) {
		c = substr(s, at, 1)
		if (quoted) {
			if (c == "\\") {
				argument[n] = argument[n] c
				c = substr(s, ++at, 1)
			} else if (c == "\"")
				quoted = 0
		} else if (c == "\"") {
			quoted = 1
		} else if (c ~ /[({[]/) {
			depth++
		} else if (c ~ /[])}]/) {
			if (depth-- == 0)
				break
		} else if (c == "," && depth == 0) {
			argument[++n] = ""
			continue
		}
		argument[n] = argument[n] c
	}
	for (at = 1; at <= n; at++)
		gsub(/^[ \t\n]+|[ \t\n]+$/, "", argument[at])
	return n
}

# Adds the names in LOG_U64("name", ...) and its like to what `fields` holds.
function add_fields(fields, n,    i, rest, name)
{
	for (i = 1; i <= n; i++) {
		rest = argument[i]
		while (match(rest, /LOG_[A-Z0-9]+\("[^"]*"/)) {
			name = substr(rest, RSTART, RLENGTH)
			rest = substr(rest, RSTART + RLENGTH)
			gsub(/^[^"]*"|"$/, "", name)
			if (index(" " fields " ", " " name " ") == 0)
				fields = fields (fields == "" ? "" : " ") name
		}
	}
	return fields
}

function add_word(list, word)
{
	if (index(" " list " ", " " word " "))
		return list
	return list (list == "" ? "" : " ") word
}

function add_event(literal, level, fields, file,    event, n, i, names)
{
	event = literal
	gsub(/"/, "", event)
	if (event !~ /^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$/)
		complain(file, "\"" event "\" is not words with dots between them")
	levels[event] = add_word(levels[event], level)
	where[event] = add_word(where[event], file)
	n = split(fields, names, " ")
	for (i = 1; i <= n; i++)
		event_fields[event] = add_word(event_fields[event], names[i])
	if (!(event in known)) {
		known[event] = 1
		events[++event_count] = event
	}
}

function complain(file, what)
{
	print file ": " what > "/dev/stderr"
	bad = 1
}

# The function around position `at`: its name in helper_name, and which of its
# parameters is called `name`.
function find_parameter(s, at, name,    head, n, i, last)
{
	head = substr(s, 1, at)
	while (match(head, /\n[a-z][^\n;{}()]*\(/)) {
		last = substr(head, RSTART, RLENGTH)
		head = substr(head, RSTART + RLENGTH)
	}
	helper_name = last
	sub(/\($/, "", helper_name)
	sub(/.*[ *\n]/, "", helper_name)
	n = read_arguments(s, at - length(head) + 1)
	for (i = 1; i <= n; i++)
		if (argument[i] ~ ("[ *]" name "$"))
			return i
	return 0
}

# Events that the file passes to a helper as its argument number `place`.
function read_helper_calls(file, helper, place, level, fields,    s, from, n, calls)
{
	s = text[file]
	from = 1
	while (match(substr(s, from), "[^a-z_]" helper "\\(")) {
		from += RSTART + RLENGTH - 1
		n = read_arguments(s, from)
		if (argument[place] ~ /^"/) {
			calls++
			add_event(argument[place], level, add_fields(fields, n), file)
		} else if (argument[place] ~ /[?].*"/) {
			calls++
			add_choice(argument[place], level, add_fields(fields, n), file)
		}
	}
	if (!calls)
		complain(file, helper "() is passed no event")
}

# condition ? "one" : "other"
function add_choice(choice, level, fields, file)
{
	sub(/^[^?]*[?]/, "", choice)
	while (match(choice, /"[^"]*"/)) {
		add_event(substr(choice, RSTART, RLENGTH), level, fields, file)
		choice = substr(choice, RSTART + RLENGTH)
	}
}

function read_file(file,    s, from, level, n, fields, at, first, place)
{
	s = text[file]
	from = 1
	while (match(substr(s, from), /[^a-z_]log_(error|warn|info|debug)\(/)) {
		at = from + RSTART
		level = substr(s, at + 4, RLENGTH - 6)
		from += RSTART + RLENGTH - 1
		n = read_arguments(s, from)
		first = argument[1]
		fields = add_fields("", n)
		if (first ~ /^"/) {
			add_event(first, level, fields, file)
		} else if (first ~ /[?].*"/) {
			add_choice(first, level, fields, file)
		} else if (first ~ /^[a-z_]+$/ && (place = find_parameter(s, at, first))) {
			read_helper_calls(file, helper_name, place, level, fields)
		} else {
			complain(file, "log_" level "(" first ", ...): the event must be a text")
		}
	}
}

function sort_events(    i, j, event)
{
	for (i = 2; i <= event_count; i++) {
		event = events[i]
		for (j = i - 1; j >= 1 && events[j] > event; j--)
			events[j + 1] = events[j]
		events[j + 1] = event
	}
}

function in_code(words)
{
	if (words == "")
		return ""
	gsub(/ /, "` `", words)
	return "`" words "`"
}

END {
	for (i = 1; i <= count; i++)
		read_file(files[i])
	sort_events()
	print "# Log events"
	print ""
	print "Every line that stompbox writes on standard error has a time, a level, an event and"
	print "fields. The events are constants, so that they can be searched and counted. `error`"
	print "asks an operator to act, `warn` was worked around, `info` is the life of the process"
	print "and its links, `debug` that of sessions and frames. Not every line of an event has"
	print "all of its fields. Neither tokens nor message bodies are ever written."
	print ""
	print "This file is written by `make docs`."
	print ""
	print "| event | level | fields | written by |"
	print "|---|---|---|---|"
	for (i = 1; i <= event_count; i++)
		printf "| `%s` | %s | %s | %s |\n", events[i], levels[events[i]],
			in_code(event_fields[events[i]]), in_code(where[events[i]])
	exit bad
}
