/* Windows.Graphics.Capture (Windows 10, 1903): DWM hands out the surface that
 * it composes the window from, whatever draws it and whatever covers it, and
 * tells when there is a new one. That call comes on another thread and does no
 * more than post a message to the agent's window, once until it is heeded.
 *
 * One Direct3D device serves all windows, the graphics card's or, in machines
 * without one, WARP, which every Windows has. It can be lost (a driver's
 * update, a reset); then it is made anew with the next window that begins, and
 * those that had it fail and begin again. */
#include "seamless/win32/win.h"

#include <d3d11.h>
#include <stdlib.h>
#include <string.h>

#include "seamless/win32/agent.h"
#include "seamless/win32/graphics-capture.h"
#include "seamless/win32/late.h"
#include "seamless/win32/log.h"

#define BUFFERS     2       /* of a pool: one is drawn, one is read */
#define FIRST_US    1000000 /* to wait for the first picture */
#define FITTING_US  500000  /* for one of the window's new size */
#define SDK_VERSION 7       /* D3D11_SDK_VERSION */

#define RELEASE(object)                                                        \
	do {                                                                   \
		if (object)                                                    \
			(object)->v->Release(object);                          \
		(object) = NULL;                                               \
	} while (0)

/* ---- what all windows share ---- */

static struct {
	HRESULT(WINAPI *factory)(void *name, REFIID id, void **out);
	HRESULT(WINAPI *string)(const WCHAR *text, UINT32 size, void **out);
	HRESULT(WINAPI *free_string)(void *string);
	HRESULT(WINAPI *create)
	(void *adapter, int driver, HMODULE software, UINT flags,
	 const void *levels, UINT count, UINT version, ID3D11Device **device,
	 void *level, ID3D11DeviceContext **context);
	HRESULT(WINAPI *wrap)(void *dxgi, struct capture_any **out);
	struct capture_interop *items;
	struct capture_pools *pools;
	ID3D11Device *device;
	ID3D11DeviceContext *context;
	struct capture_any *wrapped;
} shared;

static HRESULT factory_of(const WCHAR *name, REFIID id, void **out)
{
	void *string = NULL;
	HRESULT result = shared.string(name, (UINT32)wcslen(name), &string);
	if (SUCCEEDED(result))
		result = shared.factory(string, id, out);
	shared.free_string(string);
	return result;
}

static void drop_device(void)
{
	RELEASE(shared.wrapped);
	if (shared.context)
		ID3D11DeviceContext_Release(shared.context);
	if (shared.device)
		ID3D11Device_Release(shared.device);
	shared.context = NULL;
	shared.device = NULL;
}

static bool have_device(void)
{
	static const int drivers[] = {1 /* hardware */, 5 /* WARP */};
	if (shared.device &&
	    ID3D11Device_GetDeviceRemovedReason(shared.device) == S_OK)
		return true;
	drop_device();
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
		void *dxgi = NULL;
		if (FAILED(shared.create(NULL, drivers[i], NULL,
					 D3D11_CREATE_DEVICE_BGRA_SUPPORT, NULL,
					 0, SDK_VERSION, &shared.device, NULL,
					 &shared.context)))
			continue;
		HRESULT result = ID3D11Device_QueryInterface(
		    shared.device, &id_dxgi_device, &dxgi);
		if (SUCCEEDED(result)) {
			result = shared.wrap(dxgi, &shared.wrapped);
			((struct capture_any *)dxgi)
			    ->v->Release((struct capture_any *)dxgi);
		}
		if (SUCCEEDED(result))
			return true;
		drop_device();
	}
	return false;
}

static const char *open_capture(void)
{
	struct capture_support *support = NULL;
	boolean supported = FALSE;
	shared.factory = late_address(L"combase.dll", "RoGetActivationFactory");
	shared.string = late_address(L"combase.dll", "WindowsCreateString");
	shared.free_string =
	    late_address(L"combase.dll", "WindowsDeleteString");
	if (!shared.factory || !shared.string || !shared.free_string)
		return "this Windows has no Windows Runtime";
	if (FAILED(factory_of(CAPTURE_SESSION_CLASS, &id_capture_support,
			      (void **)&support)))
		return "this Windows has no Windows.Graphics.Capture";
	HRESULT result = support->v->IsSupported(support, &supported);
	RELEASE(support);
	if (FAILED(result) || !supported)
		return "Windows says that it is not supported here";
	if (FAILED(factory_of(CAPTURE_ITEM_CLASS, &id_capture_interop,
			      (void **)&shared.items)) ||
	    FAILED(factory_of(CAPTURE_POOL_CLASS, &id_capture_pools,
			      (void **)&shared.pools)))
		return "it takes no windows before Windows 10, 1903";
	shared.create = late_address(L"d3d11.dll", "D3D11CreateDevice");
	shared.wrap =
	    late_address(L"d3d11.dll", "CreateDirect3D11DeviceFromDXGIDevice");
	if (!shared.create || !shared.wrap || !have_device())
		return "there is no Direct3D 11 device, not even in software";
	return NULL;
}

/* ---- "there is a new picture", on another thread ---- */

