# The client: one library with everything but main(), so that tests and fuzz
# targets link what they are about.
CLIENT_RESOURCE := $(BUILD)/gen/client/resource.c
GENERATED += $(CLIENT_RESOURCE)
$(CLIENT_RESOURCE): client/oriel-client.gresource.xml client/style.css $(wildcard icons/*.svg)
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D) && glib-compile-resources --target=$@ --sourcedir=. \
		--generate-source --c-name oriel_client $<

LIBS += client
client_SRC := $(filter-out %-fuzz.c client/main.c,$(wildcard client/*.c))
client_PKG := gtk+-3.0 x11 xext xrandr xcursor libsoup-3.0 jansson libvncclient zlib gio-unix-2.0 \
	spice-client-glib-2.0 gstreamer-1.0 libpulse libpulse-mainloop-glib
client_LDLIBS := -lm

PROGRAMS += oriel-client
oriel-client_SRC := client/main.c $(CLIENT_RESOURCE)
oriel-client_LIBS := client filecopy seamless-wire common
oriel-client_DIR := bin

FUZZERS += http-answer-fuzz rfb-clipboard-fuzz seamless-fuzz spice-tap-fuzz loopback-fuzz
loopback-fuzz_SRC := client/loopback-fuzz.c
loopback-fuzz_LIBS := client filecopy seamless-wire common
spice-tap-fuzz_SRC := client/spice-tap-fuzz.c
spice-tap-fuzz_LIBS := client filecopy seamless-wire common
seamless-fuzz_SRC := client/seamless-fuzz.c
seamless-fuzz_LIBS := client filecopy seamless-wire common
http-answer-fuzz_SRC := client/http-answer-fuzz.c
http-answer-fuzz_LIBS := client filecopy seamless-wire common
rfb-clipboard-fuzz_SRC := client/rfb-clipboard-fuzz.c
rfb-clipboard-fuzz_LIBS := client filecopy seamless-wire common

TESTS += client-test
client-test_SRC := tests/unit/client-test.c
client-test_LIBS := client filecopy seamless-wire common

TESTS += sound-pace-test
sound-pace-test_SRC := tests/unit/sound-pace-test.c
sound-pace-test_LIBS := client common

TESTS += seamless-client-test
seamless-client-test_SRC := tests/unit/seamless-client-test.c
seamless-client-test_LIBS := client filecopy seamless-wire common

TESTS += client-access-test
client-access-test_SRC := tests/unit/client-access-test.c
client-access-test_LIBS := client filecopy seamless-wire common

TESTS += crisp-test
crisp-test_SRC := tests/unit/crisp-test.c
crisp-test_LIBS := client
crisp-test_LDLIBS := -lm
