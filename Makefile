# Oriel. `make demo` shows it, `make check` proves it, `make help` lists the rest.
#
# Every folder says what it builds in its module.mk, in four kinds of lines:
#   LIBS     += NAME   NAME_SRC NAME_PKG                  -> build/lib/libNAME.a
#   PROGRAMS += NAME   NAME_SRC NAME_LIBS NAME_PKG NAME_DIR (bin or libexec)
#   TESTS    += NAME   as a program; prints TAP           -> build/tests/NAME
#   FUZZERS  += NAME   as a program; LLVMFuzzerTestOneInput -> build/fuzz/NAME
# NAME_LIBS are our own libraries in link order; NAME_PKG are pkg-config names.
# NAME_CFLAGS and NAME_LDLIBS add what neither covers.

VERSION := 0.1.0
PREFIX ?= /usr/local
DESTDIR ?=
BINDIR = $(PREFIX)/bin
LIBEXECDIR = $(PREFIX)/libexec/oriel
DATADIR = $(PREFIX)/share
PKGDATADIR = $(DATADIR)/oriel
UNITDIR = $(PREFIX)/lib/systemd/system

# all cores, unless the caller says how many; a make below us shares them
ifeq ($(MAKELEVEL)$(filter -j% --jobserver%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif

BUILD := build$(if $(SANITIZE),-san)
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))

CC ?= cc
OPT ?= -O2 -g
WARN := -Wall -Wextra -Werror -Wno-unused-parameter -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Wformat=2 -Wpointer-arith -Wshadow
HARDEN := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE \
	-fstack-clash-protection -fcf-protection
LINKHARDEN := -pie -Wl,-z,relro,-z,now,-z,noexecstack
ifdef SANITIZE
OPT := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined
HARDEN := -fPIE
endif
override CPPFLAGS += -D_GNU_SOURCE -I. -I$(BUILD)/gen \
	-DORIEL_VERSION='"$(VERSION)"' -DORIEL_LIBEXECDIR='"$(LIBEXECDIR)"' \
	-DORIEL_PKGDATADIR='"$(PKGDATADIR)"'
override CFLAGS := -std=c17 $(OPT) $(WARN) $(HARDEN) $(CFLAGS)
override LDFLAGS := $(LINKHARDEN) $(filter -fsanitize%,$(OPT)) $(LDFLAGS)

MODULES := $(wildcard common/module.mk vmm/module.mk vmm/kvm/module.mk seamless/module.mk \
	display/module.mk display/*/module.mk server/*/module.mk client/module.mk tests/module.mk)

.DEFAULT_GOAL := all
LIBS :=
PROGRAMS :=
TESTS :=
FUZZERS :=
include $(MODULES)

objs = $(patsubst %.c,$(BUILD)/obj/%.o,$(filter %.c,$($(1)_SRC))) \
	$(patsubst %.S,$(BUILD)/obj/%.o,$(filter %.S,$($(1)_SRC)))
archives = $(foreach l,$($(1)_LIBS),$(BUILD)/lib/lib$(l).a)
# pkg-config names of a target and of every library of ours it links
allpkgs = $(sort $($(1)_PKG) $(foreach l,$($(1)_LIBS),$($(l)_PKG)))
# pkg-config is asked once for each set of packages: a hundred targets share few
empty :=
pkgask = $(if $(filter undefined,$(origin $(2))),$(eval $(2) := $$(shell pkg-config $(1) 2>/dev/null)))$($(2))
pkgcflags = $(if $(1),$(call pkgask,--cflags $(1),pkgcflags_$(subst $(empty) ,+,$(1))))
pkglibs = $(if $(1),$(call pkgask,--libs $(1),pkglibs_$(subst $(empty) ,+,$(1))))

define compile_flags
$(call objs,$(1)): private TCFLAGS := $$(patsubst -I/%,-isystem /%,$$(call pkgcflags,$$(call allpkgs,$(1)))) $$($(1)_CFLAGS)
$(call objs,$(1)): | $(GENERATED)
endef

