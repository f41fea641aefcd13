LIBS += display
display_SRC := $(filter-out display/main.c %-fuzz.c,$(wildcard display/*.c display/rfb/*.c \
	display/spice/*.c))
display_PKG := gio-unix-2.0 jansson zlib libpng libjpeg libcrypto liblz4 \
	opus spice-protocol
# loops over pixels become vectors at this level only
display_CFLAGS := $(if $(SANITIZE),,-O3)

# The oriel-windows stream: guest windows for the client.
LIBS += display-windows
display-windows_SRC := $(filter-out %-fuzz.c,$(wildcard display/windows/*.c))
display-windows_PKG := gio-unix-2.0 zlib

FUZZERS += windows-fuzz
windows-fuzz_SRC := display/windows/windows-fuzz.c
windows-fuzz_LIBS := display-windows display codec display1 seamless-wire common

PROGRAMS += oriel-display
oriel-display_SRC := display/main.c
oriel-display_LIBS := display-windows display codec display1 seamless-wire \
	spice-key common
oriel-display_DIR := libexec

FUZZERS += rfb-message-fuzz rfb-client-fuzz rfb-encoder-fuzz agent-wire-fuzz
rfb-message-fuzz_SRC := display/rfb/message-fuzz.c display/rfb/message.c
rfb-client-fuzz_SRC := display/rfb/client-fuzz.c
rfb-client-fuzz_LIBS := display codec display1 common
rfb-encoder-fuzz_SRC := display/rfb/encoder-fuzz.c
rfb-encoder-fuzz_LIBS := display codec display1 common
agent-wire-fuzz_SRC := display/agent-wire-fuzz.c
agent-wire-fuzz_LIBS := display codec display1 common

TESTS += display-test
display-test_SRC := tests/unit/display-test.c
display-test_LIBS := display codec display1 common

TESTS += pipeline-test
pipeline-test_SRC := tests/unit/pipeline-test.c
pipeline-test_LIBS := display codec display1 common

TESTS += film-test
film-test_SRC := tests/unit/film-test.c tests/unit/codec-pictures.c
film-test_LIBS := display codec display1 common
film-test_PKG := libavcodec libavutil
film-test_LDLIBS := -lm

TESTS += recorder-test
recorder-test_SRC := tests/unit/recorder-test.c tests/unit/codec-pictures.c
recorder-test_LIBS := display codec display1 common
recorder-test_LDLIBS := -lm

FUZZERS += spice-link-fuzz spice-client-fuzz audio-fuzz
spice-link-fuzz_SRC := display/spice/link-fuzz.c
spice-link-fuzz_LIBS := display codec display1 spice-key common
spice-client-fuzz_SRC := display/spice/client-fuzz.c
spice-client-fuzz_LIBS := display codec display1 spice-key common
audio-fuzz_SRC := display/audio-fuzz.c
audio-fuzz_LIBS := display codec display1 common
