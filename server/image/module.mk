LIBS += image
image_SRC := $(filter-out server/image/main.c server/image/import-main.c server/image/answers-main.c server/image/%-fuzz.c,$(wildcard server/image/*.c))
image_PKG := gio-unix-2.0 jansson liblzma libcrypto

PROGRAMS += oriel-image-build
oriel-image-build_SRC := server/image/main.c
oriel-image-build_LIBS := image common
oriel-image-build_DIR := libexec

PROGRAMS += oriel-image-import
oriel-image-import_SRC := server/image/import-main.c
oriel-image-import_LIBS := image common
oriel-image-import_DIR := libexec

# Windows' answer files: what the profiles say, and programs of both sizes
PROGRAMS += oriel-image-answers
oriel-image-answers_SRC := server/image/answers-main.c
oriel-image-answers_LIBS := image engine common
oriel-image-answers_DIR := libexec

FUZZERS += inspect-fuzz
inspect-fuzz_SRC := server/image/inspect-fuzz.c
inspect-fuzz_LIBS := image common

FUZZERS += recipe-fuzz
recipe-fuzz_SRC := server/image/recipe-fuzz.c
recipe-fuzz_LIBS := image common

FUZZERS += kernel-fuzz
kernel-fuzz_SRC := server/image/kernel-fuzz.c
kernel-fuzz_LIBS := image common

TESTS += recipe-test
recipe-test_SRC := tests/unit/recipe-test.c
recipe-test_LIBS := image common

TESTS += image-test
image-test_SRC := tests/unit/image-test.c
image-test_LIBS := image common
