LIBS += image
image_SRC := $(filter-out server/image/main.c server/image/%-fuzz.c,$(wildcard server/image/*.c))
image_PKG := gio-unix-2.0 jansson liblzma libcrypto

PROGRAMS += oriel-image-build
oriel-image-build_SRC := server/image/main.c
oriel-image-build_LIBS := image common
oriel-image-build_DIR := libexec

FUZZERS += recipe-fuzz
recipe-fuzz_SRC := server/image/recipe-fuzz.c
recipe-fuzz_LIBS := image common
