# For tests and benches: a machine's display played, a viewer's picture taken.
PROGRAMS += display1-player vnc-grab
display1-player_SRC := $(addprefix tests/tools/,display1-player.c machine.c machine-port.c screen.c sound.c) \
	$(addprefix tests/bench/display/,replay.c recording.c truth.c)
display1-player_LIBS := display1
display1-player_PKG := liblz4
display1-player_LDLIBS := -lm
vnc-grab_SRC := tests/tools/vnc-grab.c
vnc-grab_PKG := libvncclient

# Viewers that say when they show what they should: with the bench's decoder,
# with libvncclient, with spice-client-glib.
PROGRAMS += viewer-same viewer-same-vnc viewer-same-spice
viewer-same_SRC := tests/tools/viewer-same.c $(addprefix tests/bench/display/,session.c \
	wire.c decode.c decode-tight.c decode-video.c)
viewer-same_PKG := glib-2.0 zlib libjpeg libavcodec libavutil libswscale libcrypto
viewer-same-vnc_SRC := tests/tools/viewer-same.c \
	$(addprefix tests/bench/display/,session-vnc.c wire.c)
viewer-same-vnc_PKG := glib-2.0 libvncclient
viewer-same-spice_SRC := tests/tools/viewer-same.c \
	$(addprefix tests/bench/display/,session-spice.c wire.c)
viewer-same-spice_PKG := glib-2.0 spice-client-glib-2.0

# The display's bench: recordings of real applications, who plays them, who
# measures. Recorded and replayed frames: tests/bench/display/.
PROGRAMS += display-record
display-record_SRC := tests/bench/display/record.c tests/bench/display/recording.c
display-record_PKG := glib-2.0 liblz4 x11 xext xdamage xfixes

PROGRAMS += display-watch
display-watch_SRC := $(addprefix tests/bench/display/,watch.c quality.c session.c wire.c \
	decode.c decode-tight.c decode-video.c recording.c truth.c)
display-watch_PKG := glib-2.0 liblz4 zlib libjpeg libavcodec libavutil libswscale libcrypto
display-watch_LDLIBS := -lm

# The same with spice-client-glib's eyes.
PROGRAMS += display-watch-spice
display-watch-spice_SRC := $(addprefix tests/bench/display/,watch.c quality.c session-spice.c \
	wire.c recording.c truth.c)
display-watch-spice_PKG := glib-2.0 liblz4 spice-client-glib-2.0
display-watch-spice_LDLIBS := -lm

PROGRAMS += display-feed-lvs display-feed-x display-line
display-feed-lvs_SRC := $(addprefix tests/bench/display/,feed-lvs.c replay.c recording.c truth.c)
display-feed-lvs_PKG := gio-unix-2.0 liblz4 libvncserver
display-feed-x_SRC := $(addprefix tests/bench/display/,feed-x.c replay.c recording.c truth.c)
display-feed-x_PKG := gio-unix-2.0 liblz4 x11 xext
display-line_SRC := tests/bench/display/line.c
display-line_PKG := glib-2.0

# The table of docs/display-bench.md; QUICK=1 takes a slice of it.
.PHONY: bench-display
bench-display:
	$(Q)data/deps.sh install build run headless test bench
	$(Q)$(MAKE) --no-print-directory programs
	$(Q)mkdir -p $(BUILD)/bench
	$(Q)BUILD=$(BUILD) BENCH_JSON=$(BUILD)/bench/display-peers.json \
		tests/bench/display-peers.bench $(if $(QUICK),--quick) $(BENCH)

# An X screen as a machine: the chain behind a guest agent, without a machine.
PROGRAMS += x-machine
x-machine_SRC := $(addprefix tests/tools/,x-machine.c machine.c machine-port.c screen.c sound.c) \
	$(addprefix tests/bench/display/,replay.c recording.c truth.c)
x-machine_LIBS := display1
x-machine_PKG := liblz4 x11 xext xdamage xtst
x-machine_LDLIBS := -lm

# How long an X screen takes, for tests/bench/seamless.bench.
PROGRAMS += x-reflex
x-reflex_SRC := tests/tools/x-reflex.c
x-reflex_PKG := x11 xtst glib-2.0
PROGRAMS += x-startup
x-startup_SRC := tests/tools/x-startup.c
x-startup_PKG := x11 glib-2.0
PROGRAMS += x-same
x-same_SRC := tests/tools/x-same.c
x-same_PKG := x11 glib-2.0

# Oriel as systemd services, in a machine of its own: some minutes.
.PHONY: soak-services
soak: soak-services
soak-services:
	$(Q)data/deps.sh install build run headless test
	$(Q)$(MAKE) --no-print-directory all
	+$(Q)BUILD=$(BUILD) tests/soak/services

# Single windows at length: an hour or more.
.PHONY: soak-seamless
soak: soak-seamless
soak-seamless:
	$(Q)data/deps.sh install build run headless test soak
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)BUILD=$(BUILD) tests/soak/seamless

# Every parser of foreign bytes, an hour each; not part of `make soak`.
.PHONY: soak-fuzz
soak-fuzz:
	$(Q)$(MAKE) --no-print-directory fuzz CC=clang
	$(Q)tests/soak/fuzz $(ONLY)

# Broker and host killed wherever they are, a hundred times.
.PHONY: soak-walks
soak: soak-walks
soak-walks:
	$(Q)$(MAKE) --no-print-directory all
	$(Q)ORIEL_WALKS=100 BUILD=$(BUILD) ORIEL_ROOT=$(CURDIR) \
		tests/protocol/api/kill-walk.test
