PROGRAMS += oriel
oriel_SRC := $(wildcard server/cli/*.c)
oriel_LIBS := common
oriel_PKG := gio-unix-2.0 jansson libsoup-3.0
oriel_LDLIBS := -lm
oriel_DIR := bin
