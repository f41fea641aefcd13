/* Which source serves which window. */
#include "seamless/win32/pixels.h"

#include <string.h>

#include "seamless/win32/agent.h"
#include "seamless/win32/late.h"
#include "seamless/win32/log.h"

#define FAILURES_MAX 5
#define TOLD_MAX     64

/* In the order they are tried. */
static const struct pixel_source *const sources[] = {
    &pixels_capture, &pixels_window_dc, &pixels_print, &pixels_thumbnail};
static bool usable[ARRAY_SIZE(sources)];

const struct pixel_source *pixels_source(unsigned index)
{
	return index < ARRAY_SIZE(sources) ? sources[index] : NULL;
}

bool pixels_open(const char *wanted)
{
	bool any = false;
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		if (wanted && strcmp(wanted, sources[i]->name) != 0)
			continue;
		const char *why = sources[i]->open ? sources[i]->open() : NULL;
		usable[i] = !why;
		any |= usable[i];
		log_line("Pictures by %s: %s.", sources[i]->name,
			 why ? why : "yes");
	}
	return any;
}

/* Once for a program and a source, not for each of its windows. */
static void tell(const struct window *window)
{
	static uint32_t told[TOLD_MAX];
	static unsigned n_told;
	const struct pixels *self = &window->pixels;
	uint32_t sum = 2166136261u;
	for (const char *p = window->app_id; *p; p++)
		sum = (sum ^ (uint8_t)*p) * 16777619u;
	sum = (sum ^ (unsigned)self->source) * 16777619u;
	for (unsigned i = 0; i < n_told; i++)
		if (told[i] == sum)
			return;
	if (n_told == TOLD_MAX)
		return;
	told[n_told++] = sum;
	log_line("Pictures of %s by %s%s%s.", window->app_id,
		 sources[self->source]->name, self->why ? ", since " : "",
		 self->why ? self->why : "");
}

void pixels_init(struct pixels *self)
{
	*self = (struct pixels){.source = -1};
}

static void end(struct window *window)
{
	struct pixels *self = &window->pixels;
	if (self->begun && self->source >= 0 && sources[self->source]->end)
		sources[self->source]->end(window, self->state);
	self->begun = false;
	self->state = NULL;
}

void pixels_finish(struct window *window)
{
	end(window);
	window->pixels.source = -1;
}

static bool begin(struct window *window, int index)
{
	struct pixels *self = &window->pixels;
	if (!usable[index])
		return false;
	const char *why = sources[index]->begin
			      ? sources[index]->begin(window, &self->state)
			      : NULL;
	if (why) {
		self->why = why;
		return false;
	}
	self->source = index;
	self->begun = true;
	self->failures = 0;
	tell(window);
	return true;
}

/* From `from` on, the first one that takes the window. */
static bool choose(struct window *window, int from)
{
	end(window);
	for (int i = from; i < (int)ARRAY_SIZE(sources); i++)
		if (begin(window, i))
			return true;
	for (int i = 0; i < from; i++)
		if (begin(window, i))
			return true;
	window->pixels.source = -1;
	return false;
}

static bool one_colour(const struct canvas *c)
{
	uint32_t first = c->pixels[0] & 0xffffff;
	for (int y = 0; y < c->height; y++)
		for (int x = 0; x < c->width; x++)
			if ((c->pixels[y * c->stride + x] & 0xffffff) != first)
				return false;
	return true;
}

/* A plain picture may be right, or be all that this source can see of a
 * window drawn by the graphics card: the next one is asked, once. */
static void doubt(struct window *window, struct canvas *into)
{
	struct pixels *self = &window->pixels;
	int before = self->source;
	self->doubted = true;
	if (into->width * into->height < 64 || !one_colour(into))
		return;
	for (int i = before + 1; i < (int)ARRAY_SIZE(sources); i++) {
		/* DWM's own surface shows what there is */
		if (sources[before] == &pixels_capture)
			break;
		if (!usable[i])
			continue;
		if (sources[i]->in_place) {
			/* its picture comes later; before Windows 8.1 it alone
			 * sees what the graphics card draws */
			if (late_at_least(6, 3, 0) || !choose(window, i))
				continue;
			return;
		}
		if (!choose(window, i))
			continue;
		if (self->source == i &&
		    sources[i]->read(window, self->state, into) ==
			PIXELS_TAKEN &&
		    !one_colour(into)) {
			log_line("Window %u of %s: its picture comes from %s, "
				 "since %s shows nothing of it.",
				 window->peer.id, window->app_id,
				 sources[i]->name, sources[before]->name);
			return;
		}
	}
	if (choose(window, before))
		sources[self->source]->read(window, self->state, into);
}

enum pixels_got pixels_read(struct window *window, struct canvas *into)
{
	struct pixels *self = &window->pixels;
	if (self->source < 0 && !choose(window, 0))
		return PIXELS_FAILED;
	enum pixels_got got =
	    sources[self->source]->read(window, self->state, into);
	if (got == PIXELS_FAILED) {
		if (++self->failures >= FAILURES_MAX) {
			self->why = "the one before fails";
			choose(window, self->source + 1);
		}
		return PIXELS_FAILED;
	}
	if (got == PIXELS_LATER)
		return got;
	self->failures = 0;
	if (!self->doubted)
		doubt(window, into);
	return got;
}

bool pixels_in_place(const struct pixels *self)
{
	return self->source >= 0 && sources[self->source]->in_place;
}

const char *pixels_name(const struct pixels *self)
{
	return self->source < 0 ? "none" : sources[self->source]->name;
}
