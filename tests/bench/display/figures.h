/* figures.h - samples, and what is said of them. */
#pragma once

#include <stdlib.h>

#define FIGURES_MAX 8192u

struct figures {
	double of[FIGURES_MAX];
	unsigned count;
};

static inline void figures_add(struct figures *self, double value)
{
	if (self->count < FIGURES_MAX)
		self->of[self->count++] = value;
}

static inline int figures_order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* The value below which `part` of the samples lie; -1 without samples. */
static inline double figures_at(struct figures *self, double part)
{
	if (!self->count)
		return -1;
	qsort(self->of, self->count, sizeof self->of[0], figures_order);
	unsigned i = (unsigned)(part * self->count);
	return self->of[i < self->count ? i : self->count - 1];
}
