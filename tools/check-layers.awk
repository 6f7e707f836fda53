# Reads docs/layers.txt, then every .c and .h; prints each #include that goes
# up or sideways, and each foreign header in a folder that may not know it.
# Exits 1 when there was one.
#
#     awk -f tools/check-layers.awk docs/layers.txt base/*.[ch] stomp/*.[ch] ...
#
# A line "folder: others" of layers.txt names what a folder may include; a line
# "<start: folders" names the only folders that may include system headers whose
# name begins so.

# "<hiredis/: redis": the table of foreign headers.
FILENAME == ARGV[1] && /^[ \t]*</ {
	colon = index($0, ":")
	start = substr($0, 1, colon - 1)
	gsub(/[ \t]/, "", start)
	foreign[++foreigns] = start
	n = split(substr($0, colon + 1), to, " ")
	for (i = 1; i <= n; i++) {
		if (!(to[i] in known)) {
			printf "%s:%d: %s is not a folder of the table above\n", FILENAME, FNR, to[i]
			bad = 1
		}
		knows[start, to[i]] = 1
	}
	next
}
FILENAME == ARGV[1] {
	sub(/#.*/, "")
	if (split($0, part, ":") < 2)
		next
	folder = part[1]
	gsub(/[ \t]/, "", folder)
	known[folder] = 1
	allowed[folder, folder] = 1
	n = split(part[2], to, " ")
	for (i = 1; i <= n; i++) {
		if (!(to[i] in known)) {
			printf "%s:%d: %s may not include %s: only what stands above it\n", FILENAME, FNR, folder, to[i]
			bad = 1
		}
		allowed[folder, to[i]] = 1
	}
	next
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
	split(FILENAME, path, "/")
	match($0, /"[^"]*"/)
	split(substr($0, RSTART + 1, RLENGTH - 2), target, "/")
	if (!(path[1] in known)) {
		printf "%s: folder %s is not in docs/layers.txt\n", FILENAME, path[1]
		bad = 1
	} else if (!((path[1], target[1]) in allowed)) {
		printf "%s:%d: %s may not include %s\n", FILENAME, FNR, path[1], target[1]
		bad = 1
	}
}
/^[ \t]*#[ \t]*include[ \t]*</ {
	split(FILENAME, path, "/")
	match($0, /<[^>]*>/)
	header = substr($0, RSTART, RLENGTH)
	for (i = 1; i <= foreigns; i++) {
		if (index(header, foreign[i]) == 1 && !((foreign[i], path[1]) in knows)) {
			printf "%s:%d: %s may not include %s\n", FILENAME, FNR, path[1], header
			bad = 1
		}
	}
}
END { exit bad }
