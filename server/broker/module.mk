LIBS += broker
broker_SRC := $(wildcard server/broker/*.c)
broker_PKG := gio-unix-2.0 jansson sqlite3 libsoup-3.0
broker_LIBS := common

PROGRAMS += oriel-password
oriel-password_SRC := server/broker/password/oriel-password.c
oriel-password_LIBS := common
oriel-password_PKG := libsodium
oriel-password_DIR := libexec
