LIBS += common
common_SRC := $(filter-out common/spice-key.c %-fuzz.c,$(wildcard common/*.c))
common_PKG := gio-unix-2.0 jansson

# what SPICE encrypts passwords with; apart, since it alone needs libcrypto
LIBS += spice-key
spice-key_SRC := common/spice-key.c
spice-key_PKG := gio-unix-2.0 libcrypto spice-protocol

TESTS += jsonline-test
jsonline-test_SRC := tests/unit/jsonline-test.c
jsonline-test_LIBS := common

TESTS += qmp-test
qmp-test_SRC := tests/unit/qmp-test.c
qmp-test_LIBS := common

TESTS += qga-test
qga-test_SRC := tests/unit/qga-test.c
qga-test_LIBS := common

# Contract B's bindings, both sides, from one XML.
LIBS += display1
display1_SRC := $(BUILD)/gen/common/display1.c
display1_PKG := gio-unix-2.0
GENERATED += $(BUILD)/gen/common/display1.h
$(BUILD)/gen/common/display1.h: common/display1.xml common/module.mk
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D) && gdbus-codegen --interface-prefix org.qemu. \
		--c-namespace Qemu --c-generate-autocleanup all --header \
		--output $@ $<
$(BUILD)/gen/common/display1.c: common/display1.xml $(BUILD)/gen/common/display1.h
	$(Q)gdbus-codegen --interface-prefix org.qemu. --c-namespace Qemu \
		--c-generate-autocleanup all --body --output $@ $<

FUZZERS += qmp-fuzz
qmp-fuzz_SRC := common/qmp-fuzz.c
qmp-fuzz_LIBS := common
