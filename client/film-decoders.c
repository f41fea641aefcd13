#include "client/film-decoders.h"

#include <gst/gst.h>

#include "client/events.h"
#include "common/log.h"

static GMutex lock;
static GCond changed;
static enum { UNUSED, UNDER_WAY, READY } state; /* under lock */

static gpointer look_through(gpointer data)
{
	g_autoptr(GError) error = NULL;
	if (!gst_init_check(NULL, NULL, &error))
		log_debug(NULL, "No films are decoded here: %s",
			  error ? error->message : "GStreamer is not usable");
	g_mutex_lock(&lock);
	state = READY;
	g_cond_broadcast(&changed);
	g_mutex_unlock(&lock);
	events_emit("decoders-ready", NULL);
	return NULL;
}

void film_decoders_prepare(void)
{
	g_mutex_lock(&lock);
	gboolean first = state == UNUSED;
	if (first)
		state = UNDER_WAY;
	g_mutex_unlock(&lock);
	if (first)
		g_thread_unref(
		    g_thread_new("film-decoders", look_through, NULL));
}

void film_decoders_wait(void)
{
	film_decoders_prepare();
	g_mutex_lock(&lock);
	while (state != READY)
		g_cond_wait(&changed, &lock);
	g_mutex_unlock(&lock);
}
