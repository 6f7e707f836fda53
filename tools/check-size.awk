# Prints every file longer than 600 lines and every C function longer than 60,
# from the first line of its declaration to its closing brace. Exits 1 when
# there was one. Relies on the layout that `make format` gives: a function's
# braces, and nothing else's, stand alone in the first column.
#
#     awk -f tools/check-size.awk base/*.[ch] stomp/*.[ch] ...
BEGIN {
	FILE_MOST = 600
	FUNCTION_MOST = 60
}

function end_file()
{
	if (lines > FILE_MOST) {
		printf "%s: %d lines; at most %d\n", file, lines, FILE_MOST
		bad = 1
	}
}

FNR == 1 {
	end_file()
	file = FILENAME
	is_c = file ~ /\.[ch]$/
	start = 0
	inside = 0
}
{
	lines = FNR
}
!is_c {
	next
}

# Outside of functions, a word in the first column may begin one.
!inside && /^[A-Za-z_]/ {
	start = FNR
	name = $0
	sub(/\(.*/, "", name)
	sub(/.*[ *]/, "", name)
}
!inside && /^[ \t]*$/ {
	start = 0
}
/^{/ && start {
	inside = 1
}
/^}/ {
	if (inside && FNR - start + 1 > FUNCTION_MOST) {
		printf "%s:%d: %s has %d lines; at most %d\n", file, start, name, FNR - start + 1, FUNCTION_MOST
		bad = 1
	}
	inside = 0
	start = 0
}
END {
	end_file()
	exit bad
}
