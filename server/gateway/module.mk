LIBS += gateway
gateway_SRC := $(filter-out %-fuzz.c,$(wildcard server/gateway/*.c))
gateway_PKG := gio-unix-2.0 jansson libssl libcrypto libseccomp zlib spice-protocol

TESTS += gateway-test
gateway-test_SRC := tests/unit/gateway-test.c
gateway-test_LIBS := gateway spice-key common

FUZZERS += http-head-fuzz rfb-door-fuzz ws-frame-fuzz spice-door-fuzz
spice-door-fuzz_SRC := server/gateway/spice-door-fuzz.c
spice-door-fuzz_LIBS := gateway common
ws-frame-fuzz_SRC := server/gateway/ws-frame-fuzz.c
ws-frame-fuzz_LIBS := gateway common
http-head-fuzz_SRC := server/gateway/http-head-fuzz.c
http-head-fuzz_LIBS := gateway common
rfb-door-fuzz_SRC := server/gateway/rfb-door-fuzz.c
rfb-door-fuzz_LIBS := gateway common

# a tool of tests/bench/relay.bench; never installed
PROGRAMS += relay-peer
relay-peer_SRC := tests/bench/relay-peer.c
relay-peer_PKG := libssl libcrypto
relay-peer_DIR := bench

# Desktops in browsers need noVNC and nothing else does: where it cannot be had
# that is told once, and tried again with `make web`.
NOVNC := $(BUILD)/share/oriel/web/novnc
EXTRA_ALL += $(BUILD)/novnc.stamp
$(BUILD)/novnc.stamp: data/novnc.sh
	$(call say,WEB,$(NOVNC))
	$(Q)mkdir -p $(@D) && { data/novnc.sh $(NOVNC) && echo there || echo missing; } >$@
.PHONY: web
web:
	$(Q)data/novnc.sh $(NOVNC)
