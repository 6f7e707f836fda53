# make help lists what can be made.
#
# One Makefile, no recursion into folders. Everything that is made goes under
# build/VARIANT, so that release, debug, asan, tsan, cover and fuzz builds live
# side by side:
#
#     make VARIANT=asan check
#
# Nothing but make itself is needed to start: `make run` and `make test` ask
# tools/install-deps.sh for the rest. So no program may be called while this
# file is read; every $(shell) below is put off until a recipe needs it.

NAME    := stompbox
VERSION := 0.1.0

PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
BINDIR      = $(DESTDIR)$(PREFIX)/bin

VARIANT ?= release
O       := build/$(VARIANT)

# --- compiler ---------------------------------------------------------------

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(VARIANT),fuzz)
CC := clang
endif
# Plain ar cannot index what -flto writes.
ifeq ($(origin AR),default)
AR = $(if $(is_clang),ar,gcc-ar)
endif
is_clang = $(findstring clang,$(CC))

# Asks once, at the first use.
once        = $(eval $1 := $$(shell $2))$($1)
PKG_CONFIG ?= pkg-config
PKGS       := libwebsockets hiredis libcjson libssl libcrypto
PKG_CFLAGS  = $(call once,PKG_CFLAGS,$(PKG_CONFIG) --cflags $(PKGS))
PKG_LIBS    = $(call once,PKG_LIBS,$(PKG_CONFIG) --libs $(PKGS))
CHECK_LIBS  = $(call once,CHECK_LIBS,$(PKG_CONFIG) --libs check)
MACHINE     = $(call once,MACHINE,uname -m)

WARNINGS := -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Wcast-qual -Wwrite-strings -Wundef -Wformat=2 \
	-Wpointer-arith -Wimplicit-fallthrough

HARDENING = -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fPIE \
	$(if $(is_clang),,-ftrivial-auto-var-init=zero) \
	$(if $(filter x86_64 i686,$(MACHINE)),-fcf-protection) \
	$(if $(filter aarch64,$(MACHINE)),-mbranch-protection=standard)
HARDLINK := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed

# Link-time optimisation is worth a fifth of the parser's speed. The sanitizer
# variants go without it, and without hardening, which would hide findings.
CFLAGS_release  = -O2 -g $(if $(is_clang),,-flto=auto) $(HARDENING)
LDFLAGS_release = $(HARDLINK)
CFLAGS_debug   := -Og -g3
CFLAGS_asan    := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all
# Side by side as shared libraries, the two take no notice of each other's log_path.
LDFLAGS_asan    = -fsanitize=address,undefined \
	$(if $(is_clang),,-static-libasan -static-libubsan)
CFLAGS_tsan    := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
LDFLAGS_tsan   := -fsanitize=thread
CFLAGS_cover   := -O0 -g --coverage -fprofile-update=atomic
LDFLAGS_cover  := --coverage
CFLAGS_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
LDFLAGS_fuzz   := -fsanitize=address,undefined

# The user's CPPFLAGS, CFLAGS and LDFLAGS come last and win.
ALL_CPPFLAGS = -I. -D_GNU_SOURCE -DVERSION='"$(VERSION)"' $(PKG_CFLAGS) $(CPPFLAGS)
ALL_CFLAGS   = -std=gnu11 $(WARNINGS) $(CFLAGS_$(VARIANT)) $(CFLAGS)
ALL_LDFLAGS  = $(LDFLAGS_$(VARIANT)) $(LDFLAGS)
# Debian ships no pkg-config file for libev.
LIBS         = $(PKG_LIBS) -lev -lpthread -lm
# One short line for each thing made; V=1 shows the commands.
SAY          = $(if $(V),,@echo "$1 $@";)
LINK         = $(call SAY,LD)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@

# --- what is made -----------------------------------------------------------