struct capture_handler {
	const struct capture_handler_table *v;
	LONG references;
	LONG posted; /* a message is on its way */
	HWND window, to;
};

static HRESULT WINAPI handler_query(struct capture_handler *self, REFIID id,
				    void **out)
{
	static const GUID unknown = {0, 0, 0, {0xc0, 0, 0, 0, 0, 0, 0, 0x46}};
	/* agile: Windows may call it from any thread as it is */
	if (!IsEqualGUID(id, &unknown) && !IsEqualGUID(id, &id_agile) &&
	    !IsEqualGUID(id, &id_capture_handler)) {
		*out = NULL;
		return E_NOINTERFACE;
	}
	InterlockedIncrement(&self->references);
	*out = self;
	return S_OK;
}

static ULONG WINAPI handler_ref(struct capture_handler *self)
{
	return (ULONG)InterlockedIncrement(&self->references);
}

static ULONG WINAPI handler_release(struct capture_handler *self)
{
	LONG left = InterlockedDecrement(&self->references);
	if (left == 0)
		free(self);
	return (ULONG)left;
}

static HRESULT WINAPI handler_invoke(struct capture_handler *self,
				     struct capture_pool *sender,
				     void *arguments)
{
	(void)sender, (void)arguments;
	if (InterlockedExchange(&self->posted, 1) == 0)
		PostMessageW(self->to, PIXELS_ARRIVED, (WPARAM)self->window, 0);
	return S_OK;
}

static struct capture_handler *handler_new(HWND window, HWND to)
{
	static const struct capture_handler_table table = {
	    handler_query, handler_ref, handler_release, handler_invoke};
	struct capture_handler *self = calloc(1, sizeof *self);
	if (self)
		*self = (struct capture_handler){&table, 1, 0, window, to};
	return self;
}

/* ---- one window ---- */

struct capture {
	struct capture_item *item;
	struct capture_pool *pool;
	struct capture_session *session;
	struct capture_handler *handler;
	struct capture_token token;
	ID3D11Device *device;     /* the one it began with */
	ID3D11Texture2D *staging; /* the last picture, where it can be read */
	struct capture_size pooled, content, staged;
	int64_t begun_us, unfit_us; /* since when it has another size; 0 not */
};

static void close_object(void *object)
{
	struct capture_any *any = object;
	struct capture_closable *closable = NULL;
	if (any && SUCCEEDED(any->v->QueryInterface(any, &id_capture_closable,
						    (void **)&closable)))
		closable->v->Close(closable);
	RELEASE(closable);
	if (any)
		any->v->Release(any);
}

static void end_capture(struct window *window, void *state)
{
	struct capture *self = state;
	(void)window;
	if (!self)
		return;
	if (self->pool && self->token.value)
		self->pool->v->remove_FrameArrived(self->pool, self->token);
	close_object(self->session);
	close_object(self->pool);
	RELEASE(self->item);
	RELEASE(self->handler);
	if (self->staging)
		ID3D11Texture2D_Release(self->staging);
	if (self->device)
		ID3D11Device_Release(self->device);
	free(self);
}

static bool turn_off(struct capture_session *session, REFIID id)
{
	struct capture_switch *one = NULL;
	HRESULT result = session->v->QueryInterface(session, id, (void **)&one);
	if (SUCCEEDED(result))
		result = one->v->put(one, FALSE);
	RELEASE(one);
	return SUCCEEDED(result);
}

static const char *start(struct capture *self, const struct window *window)
{
	HWND to = window->agent ? window->agent->atlas_window : NULL;
	if (FAILED(shared.items->v->CreateForWindow(shared.items, window->hwnd,
						    &id_capture_item,
						    (void **)&self->item)))
		return "Windows does not capture windows of this kind";
	if (FAILED(self->item->v->get_Size(self->item, &self->pooled)) ||
	    self->pooled.width <= 0 || self->pooled.height <= 0)
		return "the window has no size to capture";
	if (FAILED(shared.pools->v->CreateFreeThreaded(
		shared.pools, shared.wrapped, CAPTURE_BGRA, BUFFERS,
		self->pooled, &self->pool)) ||
	    FAILED(self->pool->v->CreateCaptureSession(self->pool, self->item,
						       &self->session)))
		return "Windows has no room for another capture";
	/* the client has a cursor of its own */
	if (!turn_off(self->session, &id_capture_cursor))
		return "this Windows draws the pointer into captures";
	turn_off(self->session, &id_capture_border); /* Windows 11 */
	self->handler = to ? handler_new(window->hwnd, to) : NULL;
	if (self->handler)
		self->pool->v->add_FrameArrived(self->pool, self->handler,
						&self->token);
	if (FAILED(self->session->v->StartCapture(self->session)))
		return "the capture does not start";
	return NULL;
}

static const char *begin_capture(struct window *window, void **state)
{
	if (!have_device())
		return "the Direct3D device is lost";
	struct capture *self = calloc(1, sizeof *self);
	if (!self)
		return "there is no memory";
	self->begun_us = time_now();
	self->device = shared.device;
	ID3D11Device_AddRef(self->device);
	const char *why = start(self, window);
	if (why)
		end_capture(window, self);
	else
		*state = self;
	return why;
}

