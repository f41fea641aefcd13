# Programs that run inside guests. They are part of an image's contents, so
# the same source must give the same bytes in every build tree, sanitized or
# not: fixed flags, no debug information, no sanitizer.
inguest_CFLAGS := -O2 -g0 -fno-sanitize=all -fomit-frame-pointer \
	-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong \
	-fstack-clash-protection -fcf-protection -fPIE
inguest_LDLIBS := -fno-sanitize=all -s -Wl,--build-id=none

LIBS += heads-layout
heads-layout_SRC := seamless/layout.c
heads-layout_CFLAGS := $(inguest_CFLAGS)

PROGRAMS += oriel-heads
oriel-heads_SRC := seamless/heads.c seamless/ready.c
oriel-heads_LIBS := heads-layout
oriel-heads_PKG := x11 xrandr xi
oriel-heads_CFLAGS := $(inguest_CFLAGS)
oriel-heads_LDLIBS := $(inguest_LDLIBS)
oriel-heads_DIR := libexec

PROGRAMS += oriel-identity
oriel-identity_SRC := seamless/identity.c
oriel-identity_CFLAGS := $(inguest_CFLAGS)
oriel-identity_LDLIBS := $(inguest_LDLIBS)
oriel-identity_DIR := libexec

LIBS += folder-mux
folder-mux_SRC := seamless/folder-mux.c
folder-mux_CFLAGS := $(inguest_CFLAGS)

PROGRAMS += oriel-folder
oriel-folder_SRC := seamless/folder.c
oriel-folder_LIBS := folder-mux
oriel-folder_CFLAGS := $(inguest_CFLAGS)
oriel-folder_LDLIBS := $(inguest_LDLIBS)
oriel-folder_DIR := libexec

FUZZERS += folder-mux-fuzz
folder-mux-fuzz_SRC := seamless/folder-mux-fuzz.c
folder-mux-fuzz_LIBS := folder-mux

# The protocol of guest windows, for agent, display process and client.
LIBS += seamless-wire
seamless-wire_SRC := seamless/wire.c

# Files over it, either end.
LIBS += filecopy
filecopy_SRC := seamless/filecopy.c
filecopy_PKG := glib-2.0

TESTS += filecopy-test
filecopy-test_SRC := tests/unit/filecopy-test.c
filecopy-test_LIBS := filecopy seamless-wire common
filecopy-test_PKG := glib-2.0

FUZZERS += filecopy-fuzz
filecopy-fuzz_SRC := seamless/filecopy-fuzz.c
filecopy-fuzz_LIBS := filecopy seamless-wire common
filecopy-fuzz_PKG := glib-2.0

TESTS += seamless-wire-test
seamless-wire-test_SRC := tests/unit/seamless-wire-test.c
seamless-wire-test_LIBS := seamless-wire
seamless-wire-test_PKG := glib-2.0

FUZZERS += seamless-wire-fuzz
seamless-wire-fuzz_SRC := seamless/wire-fuzz.c
seamless-wire-fuzz_LIBS := seamless-wire

TESTS += layout-test
layout-test_SRC := tests/unit/layout-test.c
layout-test_LIBS := heads-layout
layout-test_PKG := glib-2.0

# The agent of single windows. Its objects are the guest's too, except in a
# sanitized tree: no image with it is built there.
agent_CFLAGS := $(if $(SANITIZE)$(findstring fuzz,$(OPT)),,$(inguest_CFLAGS))

# Its parts that know no X: packing, turns, messages.
LIBS += seamless-agent-core
seamless-agent-core_SRC := seamless/agent/atlas.c seamless/agent/receive.c \
	seamless/agent/turn.c
seamless-agent-core_PKG := glib-2.0
seamless-agent-core_CFLAGS := $(agent_CFLAGS)

PROGRAMS += oriel-agent
oriel-agent_SRC := $(filter-out $(seamless-agent-core_SRC) %-fuzz.c,\
	$(wildcard seamless/agent/*.c))
oriel-agent_LIBS := seamless-agent-core filecopy seamless-wire common
oriel-agent_PKG := x11 xcomposite xdamage xfixes xrandr xrender xext xtst \
	gio-unix-2.0 gdk-pixbuf-2.0 zlib
oriel-agent_CFLAGS := $(agent_CFLAGS)
oriel-agent_LDLIBS := $(if $(SANITIZE),,$(inguest_LDLIBS))
oriel-agent_DIR := libexec

# Plays the client's side for tests.
PROGRAMS += seamless-peer x-toy gtk-windows
gtk-windows_SRC := tests/tools/gtk-windows.c
gtk-windows_PKG := gtk+-3.0
x-toy_SRC := tests/tools/x-toy.c
x-toy_PKG := x11 xext glib-2.0
seamless-peer_SRC := $(addprefix tests/tools/,seamless-peer.c \
	seamless-peer-commands.c seamless-peer-transfer.c)
seamless-peer_LIBS := clipcopy filecopy seamless-wire common
seamless-peer_PKG := x11 xcomposite gio-unix-2.0 jansson

TESTS += seamless-agent-test
seamless-agent-test_SRC := tests/unit/seamless-agent-test.c
seamless-agent-test_LIBS := seamless-agent-core seamless-wire
seamless-agent-test_PKG := glib-2.0

FUZZERS += receive-fuzz
receive-fuzz_SRC := seamless/agent/receive-fuzz.c
receive-fuzz_LIBS := seamless-agent-core seamless-wire
receive-fuzz_PKG := glib-2.0

include seamless/win32/module.mk
