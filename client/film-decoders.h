/* film-decoders.h - GStreamer, which decodes films for spice-client-glib, made
 * ready beside everything else.
 *
 * Its first use looks through all plug-ins, which takes a computer that has
 * not done that before 0.5 to 2 s. The library would do so on the main thread
 * when the first display comes; so it is begun while somebody still types who
 * they are, on a thread of its own, and waited for only on threads that
 * nobody sees. Threads: prepare on main; wait on any but main. */
#pragma once

/* The first call begins; further ones do nothing. */
void film_decoders_prepare(void);
/* Returns once the library will find everything ready. */
void film_decoders_wait(void);