static bool want_staging(struct capture *self, ID3D11Texture2D *texture)
{
	D3D11_TEXTURE2D_DESC desc;
	ID3D11Texture2D_GetDesc(texture, &desc);
	if (self->staging && self->staged.width == (INT32)desc.Width &&
	    self->staged.height == (INT32)desc.Height)
		return true;
	if (self->staging)
		ID3D11Texture2D_Release(self->staging);
	self->staging = NULL;
	desc.MipLevels = desc.ArraySize = 1;
	desc.Usage = D3D11_USAGE_STAGING;
	desc.BindFlags = desc.MiscFlags = 0;
	desc.CPUAccessFlags = D3D11_CPU_ACCESS_READ;
	self->staged =
	    (struct capture_size){(INT32)desc.Width, (INT32)desc.Height};
	return SUCCEEDED(ID3D11Device_CreateTexture2D(self->device, &desc, NULL,
						      &self->staging));
}

static bool take_frame(struct capture *self, struct capture_frame *frame)
{
	struct capture_any *surface = NULL;
	struct capture_access *access = NULL;
	ID3D11Texture2D *texture = NULL;
	struct capture_size size = {0};
	bool done = SUCCEEDED(frame->v->get_ContentSize(frame, &size)) &&
		    SUCCEEDED(frame->v->get_Surface(frame, &surface)) &&
		    SUCCEEDED(surface->v->QueryInterface(
			surface, &id_capture_access, (void **)&access)) &&
		    SUCCEEDED(access->v->GetInterface(access, &id_texture,
						      (void **)&texture)) &&
		    want_staging(self, texture);
	if (done) {
		ID3D11DeviceContext_CopyResource(
		    shared.context, (ID3D11Resource *)self->staging,
		    (ID3D11Resource *)texture);
		self->content = size;
	}
	if (texture)
		ID3D11Texture2D_Release(texture);
	RELEASE(access);
	RELEASE(surface);
	/* the next one in the window's new size */
	if (done && size.width > 0 && size.height > 0 &&
	    (size.width != self->pooled.width ||
	     size.height != self->pooled.height)) {
		self->pooled = size;
		self->pool->v->Recreate(self->pool, shared.wrapped,
					CAPTURE_BGRA, BUFFERS, size);
	}
	return done;
}

/* Where the contents begin in what came: some Windows hand out the frame
 * bounds, some all of the window. */
static bool fits(const struct capture *self, const struct window *window,
		 const struct canvas *into, int *x, int *y)
{
	const int *m = window->margin;
	const struct capture_size *c = &self->content;
	*x = *y = 0;
	if (c->width == into->width + m[0] + m[2] &&
	    c->height == into->height + m[1] + m[3]) {
		*x = m[0];
		*y = m[1];
	} else if (c->width != into->width || c->height != into->height) {
		return false;
	}
	return *x + into->width <= self->staged.width &&
	       *y + into->height <= self->staged.height;
}

static enum pixels_got read_capture(struct window *window, void *state,
				    struct canvas *into)
{
	struct capture *self = state;
	struct capture_frame *frame = NULL;
	int64_t now = time_now();
	int x, y;
	if (self->device != shared.device)
		return PIXELS_FAILED; /* it is of a device that was lost */
	if (self->handler)
		InterlockedExchange(&self->handler->posted, 0);
	for (int i = 0; i <= BUFFERS; i++) {
		if (FAILED(self->pool->v->TryGetNextFrame(self->pool, &frame)))
			return PIXELS_FAILED;
		if (!frame)
			break;
		bool taken = take_frame(self, frame);
		close_object(frame);
		if (!taken)
			return PIXELS_FAILED;
	}
	if (!self->staging || !self->content.width)
		return now < self->begun_us + FIRST_US ? PIXELS_LATER
						       : PIXELS_FAILED;
	if (!fits(self, window, into, &x, &y)) {
		if (!self->unfit_us)
			self->unfit_us = now;
		return now < self->unfit_us + FITTING_US ? PIXELS_LATER
							 : PIXELS_FAILED;
	}
	self->unfit_us = 0;
	D3D11_MAPPED_SUBRESOURCE map;
	if (FAILED(ID3D11DeviceContext_Map(shared.context,
					   (ID3D11Resource *)self->staging, 0,
					   D3D11_MAP_READ, 0, &map))) {
		have_device(); /* if it was lost, there is a new one */
		return PIXELS_FAILED;
	}
	for (int row = 0; row < into->height; row++)
		memcpy(into->pixels + (size_t)row * (size_t)into->stride,
		       (const uint8_t *)map.pData +
			   (size_t)(y + row) * map.RowPitch + (size_t)x * 4,
		       (size_t)into->width * 4);
	ID3D11DeviceContext_Unmap(shared.context,
				  (ID3D11Resource *)self->staging, 0);
	return PIXELS_TAKEN;
}

const struct pixel_source pixels_capture = {.name = "graphics-capture",
					    .open = open_capture,
					    .begin = begin_capture,
					    .read = read_capture,
					    .end = end_capture};
