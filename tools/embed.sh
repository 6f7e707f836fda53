#!/bin/sh
# Prints C source that holds the files named: the table that broker/page.h
# declares. Each file has a type by its name's end, and an ETag by its content.
#
#     tools/embed.sh web/index.html web/chat.js > web.c
set -eu

type_of()
{
	case $1 in
	*.html) echo "text/html; charset=utf-8" ;;
	*.css) echo "text/css; charset=utf-8" ;;
	*.js | *.mjs) echo "text/javascript; charset=utf-8" ;;
	*.json) echo "application/json" ;;
	*.webmanifest) echo "application/manifest+json" ;;
	*.svg) echo "image/svg+xml" ;;
	*.png) echo "image/png" ;;
	*.ico) echo "image/x-icon" ;;
	*.txt) echo "text/plain; charset=utf-8" ;;
	*)
		echo "$0: $1: of what type is it?" >&2
		return 1
		;;
	esac
}

# A C identifier would not hold every name, so the arrays are numbered. The last
# zero is there for files that are empty.
print_bytes()
{
	printf 'static const signed char file_%d[] = {\n' "$1"
	od -An -v -td1 "$2" | sed 's/[^ ]$/&,/; s/\([^ ]\)  */\1, /g; s/^ */\t/'
	printf '\t0\n};\n\n'
}

print_row()
{
	type=$(type_of "$2")
	sum=$(sha256sum < "$2" | cut -c 1-32)
	printf '\t{\n\t\t.name = "%s",\n\t\t.type = "%s",\n' "${2##*/}" "$type"
	printf '\t\t.etag = "\\"%s\\"",\n' "$sum"
	printf '\t\t.body = { (const char *)file_%d, sizeof(file_%d) - 1 },\n\t},\n' "$1" "$1"
}

each()
{
	print=$1
	number=0
	shift
	for file; do
		"$print" "$number" "$file"
		number=$((number + 1))
	done
}

printf '/* Made by tools/embed.sh. */\n#include "broker/page.h"\n\n'
each print_bytes "$@"
printf 'const struct page_file page_files[] = {\n'
each print_row "$@"
printf '};\n\nconst size_t page_file_count = sizeof(page_files) / sizeof(page_files[0]);\n'
