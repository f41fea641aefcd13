# oriel-vmm: the monitor on /dev/kvm. Everything but main() is a library, so
# that tests and fuzzers link the devices alone.
LIBS += vmmkvm
vmmkvm_SRC := $(filter-out vmm/kvm/main.c %-fuzz.c,$(wildcard vmm/kvm/*.c))
vmmkvm_PKG := gio-unix-2.0 jansson
vmmkvm_LIBS := display1

PROGRAMS += oriel-vmm
oriel-vmm_SRC := vmm/kvm/main.c
oriel-vmm_LIBS := vmmkvm display1 common
oriel-vmm_DIR := libexec

TESTS += vmm-device-test
vmm-device-test_SRC := tests/unit/vmm-device-test.c vmm/kvm/device-fuzz.c
vmm-device-test_LIBS := vmmkvm display1 common

TESTS += vmm-ring-test
vmm-ring-test_SRC := tests/unit/vmm-ring-test.c
vmm-ring-test_LIBS := vmmkvm display1 common

FUZZERS += vmm-device-fuzz
vmm-device-fuzz_SRC := vmm/kvm/device-fuzz.c
vmm-device-fuzz_LIBS := vmmkvm display1 common

FUZZERS += vmm-nbd-fuzz
vmm-nbd-fuzz_SRC := vmm/kvm/disk-nbd-fuzz.c
vmm-nbd-fuzz_LIBS := vmmkvm display1 common

FUZZERS += vmm-qmp-fuzz
vmm-qmp-fuzz_SRC := vmm/kvm/qmp-fuzz.c
vmm-qmp-fuzz_LIBS := vmmkvm display1 common

TESTS += vmm-display-test
vmm-display-test_SRC := tests/unit/vmm-display-test.c
vmm-display-test_LIBS := display1 common

# Bare-metal guests: programs for an empty machine, run by tests/protocol/vmm.
GUESTS := chips ring idle blk gpu hda net plug ports smp spray touch
guest_CFLAGS := -std=c17 -O2 -Wall -Wextra -Wno-unused-parameter -Werror \
	-ffreestanding -fno-pic -fno-pie -mno-red-zone -mgeneral-regs-only \
	-fno-stack-protector -fcf-protection=none
guest_COMMON := tests/guests/start.S tests/guests/guest.c
$(BUILD)/guests/%.elf: tests/guests/%.c $(guest_COMMON) tests/guests/guest.h \
		tests/guests/guest.ld
	$(call say,GUEST,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(guest_CFLAGS) -nostdlib -static -no-pie \
		-Wl,-T,tests/guests/guest.ld -Wl,--build-id=none \
		-Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments \
		-o $@ $(guest_COMMON) $<
$(BUILD)/guests/first.elf: tests/guests/first.S tests/guests/guest.ld
	$(call say,GUEST,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(guest_CFLAGS) -nostdlib -static -no-pie \
		-Wl,-T,tests/guests/guest.ld -Wl,--build-id=none \
		-Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments -o $@ $<
EXTRA_TESTS += $(BUILD)/guests/first.elf
EXTRA_TESTS += $(addprefix $(BUILD)/guests/,$(addsuffix .elf,$(GUESTS)))

# the bare ioctls, for tests/bench/vmm.bench; not installed
PROGRAMS += kvm-floor
kvm-floor_SRC := tests/bench/kvm-floor.c
kvm-floor_DIR := bench

# what a monitor announces of its screen, beside QEMU; not installed
PROGRAMS += damage-peer
damage-peer_SRC := tests/bench/damage-peer.c
damage-peer_LIBS := display1 common
damage-peer_DIR := bench

# A whole desktop on oriel-vmm, in a nested-KVM machine under emulation.
.PHONY: lab bench-vmm soak soak-vmm
soak: soak-vmm
lab:
	$(Q)data/deps.sh install build run headless test
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)BUILD=$(BUILD) tests/lab/run
# First on this machine's own /dev/kvm, then beside QEMU in the lab.
bench-vmm:
	$(Q)data/deps.sh install build run headless test
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)mkdir -p $(BUILD)/bench
	$(Q)BUILD=$(BUILD) BENCH_JSON=$(CURDIR)/$(BUILD)/bench/vmm.json tests/bench/vmm.bench --lab
# Ten minutes of random values into every port and register, for each seed.
soak-vmm:
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)BUILD=$(BUILD) SECONDS_EACH=600 SEED="$(or $(SEED),1)" \
		tests/protocol/vmm/spray.test
