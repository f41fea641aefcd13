PROGRAMS += orield
orield_SRC := $(wildcard server/main/*.c)
orield_DIR := bin
orield_LIBS := broker host gateway engine spice-key common
orield_PKG := gio-unix-2.0 jansson
