/* graphics-capture.h - Windows.Graphics.Capture, as far as it is used here.
 *
 * mingw-w64 has no header for it, so its interfaces are declared by what
 * Microsoft documents: identity, order of methods, types. An interface whose
 * later methods nobody calls here is declared up to the last one used. All are
 * COM's: NULL of a pointer only where the call has failed.
 * Source: Windows SDK 10.0.19041, windows.graphics.capture.idl,
 * windows.graphics.capture.interop.h, windows.graphics.directx.direct3d11.
 * interop.h. Threads: the frame pool is free-threaded; its handler is called
 * on a thread of its own. */
#pragma once

#include "seamless/win32/win.h"

#define CAPTURE_ITEM_CLASS L"Windows.Graphics.Capture.GraphicsCaptureItem"
#define CAPTURE_POOL_CLASS                                                     \
	L"Windows.Graphics.Capture.Direct3D11CaptureFramePool"
#define CAPTURE_SESSION_CLASS L"Windows.Graphics.Capture.GraphicsCaptureSession"
#define CAPTURE_BGRA          87 /* DirectXPixelFormat.B8G8R8A8UIntNormalized */

struct capture_size { /* Windows.Graphics.SizeInt32 */
	INT32 width, height;
};
struct capture_token { /* EventRegistrationToken */
	INT64 value;
};

#define UNKNOWN(T)                                                             \
	HRESULT(WINAPI *QueryInterface)(T * self, REFIID id, void **out);      \
	ULONG(WINAPI *AddRef)(T * self);                                       \
	ULONG(WINAPI *Release)(T * self)
#define INSPECTABLE(T)                                                         \
	UNKNOWN(T);                                                            \
	HRESULT(WINAPI *GetIids)(T * self, ULONG * count, IID * *ids);         \
	HRESULT(WINAPI *GetRuntimeClassName)(T * self, void **name);           \
	HRESULT(WINAPI *GetTrustLevel)(T * self, int *level)
#define INTERFACE_OF(T)                                                        \
	struct T {                                                             \
		const struct T##_table *v;                                     \
	}

struct capture_any; /* one of which nothing but its life is of interest */
struct capture_any_table {
	UNKNOWN(struct capture_any);
};
INTERFACE_OF(capture_any);

struct capture_item;
struct capture_item_table { /* IGraphicsCaptureItem */
	INSPECTABLE(struct capture_item);
	HRESULT(WINAPI *get_DisplayName)
	(struct capture_item *self, void **name);
	HRESULT(WINAPI *get_Size)
	(struct capture_item *self, struct capture_size *size);
};
INTERFACE_OF(capture_item);

struct capture_interop;
struct capture_interop_table { /* IGraphicsCaptureItemInterop */
	UNKNOWN(struct capture_interop);
	HRESULT(WINAPI *CreateForWindow)
	(struct capture_interop *self, HWND window, REFIID id, void **item);
};
INTERFACE_OF(capture_interop);

struct capture_frame;
struct capture_frame_table { /* IDirect3D11CaptureFrame */
	INSPECTABLE(struct capture_frame);
	HRESULT(WINAPI *get_Surface)
	(struct capture_frame *self, struct capture_any **surface);
	HRESULT(WINAPI *get_SystemRelativeTime)
	(struct capture_frame *self, INT64 *time);
	HRESULT(WINAPI *get_ContentSize)
	(struct capture_frame *self, struct capture_size *size);
};
INTERFACE_OF(capture_frame);

struct capture_session;
struct capture_session_table { /* IGraphicsCaptureSession */
	INSPECTABLE(struct capture_session);
	HRESULT(WINAPI *StartCapture)(struct capture_session *self);
};
INTERFACE_OF(capture_session);

struct capture_switch;
struct capture_switch_table {
	/* IGraphicsCaptureSession2 (the cursor), ...3 (the border) */
	INSPECTABLE(struct capture_switch);
	HRESULT(WINAPI *get)(struct capture_switch *self, boolean *value);
	HRESULT(WINAPI *put)(struct capture_switch *self, boolean value);
};
INTERFACE_OF(capture_switch);

struct capture_support;
struct capture_support_table { /* IGraphicsCaptureSessionStatics */
	INSPECTABLE(struct capture_support);
	HRESULT(WINAPI *IsSupported)
	(struct capture_support *self, boolean *value);
};
INTERFACE_OF(capture_support);

struct capture_pool;
struct capture_handler;
struct capture_handler_table { /* TypedEventHandler<FramePool, Object> */
	UNKNOWN(struct capture_handler);
	HRESULT(WINAPI *Invoke)
	(struct capture_handler *self, struct capture_pool *sender,
	 void *arguments);
};

