# Adds up what the tests printed, and ends with "N passed, N failed". Exits 1
# unless all passed. Counts come from the closing lines of Check and of
# node --test. Whatever ended badly without having counted a failure counts as
# one: a crash, a sanitizer's report, a corpus that was refused or is missing, a
# test that did not run or holds nothing.
#
#     awk -f tools/sum-tests.awk build/release/tests/unit/test_map.log ...

function number_after(line, word)
{
	sub(".*" word, "", line)
	return line + 0
}

function read_log(log_file,    line, got, seen, fails, replayed, why)
{
	while ((got = (getline line < log_file)) > 0) {
		if (line ~ /^[0-9]+%: Checks: /) {
			seen += number_after(line, "Checks: ")
			fails += number_after(line, "Failures: ") + number_after(line, "Errors: ")
		} else if (line ~ /^(# |ℹ )pass [0-9]+$/) {
			seen += number_after(line, "pass ")
		} else if (line ~ /^(# |ℹ )(fail|cancelled) [0-9]+$/) {
			seen += number_after(line, "(fail|cancelled) ")
			fails += number_after(line, "(fail|cancelled) ")
		} else if (line ~ /^(# |ℹ )(skipped|todo) [0-9]+$/) {
			skipped += number_after(line, "(skipped|todo) ")
		} else if (line ~ /^[0-9]+ inputs replayed$/) {
			replayed += line + 0
		} else if (line ~ /: exit status [0-9]+$/) {
			why = "failed"
		}
	}
	close(log_file)
	if (got < 0)
		why = "did not run"
	else if (!why && !seen && !replayed)
		why = "tested nothing"
	if (!why && fails)
		why = "failed"
	if (why)
		print log_file ": " why
	if (why && !fails)
		failed++
	passed += seen - fails
	failed += fails
	inputs += replayed
	targets += replayed > 0
}

BEGIN {
	for (i = 1; i < ARGC; i++)
		read_log(ARGV[i])
	printf "%d fuzz targets replayed over %d inputs\n", targets, inputs
	if (skipped)
		printf "%d skipped\n", skipped
	printf "%d passed, %d failed\n", passed, failed
	exit failed > 0 || passed == 0
}
