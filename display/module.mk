LIBS += display
display_SRC := $(filter-out display/main.c %-fuzz.c,$(wildcard display/*.c display/rfb/*.c))
display_PKG := gio-unix-2.0 jansson zlib libpng libjpeg libcrypto
# loops over pixels become vectors at this level only
display_CFLAGS := $(if $(SANITIZE),,-O3)

PROGRAMS += oriel-display
oriel-display_SRC := display/main.c
oriel-display_LIBS := display display1 common
oriel-display_DIR := libexec

FUZZERS += rfb-message-fuzz
rfb-message-fuzz_SRC := display/rfb/message-fuzz.c display/rfb/message.c
