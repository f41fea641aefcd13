/* icon.h - an application's icon as pixels.
 *
 * Finds a themed icon's file as the Icon Theme Specification says (the
 * session's theme, then hicolor, then any other that has it), and reads it
 * with gdk-pixbuf. Threads: the main one. Errors: an icon that is not there
 * or cannot be read is none. */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>
#include <stdint.h>

/* Premultiplied BGRA, `side` x `side` or smaller; free with g_free(). */
uint8_t *icon_load(GIcon *icon, int side, uint32_t *width, uint32_t *height);

/* Which themes there are is found out once; after an installation, again. */
void icon_forget_themes(void);
