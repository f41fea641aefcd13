LIBS += display
display_SRC := $(filter-out display/main.c %-fuzz.c,$(wildcard display/*.c display/rfb/*.c))
display_PKG := gio-unix-2.0 jansson zlib libpng libjpeg libcrypto
# loops over pixels become vectors at this level only
display_CFLAGS := $(if $(SANITIZE),,-O3)

PROGRAMS += oriel-display
oriel-display_SRC := display/main.c
oriel-display_LIBS := display display1 common
oriel-display_DIR := libexec

FUZZERS += rfb-message-fuzz rfb-client-fuzz rfb-encoder-fuzz agent-wire-fuzz
rfb-message-fuzz_SRC := display/rfb/message-fuzz.c display/rfb/message.c

# For tests and benches: a machine's display played, a viewer's picture taken.
PROGRAMS += display1-player vnc-grab
display1-player_SRC := tests/tools/display1-player.c
display1-player_LIBS := display1
vnc-grab_SRC := tests/tools/vnc-grab.c
vnc-grab_PKG := libvncclient
rfb-client-fuzz_SRC := display/rfb/client-fuzz.c
rfb-client-fuzz_LIBS := display display1 common
rfb-encoder-fuzz_SRC := display/rfb/encoder-fuzz.c
rfb-encoder-fuzz_LIBS := display display1 common
agent-wire-fuzz_SRC := display/agent-wire-fuzz.c
agent-wire-fuzz_LIBS := display display1 common

TESTS += display-test
display-test_SRC := tests/unit/display-test.c
display-test_LIBS := display display1 common
