LIBS += broker
broker_SRC := $(filter-out %-fuzz.c,$(wildcard server/broker/*.c))
broker_PKG := gio-unix-2.0 jansson sqlite3 libpq libsoup-3.0
broker_LIBS := common

PROGRAMS += oriel-password
oriel-password_SRC := server/broker/password/oriel-password.c
oriel-password_LIBS := common
oriel-password_PKG := libsodium
oriel-password_DIR := libexec

# what oriel-pam and oriel-oidc share
LIBS += answers
answers_SRC := server/broker/helper/answers.c
answers_PKG := gio-unix-2.0 jansson

PROGRAMS += oriel-pam
oriel-pam_SRC := server/broker/password/oriel-pam.c
oriel-pam_LIBS := answers common
oriel-pam_LDLIBS := -lpam
oriel-pam_DIR := libexec

# apart, since it alone needs libcrypto
LIBS += id-token
id-token_SRC := server/broker/oidc/id-token.c
id-token_PKG := gio-unix-2.0 jansson libcrypto

PROGRAMS += oriel-oidc
oriel-oidc_SRC := server/broker/oidc/oriel-oidc.c
oriel-oidc_LIBS := answers id-token common
oriel-oidc_PKG := libsoup-3.0
oriel-oidc_DIR := libexec

TESTS += store-test broker-test totp-test
totp-test_SRC := tests/unit/totp-test.c
totp-test_LIBS := broker engine common
store-test_SRC := tests/unit/store-test.c
store-test_LIBS := broker engine common
broker-test_SRC := tests/unit/broker-test.c
broker-test_LIBS := broker engine common

FUZZERS += id-token-fuzz
id-token-fuzz_SRC := server/broker/oidc/id-token-fuzz.c
id-token-fuzz_LIBS := id-token common
FUZZERS += shape-fuzz http-guard-fuzz
http-guard-fuzz_SRC := server/broker/http-guard-fuzz.c
http-guard-fuzz_LIBS := broker engine common
shape-fuzz_SRC := server/broker/shape-fuzz.c
shape-fuzz_LIBS := broker engine common
