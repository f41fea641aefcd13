# For tests and benches: a machine's display played, a viewer's picture taken.
PROGRAMS += display1-player vnc-grab
display1-player_SRC := tests/tools/display1-player.c tests/tools/machine.c tests/tools/screen.c
display1-player_LIBS := display1
vnc-grab_SRC := tests/tools/vnc-grab.c
vnc-grab_PKG := libvncclient