define library
$(call compile_flags,$(1))
$(BUILD)/lib/lib$(1).a: $(call objs,$(1))
	$(call say,AR,$$@)
	$(Q)mkdir -p $$(@D) && rm -f $$@ && ar rcs $$@ $$^
endef

# $(1) target, $(2) folder under $(BUILD), $(3) extra link flags
define program
$(call compile_flags,$(1))
$(BUILD)/$(2)/$(1): $(call objs,$(1)) $(call archives,$(1))
	$(call say,LINK,$$@)
	$(Q)mkdir -p $$(@D) && $$(CC) $$(LDFLAGS) $(3) -o $$@ $(call objs,$(1)) \
		$(call archives,$(1)) $$(call pkglibs,$$(call allpkgs,$(1))) \
		$$($(1)_LDLIBS) $$(foreach l,$$($(1)_LIBS),$$($$(l)_LDLIBS))
endef

$(foreach l,$(LIBS),$(eval $(call library,$(l))))
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p),bin)))
$(foreach t,$(TESTS),$(eval $(call program,$(t),tests)))

# The compiler's file lists feed rebuilds; -MP survives a deleted header.
$(BUILD)/obj/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) $(TCFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/obj/%.o: %.S
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(OPT) $(TCFLAGS) -MMD -MP -c -o $@ $<
# generated sources live under $(BUILD)/gen and are compiled the same way
$(BUILD)/obj/$(BUILD)/gen/%.o: $(BUILD)/gen/%.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) $(TCFLAGS) -w -MMD -MP -c -o $@ $<

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

.PHONY: all programs tests fuzz demo demo-clean check bench lint deps install \
	uninstall clean distclean help
all: programs
programs: $(addprefix $(BUILD)/bin/,$(PROGRAMS)) $(EXTRA_ALL)
	@:
tests: programs $(addprefix $(BUILD)/tests/,$(TESTS)) $(EXTRA_TESTS)
	@:

# demo and check bring their own packages, then read this file anew, since
# what pkg-config answers may have changed.
deps:
	$(Q)data/deps.sh install
demo:
	$(Q)data/deps.sh install build run $(if $(HEADLESS),headless)
	$(Q)$(MAKE) --no-print-directory all
	$(Q)data/demo.sh $(if $(HEADLESS),--headless)
# Applications of a machine as windows of one's own desktop.
.PHONY: demo-apps
demo-apps:
	$(Q)data/deps.sh install build run windows $(if $(HEADLESS),headless test)
	$(Q)$(MAKE) --no-print-directory all
	$(Q)data/demo-apps.sh $(if $(HEADLESS),--headless)
demo-clean:
	$(Q)data/demo.sh --clean
check:
	$(Q)data/deps.sh install build run headless test
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)BUILD=$(BUILD) tests/run $(ONLY)
bench:
	$(Q)data/deps.sh install build run headless test
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)BUILD=$(BUILD) tests/bench/run

# what cppcheck would need the libraries' headers for
LINT_MACROS := -D'G_GNUC_PRINTF(a,b)=' -D'G_DEFINE_QUARK(a,b)=' \
	-D'json_array_foreach(a,i,v)=for(i=0;(v=json_array_get(a,i));i++)' \
	-D'json_object_foreach(o,k,v)=for(k=0;(v=json_object_get(o,k));)'
lint:
	$(Q)clang-format --dry-run -Werror $$(git ls-files '*.c' '*.h')
	$(Q)cppcheck --quiet --error-exitcode=1 --std=c11 --inline-suppr \
		--suppress=missingIncludeSystem --library=gtk -I. $(LINT_MACROS) \
		$$(git ls-files '*.c' | grep -v '^tests/')

