# The Windows agent, built by mingw-w64 for both word sizes: an executable and
# the DLL that sits in other programs. No run-time beyond Windows 7's own.
#   make agent-win32       -> build/win32/{x86_64,i686}/oriel-agent.exe
WIN32 := $(BUILD)/win32
win32_archs := x86_64 i686

win32_SRC := seamless/wire.c seamless/clipcopy.c seamless/agent/atlas.c seamless/agent/receive.c \
	seamless/agent/turn.c $(filter-out %/hook.c %-fuzz.c,$(wildcard seamless/win32/*.c))
# not the tree's own flags: another compiler, and the same bytes everywhere
win32_CFLAGS := -std=gnu17 -O2 -g0 $(WARN) -fstack-protector-strong -I. \
	-D_WIN32_WINNT=0x0601 -D__USE_MINGW_ANSI_STDIO=1 \
	-DORIEL_VERSION='"$(VERSION)"'
win32_LDFLAGS := -static -fstack-protector-strong -s -Wl,--dynamicbase,--nxcompat,--no-insert-timestamp
win32_LDLIBS := -lws2_32 -lgdi32 -luser32 -ldwmapi -lole32 -luuid -lshell32 \
	-lshlwapi -lversion -ladvapi32 -lwtsapi32 -luserenv

# $(1) architecture
define win32_programs
$(WIN32)/$(1)/obj/%.o: %.c
	$(call say,CC,$$@)
	$(Q)mkdir -p $$(@D) && $(1)-w64-mingw32-gcc $(win32_CFLAGS) -MMD -MP -c -o $$@ $$<
$(WIN32)/$(1)/obj/agent-rc.o: seamless/win32/agent.rc seamless/win32/agent.manifest
	$(Q)mkdir -p $$(@D) && $(1)-w64-mingw32-windres -o $$@ $$<
$(WIN32)/$(1)/oriel-agent.exe: $(win32_SRC:%.c=$(WIN32)/$(1)/obj/%.o) $(WIN32)/$(1)/obj/agent-rc.o
	$(call say,LINK,$$@)
	$(Q)$(1)-w64-mingw32-gcc -municode $(win32_LDFLAGS) -o $$@ $$^ $(win32_LDLIBS)
$(WIN32)/$(1)/oriel-hook.dll: $(WIN32)/$(1)/obj/seamless/win32/hook.o
	$(call say,LINK,$$@)
	$(Q)$(1)-w64-mingw32-gcc -shared $(win32_LDFLAGS) -o $$@ $$^ -luser32
$(WIN32)/$(1)/win-toy.exe: $(WIN32)/$(1)/obj/tests/tools/win-toy.o
	$(call say,LINK,$$@)
	$(Q)$(1)-w64-mingw32-gcc $(win32_LDFLAGS) -o $$@ $$^ -lgdi32 -luser32 -lole32 -luuid -lshell32
agent-win32: $(WIN32)/$(1)/oriel-agent.exe $(WIN32)/$(1)/oriel-hook.dll
endef
.PHONY: agent-win32
$(foreach a,$(win32_archs),$(eval $(call win32_programs,$(a))))

# `make check` installs the compiler with the other packages of its tests
ifneq ($(shell command -v x86_64-w64-mingw32-gcc),)
EXTRA_TESTS += agent-win32 $(WIN32)/x86_64/win-toy.exe
# where recipes and `make install` look for programs
EXTRA_ALL += $(addprefix $(BUILD)/bin/,oriel-agent.exe oriel-hook.dll \
	oriel-agent-x86.exe oriel-hook-x86.dll)
endif
$(BUILD)/bin/oriel-agent.exe $(BUILD)/bin/oriel-hook.dll: $(BUILD)/bin/%: $(WIN32)/x86_64/%
	$(Q)mkdir -p $(@D) && cp $< $@
$(BUILD)/bin/oriel-agent-x86.exe: $(WIN32)/i686/oriel-agent.exe
	$(Q)mkdir -p $(@D) && cp $< $@
$(BUILD)/bin/oriel-hook-x86.dll: $(WIN32)/i686/oriel-hook.dll
	$(Q)mkdir -p $(@D) && cp $< $@

# What of it is not Windows: tables.
LIBS += win32-keys
win32-keys_SRC := seamless/win32/keys.c

TESTS += win32-keys-test
win32-keys-test_SRC := tests/unit/win32-keys-test.c
win32-keys-test_LIBS := win32-keys
win32-keys-test_PKG := glib-2.0

# and what compares pictures.
TESTS += win32-damage-test
win32-damage-test_SRC := tests/unit/win32-damage-test.c seamless/win32/damage.c
win32-damage-test_PKG := glib-2.0

# What programs put on the clipboard, and its way over the protocol.
LIBS += clipcopy
clipcopy_SRC := seamless/clipcopy.c

TESTS += clip-formats-test
clip-formats-test_SRC := tests/unit/clip-formats-test.c \
	seamless/win32/clip-formats.c
clip-formats-test_LIBS := clipcopy seamless-wire
clip-formats-test_PKG := glib-2.0

FUZZERS += clip-formats-fuzz
clip-formats-fuzz_SRC := seamless/win32/clip-formats-fuzz.c \
	seamless/win32/clip-formats.c
clip-formats-fuzz_LIBS := clipcopy seamless-wire

-include $(shell find $(WIN32) -name "*.d" 2>/dev/null)
