LIBS += host
host_SRC := $(filter-out %-fuzz.c,$(wildcard server/host/*.c))
host_LIBS := engine
host_PKG := gio-unix-2.0 jansson
host_LDLIBS := -lm

TESTS += host-conf-test host-life-test host-template-test
host-conf-test_SRC := tests/unit/host-conf-test.c
host-conf-test_LIBS := host engine common
host-life-test_SRC := tests/unit/host-life-test.c
host-life-test_LIBS := host engine common
host-template-test_SRC := tests/unit/host-template-test.c
host-template-test_LIBS := host engine common

FUZZERS += host-conf-fuzz
host-conf-fuzz_SRC := server/host/conf-fuzz.c
host-conf-fuzz_LIBS := host engine common