# libFuzzer needs clang: make fuzz CC=clang, then build/fuzz/NAME CORPUS
FUZZ_OPT := -O1 -g -fsanitize=address,undefined,fuzzer-no-link
fuzz:
	$(Q)data/deps.sh install build fuzz
	$(Q)$(MAKE) --no-print-directory fuzzers CC=clang BUILD=build/fuzz-tree \
		OPT='$(FUZZ_OPT)' HARDEN=-fPIE WARN=-w
.PHONY: fuzzers
fuzzers: $(addprefix $(BUILD)/fuzz/,$(FUZZERS))
$(foreach f,$(FUZZERS),$(eval $(call program,$(f),fuzz,$(if $(findstring fuzz,$(OPT)),-fsanitize=fuzzer))))

install: all
	$(Q)PREFIX='$(PREFIX)' BUILD='$(BUILD)' BINDIR='$(DESTDIR)$(BINDIR)' \
	LIBEXECDIR='$(DESTDIR)$(LIBEXECDIR)' DATADIR='$(DESTDIR)$(DATADIR)' \
	PKGDATADIR='$(DESTDIR)$(PKGDATADIR)' UNITDIR='$(DESTDIR)$(UNITDIR)' \
	LIBEXEC_REF='$(LIBEXECDIR)' BIN_REF='$(BINDIR)' \
	BINS='$(foreach p,$(PROGRAMS),$(if $(filter bin,$($(p)_DIR)),$(p)))' \
	LIBEXECS='$(foreach p,$(PROGRAMS),$(if $(filter libexec,$($(p)_DIR)),$(p)))' \
	data/install.sh install
uninstall:
	$(Q)PREFIX='$(PREFIX)' BUILD='$(BUILD)' BINDIR='$(DESTDIR)$(BINDIR)' \
	LIBEXECDIR='$(DESTDIR)$(LIBEXECDIR)' DATADIR='$(DESTDIR)$(DATADIR)' \
	PKGDATADIR='$(DESTDIR)$(PKGDATADIR)' UNITDIR='$(DESTDIR)$(UNITDIR)' \
	BINS='$(foreach p,$(PROGRAMS),$(if $(filter bin,$($(p)_DIR)),$(p)))' \
	LIBEXECS='$(foreach p,$(PROGRAMS),$(if $(filter libexec,$($(p)_DIR)),$(p)))' \
	data/install.sh uninstall
# the broker alone, at length (sign-ins, tickets, desktops by the thousand), the
# gateway's relay, and a pool of real guests
.PHONY: bench-server
bench-server:
	$(Q)data/deps.sh install build test
	$(Q)$(MAKE) --no-print-directory all $(BUILD)/bin/relay-peer
	$(Q)BUILD=$(BUILD) tests/bench/run server relay pool
# single windows: beside desktop mode, native starts and xpra
.PHONY: bench-seamless
bench-seamless:
	$(Q)data/deps.sh install build run headless test bench
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)BUILD=$(BUILD) tests/bench/run seamless
clean:
	$(Q)rm -rf build build-san
distclean: clean demo-clean

help:
	@echo 'make demo [HEADLESS=1]  a hosted desktop, from nothing, in the client'
	@echo 'make demo-apps [HEADLESS=1]  applications, a Windows one too, as windows of your own'
	@echo 'make check [ONLY=name]  the tests; SANITIZE=1 under ASan and UBSan'
	@echo 'make bench              measurements, never pass or fail'
	@echo 'make bench-display [QUICK=1]  the display beside other RFB servers'
	@echo 'make bench-seamless     single windows beside a desktop, native starts and xpra'
	@echo 'make bench-server       sign-ins, tickets, desktops a minute, relay, spares'
	@echo 'make lab | bench-vmm     oriel-vmm boots a desktop under nested KVM; beside QEMU'
	@echo 'make soak               what takes long'
	@echo 'make all | web | lint | fuzz | deps | clean | demo-clean'
	@echo 'make install | uninstall [DESTDIR=] [PREFIX=/usr/local]'
