#include "seamless/win32/clip-image.h"

#include <stdlib.h>
#include <string.h>
#include <wincodec.h>

#include "seamless/win32/clip-formats.h"
#include "seamless/win32/pixels.h"
#include "seamless/wire.h"

#define PIXELS_MAX (64u << 20)

static IWICImagingFactory *factory(void)
{
	static const GUID class = {
	    0xcacaf262,
	    0x9370,
	    0x4615,
	    {0xa1, 0x3b, 0x9f, 0x55, 0x39, 0xda, 0x4c, 0x0a}};
	static const GUID id = {
	    0xec5ec8a9,
	    0xc395,
	    0x4314,
	    {0x9c, 0x77, 0x54, 0xd7, 0xa9, 0x35, 0xff, 0x70}};
	IWICImagingFactory *made = NULL;
	if (FAILED(CoCreateInstance(&class, NULL, CLSCTX_INPROC_SERVER, &id,
				    (void **)&made)))
		return NULL;
	return made;
}

static const GUID bgra_format = {
    0x6fddc324,
    0x4e03,
    0x4bfe,
    {0xb1, 0x85, 0x3d, 0x77, 0x76, 0x8d, 0xc9, 0x0f}};
static const GUID png_format = {
    0x1b7cfaf4,
    0x713f,
    0x473c,
    {0xbb, 0xcd, 0x61, 0x37, 0x42, 0x5f, 0xae, 0xaf}};

/* ---- to PNG ---- */

/* Palettes, 16 bits, run lengths: GDI knows them all. */
static bool draw_dib(const struct dib *dib, const uint8_t *bytes, uint8_t *bgra)
{
	struct canvas canvas;
	if (!canvas_create(&canvas, dib->width, dib->height))
		return false;
	bool done =
	    StretchDIBits(canvas.dc, 0, 0, dib->width, dib->height, 0, 0,
			  dib->width, dib->height, bytes + dib->header,
			  (const BITMAPINFO *)(const void *)bytes,
			  DIB_RGB_COLORS, SRCCOPY) != 0;
	GdiFlush();
	size_t all = (size_t)dib->width * (size_t)dib->height;
	for (size_t i = 0; done && i < all; i++) {
		uint32_t pixel = canvas.pixels[i] | 0xff000000;
		memcpy(bgra + i * 4, &pixel, 4);
	}
	canvas_destroy(&canvas);
	return done;
}

static bool encode(IWICImagingFactory *wic, IStream *stream, uint8_t *bgra,
		   UINT width, UINT height)
{
	IWICBitmapEncoder *encoder = NULL;
	IWICBitmapFrameEncode *frame = NULL;
	GUID format = bgra_format;
	bool done =
	    SUCCEEDED(IWICImagingFactory_CreateEncoder(wic, &png_format, NULL,
						       &encoder)) &&
	    SUCCEEDED(IWICBitmapEncoder_Initialize(encoder, stream,
						   WICBitmapEncoderNoCache)) &&
	    SUCCEEDED(
		IWICBitmapEncoder_CreateNewFrame(encoder, &frame, NULL)) &&
	    SUCCEEDED(IWICBitmapFrameEncode_Initialize(frame, NULL)) &&
	    SUCCEEDED(IWICBitmapFrameEncode_SetSize(frame, width, height)) &&
	    SUCCEEDED(IWICBitmapFrameEncode_SetPixelFormat(frame, &format)) &&
	    IsEqualGUID(&format, &bgra_format) &&
	    SUCCEEDED(IWICBitmapFrameEncode_WritePixels(
		frame, height, width * 4, width * height * 4, bgra)) &&
	    SUCCEEDED(IWICBitmapFrameEncode_Commit(frame)) &&
	    SUCCEEDED(IWICBitmapEncoder_Commit(encoder));
	if (frame)
		IWICBitmapFrameEncode_Release(frame);
	if (encoder)
		IWICBitmapEncoder_Release(encoder);
	return done;
}