struct capture_pool_table { /* IDirect3D11CaptureFramePool */
	INSPECTABLE(struct capture_pool);
	HRESULT(WINAPI *Recreate)
	(struct capture_pool *self, struct capture_any *device, INT32 format,
	 INT32 buffers, struct capture_size size);
	HRESULT(WINAPI *TryGetNextFrame)
	(struct capture_pool *self, struct capture_frame **frame);
	HRESULT(WINAPI *add_FrameArrived)
	(struct capture_pool *self, struct capture_handler *handler,
	 struct capture_token *token);
	HRESULT(WINAPI *remove_FrameArrived)
	(struct capture_pool *self, struct capture_token token);
	HRESULT(WINAPI *CreateCaptureSession)
	(struct capture_pool *self, struct capture_item *item,
	 struct capture_session **session);
};
INTERFACE_OF(capture_pool);

struct capture_pools;
struct capture_pools_table { /* IDirect3D11CaptureFramePoolStatics2 */
	INSPECTABLE(struct capture_pools);
	HRESULT(WINAPI *CreateFreeThreaded)
	(struct capture_pools *self, struct capture_any *device, INT32 format,
	 INT32 buffers, struct capture_size size, struct capture_pool **pool);
};
INTERFACE_OF(capture_pools);

struct capture_access;
struct capture_access_table { /* IDirect3DDxgiInterfaceAccess */
	UNKNOWN(struct capture_access);
	HRESULT(WINAPI *GetInterface)
	(struct capture_access *self, REFIID id, void **out);
};
INTERFACE_OF(capture_access);

struct capture_closable;
struct capture_closable_table { /* Windows.Foundation.IClosable */
	INSPECTABLE(struct capture_closable);
	HRESULT(WINAPI *Close)(struct capture_closable *self);
};
INTERFACE_OF(capture_closable);

#define CAPTURE_ID(name, ...) static const GUID name = {__VA_ARGS__}

CAPTURE_ID(id_capture_item, 0x79c3f95b, 0x31f7, 0x4ec2,
	   {0xa4, 0x64, 0x63, 0x2e, 0xf5, 0xd3, 0x07, 0x60});
CAPTURE_ID(id_capture_interop, 0x3628e81b, 0x3cac, 0x4c60,
	   {0xb7, 0xf4, 0x23, 0xce, 0x0e, 0x0c, 0x33, 0x56});
CAPTURE_ID(id_capture_cursor, 0x2c39ae40, 0x7d2e, 0x5044,
	   {0x80, 0x4e, 0x8b, 0x67, 0x99, 0xd4, 0xcf, 0x9e});
CAPTURE_ID(id_capture_border, 0xf2cdd966, 0x22ae, 0x5ea1,
	   {0x95, 0x96, 0x3a, 0x28, 0x93, 0x44, 0xc3, 0xbe});
CAPTURE_ID(id_capture_support, 0x2224a540, 0x5974, 0x49aa,
	   {0xb2, 0x32, 0x08, 0x82, 0x53, 0x6f, 0x4c, 0xb5});
CAPTURE_ID(id_capture_pools, 0x589b103f, 0x6bbc, 0x5df5,
	   {0xa9, 0x91, 0x02, 0xe2, 0x8b, 0x3b, 0x66, 0xd5});
CAPTURE_ID(id_capture_handler, 0x51a947f7, 0x79cf, 0x5a3e,
	   {0xa3, 0xa5, 0x12, 0x89, 0xcf, 0xa6, 0xdf, 0xe8});
CAPTURE_ID(id_capture_access, 0xa9b3d012, 0x3df2, 0x4ee3,
	   {0xb8, 0xd1, 0x86, 0x95, 0xf4, 0x57, 0xd3, 0xc1});
CAPTURE_ID(id_capture_closable, 0x30d5a829, 0x7fa4, 0x4026,
	   {0x83, 0xbb, 0xd7, 0x5b, 0xae, 0x4e, 0xa9, 0x9e});
CAPTURE_ID(id_agile, 0x94ea2b94, 0xe9cc, 0x49e0,
	   {0xc0, 0xff, 0xee, 0x64, 0xca, 0x8f, 0x5b, 0x90});
CAPTURE_ID(id_dxgi_device, 0x54ec77fa, 0x1377, 0x44e6,
	   {0x8c, 0x32, 0x88, 0xfd, 0x5f, 0x44, 0xc8, 0x4c});
CAPTURE_ID(id_texture, 0x6f15aaf2, 0xd208, 0x4e89,
	   {0x9a, 0xb4, 0x48, 0x95, 0x35, 0xd3, 0x4f, 0x9c});
