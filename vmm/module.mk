LIBS += engine
engine_SRC := vmm/disk.c vmm/engine.c vmm/engine-kvm.c vmm/machine.c vmm/machine-acts.c \
	vmm/machine-freeze.c vmm/machine-plug.c vmm/machine-start.c vmm/net.c vmm/probe.c \
	vmm/probe-kvm.c vmm/process.c vmm/profile.c vmm/qemu.c vmm/qemu-command.c \
	vmm/template.c vmm/tpm.c
engine_PKG := gio-unix-2.0 jansson

PROGRAMS += oriel-net
oriel-net_SRC := vmm/oriel-net.c vmm/net-filter.c
oriel-net_DIR := libexec

TESTS += engine-test
engine-test_SRC := tests/unit/engine-test.c tests/unit/engine-guest.c
engine-test_LIBS := engine common

TESTS += engine-template-test
engine-template-test_SRC := tests/unit/engine-template-test.c \
	tests/unit/engine-guest.c
engine-template-test_LIBS := $(engine-test_LIBS)

TESTS += engine-trouble-test
engine-trouble-test_SRC := tests/unit/engine-trouble-test.c tests/unit/engine-guest.c
engine-trouble-test_LIBS := engine common

TESTS += engine-kvm-test
engine-kvm-test_SRC := tests/unit/engine-kvm-test.c tests/unit/engine-guest.c
engine-kvm-test_LIBS := engine common

TESTS += engine-net-test
engine-net-test_SRC := tests/unit/engine-net-test.c tests/unit/engine-guest.c
engine-net-test_LIBS := engine common

TESTS += net-filter-test
net-filter-test_SRC := tests/unit/net-filter-test.c vmm/net-filter.c
net-filter-test_PKG := glib-2.0

FUZZERS += net-filter-fuzz
net-filter-fuzz_SRC := vmm/net-filter-fuzz.c vmm/net-filter.c

TESTS += engine-probe-test
engine-probe-test_SRC := tests/unit/engine-probe-test.c
engine-probe-test_LIBS := engine common

TESTS += engine-profile-test
engine-profile-test_SRC := tests/unit/engine-profile-test.c \
	tests/unit/engine-guest.c
engine-profile-test_LIBS := engine common