static uint8_t *take_stream(IStream *stream, uint32_t *size)
{
	STATSTG stat;
	HGLOBAL memory;
	uint8_t *bytes = NULL;
	if (FAILED(IStream_Stat(stream, &stat, STATFLAG_NONAME)) ||
	    stat.cbSize.QuadPart == 0 || stat.cbSize.QuadPart > SEAM_CLIP_MAX ||
	    FAILED(GetHGlobalFromStream(stream, &memory)))
		return NULL;
	const void *data = GlobalLock(memory);
	if (data)
		bytes = malloc((size_t)stat.cbSize.QuadPart);
	if (bytes)
		memcpy(bytes, data, (size_t)stat.cbSize.QuadPart);
	if (data)
		GlobalUnlock(memory);
	*size = (uint32_t)stat.cbSize.QuadPart;
	return bytes;
}

uint8_t *image_png_of_dib(const uint8_t *bytes, size_t size, uint32_t *png_size)
{
	struct dib dib;
	if (!dib_parse(bytes, size, &dib))
		return NULL;
	uint8_t *bgra = malloc((size_t)dib.width * (size_t)dib.height * 4);
	IWICImagingFactory *wic = bgra ? factory() : NULL;
	IStream *stream = NULL;
	uint8_t *png = NULL;
	if (!wic || FAILED(CreateStreamOnHGlobal(NULL, TRUE, &stream)))
		goto out;
	if (dib.plain)
		dib_to_bgra(&dib, bytes, bgra);
	else if (!draw_dib(&dib, bytes, bgra))
		goto out;
	if (encode(wic, stream, bgra, (UINT)dib.width, (UINT)dib.height))
		png = take_stream(stream, png_size);
out:
	if (stream)
		IStream_Release(stream);
	if (wic)
		IWICImagingFactory_Release(wic);
	free(bgra);
	return png;
}

/* ---- from PNG ---- */

static uint8_t *decode(IWICImagingFactory *wic, IStream *stream, UINT *width,
		       UINT *height)
{
	IWICBitmapDecoder *decoder = NULL;
	IWICBitmapFrameDecode *frame = NULL;
	IWICFormatConverter *converter = NULL;
	uint8_t *bgra = NULL;
	bool done =
	    SUCCEEDED(IWICImagingFactory_CreateDecoderFromStream(
		wic, stream, NULL, WICDecodeMetadataCacheOnDemand, &decoder)) &&
	    SUCCEEDED(IWICBitmapDecoder_GetFrame(decoder, 0, &frame)) &&
	    SUCCEEDED(IWICBitmapFrameDecode_GetSize(frame, width, height)) &&
	    *width && *height && *width <= SEAM_SIDE_MAX &&
	    *height <= SEAM_SIDE_MAX &&
	    (uint64_t)*width * *height <= PIXELS_MAX &&
	    SUCCEEDED(
		IWICImagingFactory_CreateFormatConverter(wic, &converter)) &&
	    SUCCEEDED(IWICFormatConverter_Initialize(
		converter, (IWICBitmapSource *)frame, &bgra_format,
		WICBitmapDitherTypeNone, NULL, 0, WICBitmapPaletteTypeCustom));
	if (done)
		bgra = malloc((size_t)*width * *height * 4);
	if (bgra &&
	    FAILED(IWICFormatConverter_CopyPixels(
		converter, NULL, *width * 4, *width * *height * 4, bgra))) {
		free(bgra);
		bgra = NULL;
	}
	if (converter)
		IWICFormatConverter_Release(converter);
	if (frame)
		IWICBitmapFrameDecode_Release(frame);
	if (decoder)
		IWICBitmapDecoder_Release(decoder);
	return bgra;
}

uint8_t *image_dib_of_png(const uint8_t *png, size_t size, size_t *dib_size)
{
	HGLOBAL memory = GlobalAlloc(GMEM_MOVEABLE, size);
	IWICImagingFactory *wic = memory ? factory() : NULL;
	IStream *stream = NULL;
	uint8_t *dib = NULL;
	UINT width, height;
	void *to = wic ? GlobalLock(memory) : NULL;
	if (to) {
		memcpy(to, png, size);
		GlobalUnlock(memory);
		/* the stream owns the memory from here */
		if (SUCCEEDED(CreateStreamOnHGlobal(memory, TRUE, &stream)))
			memory = NULL;
	}
	uint8_t *bgra = stream ? decode(wic, stream, &width, &height) : NULL;
	if (bgra)
		dib = dib_make(bgra, (int)width, (int)height, dib_size);
	free(bgra);
	if (stream)
		IStream_Release(stream);
	if (wic)
		IWICImagingFactory_Release(wic);
	if (memory)
		GlobalFree(memory);
	return dib;
}
