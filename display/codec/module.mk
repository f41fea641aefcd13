# Encoders of pixels, apart from every protocol.
LIBS += codec
codec_SRC := $(filter-out %-fuzz.c,$(wildcard display/codec/*.c))
codec_PKG := glib-2.0 libjpeg libavcodec libavutil
# loops over pixels become vectors at this level only
codec_CFLAGS := $(if $(SANITIZE),,-O3)

TESTS += codec-test
codec-test_SRC := tests/unit/codec-test.c tests/unit/codec-decode.c \
	tests/unit/codec-pictures.c
codec-test_LIBS := codec common
codec-test_PKG := zlib libjpeg
codec-test_LDLIBS := -lm

TESTS += codec-video-test
codec-video-test_SRC := tests/unit/codec-video-test.c \
	tests/unit/codec-decode.c tests/unit/codec-pictures.c
codec-video-test_LIBS := codec common
codec-video-test_PKG := zlib libjpeg libavcodec libavutil
codec-video-test_LDLIBS := -lm

PROGRAMS += codec-bench
codec-bench_SRC := tests/bench/codec.c tests/bench/codec-own.c tests/bench/codec-peer.c \
	tests/unit/codec-decode.c tests/unit/codec-pictures.c
codec-bench_LIBS := codec common
codec-bench_PKG := zlib libjpeg libvncserver
codec-bench_LDLIBS := -lm

FUZZERS += codec-fuzz
codec-fuzz_SRC := display/codec/codec-fuzz.c
codec-fuzz_LIBS := codec common
codec-fuzz_PKG := zlib
