LIBS += common
common_SRC := $(wildcard common/*.c)
common_PKG := gio-unix-2.0 jansson

TESTS += jsonline-test
jsonline-test_SRC := tests/unit/jsonline-test.c
jsonline-test_LIBS := common

TESTS += qmp-test
qmp-test_SRC := tests/unit/qmp-test.c
qmp-test_LIBS := common

TESTS += qga-test
qga-test_SRC := tests/unit/qga-test.c
qga-test_LIBS := common
