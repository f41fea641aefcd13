LIBS += gateway
gateway_SRC := $(filter-out %-fuzz.c,$(wildcard server/gateway/*.c))
gateway_PKG := gio-unix-2.0 jansson libssl libcrypto libseccomp

TESTS += gateway-test
gateway-test_SRC := tests/unit/gateway-test.c
gateway-test_LIBS := gateway common

FUZZERS += http-head-fuzz rfb-door-fuzz
http-head-fuzz_SRC := server/gateway/http-head-fuzz.c
http-head-fuzz_LIBS := gateway common
rfb-door-fuzz_SRC := server/gateway/rfb-door-fuzz.c
rfb-door-fuzz_LIBS := gateway common

# a tool of tests/bench/relay.bench; never installed
PROGRAMS += relay-peer
relay-peer_SRC := tests/bench/relay-peer.c
relay-peer_PKG := libssl libcrypto
relay-peer_DIR := bench
