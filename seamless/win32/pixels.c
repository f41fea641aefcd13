/* Which source serves which window. */
#include "seamless/win32/pixels.h"

#include <string.h>

#include "seamless/win32/agent.h"
#include "seamless/win32/log.h"

#define FAILURES_MAX 5

/* In the order they are tried. */
static const struct pixel_source *const sources[] = {&pixels_window_dc,
						     &pixels_print};
static bool usable[ARRAY_SIZE(sources)];

bool pixels_open(const char *wanted)
{
	bool any = false;
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		bool chosen = !wanted || strcmp(wanted, sources[i]->name) == 0;
		usable[i] = chosen && (!sources[i]->open || sources[i]->open());
		any |= usable[i];
	}
	return any;
}

void pixels_init(struct pixels *self)
{
	*self = (struct pixels){.source = -1};
}

static void end(struct window *window)
{
	struct pixels *self = &window->pixels;
	if (self->begun && sources[self->source]->end)
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
	if (sources[index]->begin &&
	    !sources[index]->begin(window, &self->state))
		return false;
	self->source = index;
	self->begun = true;
	self->failures = 0;
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
		if (!usable[i] || !choose(window, i))
			continue;
		if (self->source == i &&
		    sources[i]->read(window, self->state, into) !=
			PIXELS_FAILED &&
		    !one_colour(into)) {
			log_line("Window %u: its picture comes from %s, since "
				 "%s shows nothing of it.",
				 window->peer.id, sources[i]->name,
				 sources[before]->name);
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
		if (++self->failures >= FAILURES_MAX)
			choose(window, self->source + 1);
		return PIXELS_FAILED;
	}
	self->failures = 0;
	if (!self->doubted)
		doubt(window, into);
	return got;
}

const char *pixels_name(const struct pixels *self)
{
	return self->source < 0 ? "none" : sources[self->source]->name;
}