FOLDERS := base stomp config auth redis transport broker
SOURCES := $(wildcard $(FOLDERS:%=%/*.c))
HEADERS := $(wildcard $(FOLDERS:%=%/*.h))
OBJECTS := $(SOURCES:%.c=$O/%.o)
MAIN    := $O/broker/main.o
LIBRARY := $O/lib$(NAME).a
PROGRAM := $O/$(NAME)

# The demo chat page, which becomes part of the program.
WEB        := $(wildcard web/*.*)
WEB_OBJECT := $O/generated/web.o

TESTS   := $(patsubst %.c,$O/%,$(wildcard tests/unit/test_*.c))
HELPERS := $(patsubst %.c,$O/%.o,$(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c)))
FUZZERS := $(patsubst %.c,$O/%,$(wildcard tests/fuzz/fuzz_*.c))
REPLAYS := $(FUZZERS:$O/tests/fuzz/fuzz_%=$O/tests/fuzz/replay-%)
BENCHES := $(patsubst %.c,$O/%.o,$(wildcard bench/*.c))

# A SockJS server without STOMP, for conformance tests.
SOCKJS_SERVER  := $O/sockjs-testserver
SOCKJS_OBJECTS := $(patsubst %.c,$O/%.o,$(wildcard tests/sockjs/*.c))

PARALLEL = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: FORCE all run test check check-unit check-corpus check-integration check-browser check-interop \
	test-browser interop build-tests sockjs-testserver bench bench-run bench-sockjs fuzz fuzz-run cover lint format \
	docs generated install uninstall dist clean help

all: $(PROGRAM) ## build everything that ships

run: ## install what is missing, build, and start one node on 127.0.0.1:8080
	@tools/install-deps.sh build
	@$(MAKE) --no-print-directory $(PARALLEL) VARIANT=release all
	@exec build/release/$(NAME) $(ARGS)

# Written anew only when it says something else: a new compiler or flag, or a
# source that came or went, rebuilds what depends on it.
update = @mkdir -p $(@D); echo '$(subst ','\'',$1)' | cmp -s - $@ || \
	echo '$(subst ','\'',$1)' > $@
$O/flags: FORCE
	$(call update,$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS))
$O/sources: FORCE
	$(call update,$(SOURCES) $(WEB))

COMPILE = $(call SAY,CC)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
$O/%.o: %.c Makefile $O/flags
	@mkdir -p $(@D)
	$(COMPILE)

$(WEB_OBJECT:.o=.c): $(WEB) tools/embed.sh $O/sources
	@mkdir -p $(@D); tools/embed.sh $(WEB) > $@
$(WEB_OBJECT): %.o: %.c Makefile $O/flags
	$(COMPILE)

$(LIBRARY): $(filter-out $(MAIN),$(OBJECTS)) $(WEB_OBJECT) $O/sources
	@rm -f $@
	$(call SAY,AR)$(AR) rcs $@ $(filter %.o,$^)

$(PROGRAM): $(MAIN) $(LIBRARY)
	$(LINK) $^ $(LIBS)

# --- tests ------------------------------------------------------------------

$O/tests/libhelpers.a: $(HELPERS) Makefile
	@mkdir -p $(@D); rm -f $@
	$(call SAY,AR)$(AR) rcs $@ $(filter %.o,$^)

$O/tests/unit/%: $O/tests/unit/%.o $O/tests/libhelpers.a $(LIBRARY)
	$(LINK) $^ $(CHECK_LIBS) $(LIBS)

$O/tests/fuzz/replay-%: $O/tests/fuzz/fuzz_%.o $O/tests/fuzz/replay.o $(LIBRARY)
	$(LINK) $^ $(LIBS)

$O/tests/fuzz/%: $O/tests/fuzz/%.o $(LIBRARY)
	$(LINK) -fsanitize=fuzzer $^ $(LIBS)

# ThreadSanitizer of gcc 12 does not start where the kernel blurs addresses by
# more than 28 bits; setarch -R turns that off for the process.
NO_BLUR = $(call once,NO_BLUR,setarch -R true 2>/dev/null && echo setarch -R)
RUN     = $(if $(filter tsan,$(VARIANT)),$(NO_BLUR))

SUPPRESSIONS := $(if $(wildcard tests/tsan.supp),suppressions=$(CURDIR)/tests/tsan.supp)
export UBSAN_OPTIONS := print_stacktrace=1
# A second SIGTERM ends the process without waiting for its threads, on purpose.
export TSAN_OPTIONS  := second_deadlock_stack=1 report_thread_leaks=0 $(SUPPRESSIONS)
export CK_TIMEOUT_MULTIPLIER ?= 5
CK_TIMEOUT_MULTIPLIER ?= 5

test: ## install what the tests need, then run every one of them
	@tools/install-deps.sh build test
	@rm -f $O/tests/unit/*.ok
	@$(MAKE) --no-print-directory check

check: ## run every test, and add up the results
	@$(MAKE) --no-print-directory $(PARALLEL) build-tests
	@rm -f $(REPLAYS:%=%.log) $O/tests/integration.log
	@for tests in unit corpus integration; do \
		$(MAKE) --no-print-directory -k check-$$tests; \
	done; \
	awk -f tools/sum-tests.awk $(TESTS:%=%.log) $(REPLAYS:%=%.log) $O/tests/integration.log

build-tests: all $(TESTS) $(REPLAYS) $(SOCKJS_SERVER)

sockjs-testserver: $(SOCKJS_SERVER) ## build a SockJS server for conformance tests, see its --help
$(SOCKJS_SERVER): $(SOCKJS_OBJECTS) $(LIBRARY)
	$(LINK) $^ $(LIBS)

# What a test prints is kept beside it, for the sum above. Each test writes its
# own stamp, so that only what changed runs again.
record = > $1 2>&1 || echo "$(basename $1): exit status $$?" >> $1; \
	cat $1; ! grep -q ': exit status [0-9]*$$' $1

check-unit: $(TESTS:%=%.ok) ## run the unit tests
$O/tests/unit/%.ok: $O/tests/unit/%
	@$(RUN) $< $(call record,$<.log)
	@touch $@

check-corpus: $(REPLAYS:%=%.done) ## run the fuzz targets over what was found before
.PHONY: $(REPLAYS:%=%.done)
$(REPLAYS:%=%.done): %.done: %
	@echo "corpus of $(*F:replay-%=%):"; \
	find tests/fuzz/corpus/$(*F:replay-%=%) -type f -print0 | \
		xargs -0 -r $(RUN) $< $(call record,$<.log)

# A sanitizer's report about the program under test goes to a file, so that no
# test can overlook it.
REPORTS      := $(CURDIR)/$O/tests/report
REPORT_TO     = ASAN_OPTIONS=log_path=$(REPORTS) UBSAN_OPTIONS=$(UBSAN_OPTIONS):log_path=$(REPORTS) \
	TSAN_OPTIONS="$(TSAN_OPTIONS) log_path=$(REPORTS)"
NODE_SECONDS ?= 900
NODE_MODULES  = tests/$1/node_modules/.installed

# Runs the tests of the folder tests/$1, but for SKIP="name name ...".
define node_test
	@rm -f $(REPORTS).*; cd tests/$1; for file in *.test.mjs; do \
		case " $(SKIP) " in *" $${file%.test.mjs} "*) ;; *) files="$$files $$file" ;; esac; \
	done; { \
		$(REPORT_TO) STOMPBOX=../../$(PROGRAM) SOCKJS_TESTSERVER=../../$(SOCKJS_SERVER) \
			$(RUN) timeout -k 10 $(NODE_SECONDS) \
			node --test --test-concurrency=1 $$files || echo "node --test: exit status $$?"; \
		for report in $(REPORTS).*; do \
			[ ! -e "$$report" ] || { cat "$$report"; echo "$$report: exit status 1"; }; \
		done; \
	} 2>&1 | tee ../../$O/tests/$1.log
	@! grep -q ': exit status [0-9]*$$' $O/tests/$1.log
endef

LIVE := $(PROGRAM) $(SOCKJS_SERVER) $(call NODE_MODULES,integration)
check-integration: $(LIVE) ## run the browsers' clients against live nodes
	$(call node_test,integration)

# The pages' tests borrow from the folder beside them.
check-browser: $(LIVE) $(call NODE_MODULES,browser) ## run the pages in Chromium
	$(call node_test,browser)

tests/%/node_modules/.installed: tests/%/package.json tests/%/package-lock.json
	cd tests/$* && npm ci --no-audit --no-fund
	@mkdir -p $(@D); touch $@

test-browser: ## install Chromium, then run the pages in it, and add up the results
	@tools/install-deps.sh build test browser
	@$(MAKE) --no-print-directory $(PARALLEL) $(PROGRAM) $(SOCKJS_SERVER)
	@mkdir -p $O/tests; rm -f $O/tests/browser.log
	@$(MAKE) --no-print-directory check-browser; \
	awk -f tools/sum-tests.awk $O/tests/browser.log

# Spring beside stompbox. Java and Maven are asked for first: without them nothing is built.
INTEROP_JAR := build/interop/interop.jar
$(INTEROP_JAR): tests/interop/pom.xml tools/build-interop.sh \
		$(wildcard tests/interop/src/main/java/interop/*/*.java tests/interop/src/main/resources/*)
	@tools/build-interop.sh

interop: NODE_SECONDS = 300
interop: $(INTEROP_JAR) ## run a Spring application, and Spring's clients, beside stompbox
	@tools/install-deps.sh build test
	@$(MAKE) --no-print-directory $(PARALLEL) $(LIVE) $(call NODE_MODULES,interop)
	@mkdir -p $O/tests; rm -f $O/tests/interop.log
	@$(MAKE) --no-print-directory NODE_SECONDS=$(NODE_SECONDS) check-interop; \
	awk -f tools/sum-tests.awk $O/tests/interop.log
check-interop: $(LIVE) $(INTEROP_JAR) $(call NODE_MODULES,interop)
	$(call node_test,interop)

FUZZ_SECONDS ?= 60
fuzz: ## fuzz every target for FUZZ_SECONDS each
	@tools/install-deps.sh build fuzz
	@$(MAKE) --no-print-directory $(PARALLEL) VARIANT=fuzz $(FUZZERS:$O/%=build/fuzz/%)
	@$(MAKE) --no-print-directory VARIANT=fuzz fuzz-run
fuzz-run:
	for f in $(FUZZERS); do \
		corpus=tests/fuzz/corpus/$${f##*/fuzz_}; mkdir -p $$corpus $O/artifacts; \
		./$$f -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
			-artifact_prefix=$O/artifacts/ $$corpus || exit 1; \
	done

# The protocol, the doors and the bus must be reached nearly everywhere; what
# lies on libwebsockets is better judged by the integration tests.
COVER_LEAST  ?= 85
COVER_FOLDERS := stomp auth redis
COVER_TESTS  ?= check-unit check-corpus
GCOVR = gcovr --root . --object-directory build/cover build/cover
cover: ## measure what the tests reach; fails under COVER_LEAST percent
	@tools/install-deps.sh build test cover
	@rm -rf build/cover
	@$(MAKE) --no-print-directory $(PARALLEL) VARIANT=cover build-tests
	@$(MAKE) --no-print-directory VARIANT=cover $(COVER_TESTS)
	@$(GCOVR) $(FOLDERS:%=--filter '%/')
	@failed=0; for folder in $(COVER_FOLDERS); do \
		$(GCOVR) --filter "$$folder/" --fail-under-line $(COVER_LEAST) --print-summary \
			-o build/cover/$$folder.txt > build/cover/$$folder.sum || failed=1; \
		echo "$$folder: $$(grep '^lines' build/cover/$$folder.sum)"; \
	done; exit $$failed

bench: ## measure against a bare send(2) loop
	@tools/install-deps.sh build bench
	@$(MAKE) --no-print-directory $(PARALLEL) VARIANT=release bench-run
bench-run: $(PROGRAM) $O/bench/$(NAME)-bench
	@STOMPBOX=$(PROGRAM) BENCH=$O/bench/$(NAME)-bench bench/run.sh $(BENCH_ARGS)
bench-sockjs: $(PROGRAM) $(call NODE_MODULES,integration) ## measure SockJS requests that are passed on
	@STOMPBOX=$(PROGRAM) timeout -k 10 300 node bench/sockjs.mjs
$O/bench/$(NAME)-bench: $(BENCHES) $(LIBRARY)
	$(LINK) $^ $(LIBS)

# --- taste ------------------------------------------------------------------

ALL_C       := $(SOURCES) $(HEADERS) \
	$(wildcard $(foreach folder,tests/unit tests/fuzz tests/sockjs bench,$(folder)/*.[ch]))
ALL_SCRIPTS := $(wildcard tools/*.sh .ci/run bench/*.sh tests/*.sh docker/*.sh)
ALL_NODE    := $(wildcard tests/integration/*.mjs tests/integration/lib/*.mjs tests/browser/*.mjs \
	tests/browser/lib/*.mjs tests/interop/*.mjs tests/interop/lib/*.mjs bench/*.mjs)

LINTS := format layers size cppcheck tidy spelling shellcheck events docs
.PHONY: $(LINTS:%=lint-%) lint-all

lint: ## check layout, layers, sizes, spelling, documents, and for bugs
	@tools/install-deps.sh build lint
	@$(MAKE) --no-print-directory $(PARALLEL) -k lint-all
	@echo "lint: clean"
lint-all: $(LINTS:%=lint-%)

lint-format:
	@echo format; clang-format --dry-run --Werror $(ALL_C)
lint-layers:
	@echo layers; awk -f tools/check-layers.awk docs/layers.txt $(SOURCES) $(HEADERS)
lint-size:
	@echo size; awk -f tools/check-size.awk $(ALL_C) $(ALL_NODE) $(WEB) $(ALL_SCRIPTS)
lint-cppcheck:
	@echo cppcheck; cppcheck -q --std=c11 --enable=warning,performance,portability --inline-suppr \
		--suppress=missingIncludeSystem --error-exitcode=1 -I. -D_GNU_SOURCE $(SOURCES)
lint-tidy: $(SOURCES:%.c=$O/%.tidy)
$O/%.tidy: %.c $(HEADERS) config/options.def .clang-tidy
	@mkdir -p $(@D); echo "clang-tidy $<"
	@clang-tidy --quiet $< -- -std=gnu11 $(ALL_CPPFLAGS) > $@.log 2>&1 || { cat $@.log; exit 1; }
	@touch $@
lint-spelling:
	@echo spelling; codespell --quiet-level=3 --ignore-regex='\\[nrt]' --skip='*/node_modules,*/corpus,*/package-lock.json' \
		$(FOLDERS) tests web bench docs docker tools Makefile $(wildcard *.md)
lint-shellcheck:
	@echo shellcheck; shellcheck $(ALL_SCRIPTS)
lint-events: $O/generated/docs/log-events.md
	@echo events; diff -u docs/log-events.md $< || { echo "run: make docs"; exit 1; }
lint-docs: generated
	@echo docs; for file in $(filter-out docs/log-events.md,$(GENERATED)); do \
		diff -u $$file $O/generated/$$file || { echo "run: make docs"; exit 1; }; \
	done

format: ## lay out the sources
	clang-format -i $(ALL_C)

# --- documents --------------------------------------------------------------

# These come from the option table and from the sources, and lie in the tree for
# those who read it without building it.
GENERATED := docs/options.md docs/log-events.md docs/counters.md docs/stomp-rows.md \
	config/$(NAME).json config/schema.json
ROW_TESTS := $(sort $(wildcard tests/unit/test_*.c tests/integration/*.test.mjs))

docs: generated ## write the generated documents anew
	@for file in $(GENERATED); do cp $O/generated/$$file $$file; done
generated: $(GENERATED:%=$O/generated/%)

print = @mkdir -p $(@D); env -i $(PROGRAM) $1 > $@
$O/generated/docs/options.md: $(PROGRAM)
	$(call print,--print-options)
$O/generated/config/$(NAME).json: $(PROGRAM)
	$(call print,--print-sample)
$O/generated/config/schema.json: $(PROGRAM)
	$(call print,--print-schema)
$O/generated/docs/counters.md: broker/stats.def tools/counters.awk
	@mkdir -p $(@D); awk -f tools/counters.awk $< > $@
$O/generated/docs/stomp-rows.md: tests/data/stomp-rows.txt tools/stomp-rows.awk $(ROW_TESTS)
	@mkdir -p $(@D); awk -f tools/stomp-rows.awk $< $(ROW_TESTS) > $@
$O/generated/docs/log-events.md: $(SOURCES) tools/log-events.awk $O/sources
	@mkdir -p $(@D); awk -f tools/log-events.awk $(SOURCES) > $@

# --- installation -----------------------------------------------------------

install: all ## install below DESTDIR and PREFIX; keeps a configuration that is there
	install -D -m 755 $(PROGRAM) $(BINDIR)/$(NAME)
	[ -e $(DESTDIR)$(SYSCONFDIR)/$(NAME).json ] || \
		install -D -m 644 config/$(NAME).json $(DESTDIR)$(SYSCONFDIR)/$(NAME).json

uninstall: ## remove what install put there, but not the configuration
	rm -f $(BINDIR)/$(NAME)

dist: ## pack the committed sources
	@mkdir -p build
	git archive --prefix=$(NAME)-$(VERSION)/ HEAD | gzip -n > build/$(NAME)-$(VERSION).tar.gz

clean: ## remove build/, but for a Debian 13 root that takes long to make
	@! [ -d build ] || find build -mindepth 1 -maxdepth 1 ! -name trixie -exec rm -rf {} +

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  VARIANT=release|debug|asan|tsan|cover|fuzz, CFLAGS, LDFLAGS, ARGS (of run), BENCH_ARGS"

-include $(OBJECTS:.o=.d) $(HELPERS:.o=.d) $(TESTS:=.d) $(FUZZERS:=.d) $(BENCHES:.o=.d)
-include $(SOCKJS_OBJECTS:.o=.d) $(WEB_OBJECT:.o=.d)
-include $O/tests/fuzz/replay.d
