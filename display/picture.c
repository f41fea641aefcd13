#include "display/picture.h"

#include <png.h>
#include <string.h>

#include "common/fault.h"

struct job {
	uint32_t *pixels;
	unsigned from_width, from_height, width, height;
};

static void job_free(void *data)
{
	struct job *job = data;
	g_free(job->pixels);
	g_free(job);
}

/* Weights of the source columns (or rows) under one target: 8 bits after the
 * point, the two ends only with the part that is covered. */
static uint64_t weight(uint64_t at, uint64_t begin, uint64_t end)
{
	uint64_t from = MAX(at << 8, begin), to = MIN((at + 1) << 8, end);
	return to > from ? to - from : 0;
}

uint32_t *picture_shrink(const uint32_t *pixels, unsigned from_width,
			 unsigned from_height, unsigned width, unsigned height)
{
	uint32_t *out = g_new(uint32_t, (size_t)width * height);
	for (unsigned y = 0; y < height; y++) {
		uint64_t top = ((uint64_t)y * from_height << 8) / height;
		uint64_t bottom =
		    ((uint64_t)(y + 1) * from_height << 8) / height;
		for (unsigned x = 0; x < width; x++) {
			uint64_t left = ((uint64_t)x * from_width << 8) / width;
			uint64_t right =
			    ((uint64_t)(x + 1) * from_width << 8) / width;
			uint64_t sum[3] = {0}, total = 0;
			for (uint64_t sy = top >> 8; sy << 8 < bottom; sy++) {
				uint64_t wy = weight(sy, top, bottom);
				const uint32_t *row = pixels + sy * from_width;
				for (uint64_t sx = left >> 8; sx << 8 < right;
				     sx++) {
					uint64_t w =
					    wy * weight(sx, left, right);
					sum[0] += w * (row[sx] >> 16 & 0xff);
					sum[1] += w * (row[sx] >> 8 & 0xff);
					sum[2] += w * (row[sx] & 0xff);
					total += w;
				}
			}
			for (int c = 0; c < 3; c++)
				sum[c] =
				    total ? (sum[c] + total / 2) / total : 0;
			out[(size_t)y * width + x] =
			    sum[0] << 16 | sum[1] << 8 | sum[2];
		}
	}
	return out;
}

static void work(GTask *task, gpointer object, gpointer data,
		 GCancellable *cancellable)
{
	struct job *job = data;
	if (job->width != job->from_width) {
		uint32_t *small =
		    picture_shrink(job->pixels, job->from_width,
				   job->from_height, job->width, job->height);
		g_free(job->pixels);
		job->pixels = small;
	}
	/* R, G, B in this order for the simplified API */
	size_t count = (size_t)job->width * job->height;
	uint8_t *bytes = (uint8_t *)job->pixels;
	for (size_t i = 0; i < count; i++) {
		uint32_t pixel = job->pixels[i]; /* 3 bytes never overtake 4 */
		bytes[i * 3] = pixel >> 16;
		bytes[i * 3 + 1] = pixel >> 8;
		bytes[i * 3 + 2] = pixel;
	}
	png_image image = {.version = PNG_IMAGE_VERSION,
			   .width = job->width,
			   .height = job->height,
			   .format = PNG_FORMAT_RGB,
			   .flags = PNG_IMAGE_FLAG_FAST};
	png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
	void *png = g_try_malloc(size);
	if (!png ||
	    !png_image_write_to_memory(&image, png, &size, 0, bytes, 0, NULL)) {
		g_free(png);
		g_task_return_error(
		    task, fault_new(FAULT_INTERNAL, NULL,
				    "The picture could not be made: %s.",
				    image.message));
		return;
	}
	g_task_return_pointer(task,
			      g_bytes_new_take(g_realloc(png, size), size),
			      (GDestroyNotify)g_bytes_unref);
}

void picture_take_async(const struct desktop *desktop, int head,
			unsigned max_width, GAsyncReadyCallback callback,
			void *data)
{
	g_autoptr(GTask) task = g_task_new(NULL, NULL, callback, data);
	struct rect area = {0, 0, desktop_width(desktop),
			    desktop_height(desktop)};
	if (head >= 0 && !desktop_head(desktop, head, &area)) {
		g_task_return_error(
		    task, fault_new(FAULT_UNAVAILABLE,
				    "Try again when the machine shows "
				    "a picture there.",
				    "Screen %d is off.", head));
		return;
	}
	struct job *job = g_new0(struct job, 1);
	g_task_set_task_data(task, job, job_free);
	job->from_width = job->width = area.w;
	job->from_height = job->height = area.h;
	if (max_width && max_width < area.w) {
		job->width = max_width;
		job->height = MAX(
		    ((uint64_t)area.h * max_width + area.w / 2) / area.w, 1u);
	}
	job->pixels = g_try_malloc_n((size_t)area.w * area.h, 4);
	if (!job->pixels) {
		g_task_return_error(
		    task, fault_new(FAULT_BUSY, "Give the host more memory.",
				    "There is no memory for a "
				    "picture."));
		return;
	}
	desktop_read(desktop, &area, job->pixels);
	g_task_run_in_thread(task, work);
}

GBytes *picture_take_finish(GAsyncResult *result, unsigned *width,
			    unsigned *height, GError **error)
{
	const struct job *job = g_task_get_task_data(G_TASK(result));
	GBytes *png = g_task_propagate_pointer(G_TASK(result), error);
	if (png) {
		*width = job->width;
		*height = job->height;
	}
	return png;
}
