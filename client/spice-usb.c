/* USB devices of this computer in the desktop, by the library's own manager
 * (libusb, libusbredirhost): it knows what is plugged in, takes a device from
 * this computer for as long as the desktop has it, and opens a channel for
 * each. Nothing goes there unasked. */
#include "client/spice-session.h"

#include <string.h>

#include "common/fault.h"

struct spice_usb {
	struct spice_session *session;
	SpiceUsbDeviceManager *manager; /* the library's session's */
	unsigned channels;              /* that the desktop offers */
	GHashTable *busy;               /* ids of what is on its way */
	GCancellable *cancellable;
};

/* What a device that is on its way needs to be told. */
struct moving {
	struct spice_usb *usb; /* valid while not cancelled */
	GCancellable *cancellable;
	char *id, *name;
	gboolean attach;
};

/* What the library calls a disc that it plays; with ")" at its end. */
#define DISC "SPICE CD ("

/* Without a string the library says so by an empty one. */
static char *name_of(SpiceUsbDevice *device)
{
	g_autofree char *all =
	    spice_usb_device_get_description(device, "%1$s %2$s");
	const char *name = g_strstrip(all);
	if (g_str_has_prefix(name, DISC) && g_str_has_suffix(name, ")"))
		return g_strdup_printf("Disc: %.*s",
				       (int)(strlen(name) - strlen(DISC) - 1),
				       name + strlen(DISC));
	if (*name)
		return g_strdup(name);
	g_autofree char *number =
	    spice_usb_device_get_description(device, "%3$s");
	return g_strdup_printf("USB device %s", g_strstrip(number));
}

static char *id_of(SpiceUsbDevice *device)
{
	return spice_usb_device_get_description(device,
						"%4$d-%5$d %3$s %1$s %2$s");
}

static void tell(struct spice_usb *usb)
{
	struct spice_session *self = usb->session;
	if (!self->closed && self->handlers->shares_changed)
		self->handlers->shares_changed(self->data);
}

static void tell_failed(struct spice_usb *usb, const char *id, const char *name,
			const GError *error)
{
	struct spice_session *self = usb->session;
	if (!self->closed && self->handlers->usb_failed)
		self->handlers->usb_failed(id, name, error, self->data);
}

static void on_listed(SpiceUsbDeviceManager *manager, SpiceUsbDevice *device,
		      struct spice_usb *usb)
{
	tell(usb);
}

/* Pulled out while in use, or the other side gave it up. */
static void on_lost(SpiceUsbDeviceManager *manager, SpiceUsbDevice *device,
		    const GError *error, struct spice_usb *usb)
{
	g_autofree char *id = id_of(device), *name = name_of(device);
	tell_failed(usb, id, name, error);
	tell(usb);
}

struct spice_usb *spice_usb_new(struct spice_session *self)
{
	g_autoptr(GError) error = NULL;
	if (self->policy.no_usb)
		return NULL;
	SpiceUsbDeviceManager *manager =
	    spice_usb_device_manager_get(self->spice, &error);
	if (!manager)
		return NULL; /* a library without it: as if there were none */
	struct spice_usb *usb = g_new0(struct spice_usb, 1);
	usb->session = self;
	usb->manager = manager;
	usb->busy =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	usb->cancellable = g_cancellable_new();
	g_object_set(manager, "auto-connect", FALSE, NULL);
	g_signal_connect(manager, "device-added", G_CALLBACK(on_listed), usb);
	g_signal_connect(manager, "device-removed", G_CALLBACK(on_listed), usb);
	g_signal_connect(manager, "device-error", G_CALLBACK(on_lost), usb);
	return usb;
}

void spice_usb_free(struct spice_usb *usb)
{
	if (!usb)
		return;
	g_cancellable_cancel(usb->cancellable);
	g_clear_object(&usb->cancellable);
	g_signal_handlers_disconnect_by_data(usb->manager, usb);
	g_hash_table_unref(usb->busy);
	g_free(usb);
}

void spice_usb_channel(struct spice_session *self, gboolean came)
{
	if (!self->usb)
		return;
	self->usb->channels += came ? 1 : -1u;
	tell(self->usb);
}

static struct session_usb_device *describe(struct spice_usb *usb,
					   SpiceUsbDevice *device)
{
	struct session_usb_device *is = g_new0(struct session_usb_device, 1);
	g_autoptr(GError) error = NULL;
	is->id = id_of(device);
	is->name = name_of(device);
	is->disc =
	    spice_usb_device_manager_is_device_shared_cd(usb->manager, device);
	is->busy = g_hash_table_contains(usb->busy, is->id);
	is->attached =
	    spice_usb_device_manager_is_device_connected(usb->manager, device);
	if (!is->attached && !spice_usb_device_manager_can_redirect_device(
				 usb->manager, device, &error))
		is->cause = g_strdup(error ? error->message
					   : "It cannot be given away");
	return is;
}

enum session_share spice_usb_list(struct session *session, GPtrArray *devices)
{
	struct spice_session *self = (struct spice_session *)session;
	struct spice_usb *usb = self->usb;
	if (self->policy.no_usb)
		return SESSION_SHARE_BARRED;
	if (!usb || usb->channels == 0)
		return SESSION_SHARE_NEVER;
	GPtrArray *all = spice_usb_device_manager_get_devices(usb->manager);
	for (guint i = 0; all && i < all->len; i++)
		g_ptr_array_add(devices, describe(usb, all->pdata[i]));
	if (all)
		g_ptr_array_unref(all);
	return SESSION_SHARE_READY;
}

/* --- there and back ------------------------------------------------- */

static void on_moved(GObject *source, GAsyncResult *result, gpointer data)
{
	struct moving *moving = data;
	g_autoptr(GError) error = NULL;
	SpiceUsbDeviceManager *manager = SPICE_USB_DEVICE_MANAGER(source);
	gboolean done = moving->attach
			    ? spice_usb_device_manager_connect_device_finish(
				  manager, result, &error)
			    : spice_usb_device_manager_disconnect_device_finish(
				  manager, result, &error);
	if (!g_cancellable_is_cancelled(moving->cancellable)) {
		struct spice_usb *usb = moving->usb;
		g_hash_table_remove(usb->busy, moving->id);
		if (!done)
			tell_failed(usb, moving->id, moving->name, error);
		tell(usb);
	}
	g_clear_object(&moving->cancellable);
	g_free(moving->id);
	g_free(moving->name);
	g_free(moving);
}

static void move(struct spice_usb *usb, SpiceUsbDevice *device, const char *id,
		 gboolean attach)
{
	struct moving *moving = g_new0(struct moving, 1);
	moving->usb = usb;
	moving->cancellable = g_object_ref(usb->cancellable);
	moving->id = g_strdup(id);
	moving->name = name_of(device);
	moving->attach = attach;
	g_hash_table_add(usb->busy, g_strdup(id));
	if (attach)
		spice_usb_device_manager_connect_device_async(
		    usb->manager, device, usb->cancellable, on_moved, moving);
	else
		spice_usb_device_manager_disconnect_device_async(
		    usb->manager, device, usb->cancellable, on_moved, moving);
	tell(usb);
}

void spice_usb_attach(struct session *session, const char *id, gboolean attach)
{
	struct spice_usb *usb = ((struct spice_session *)session)->usb;
	if (!usb || g_hash_table_contains(usb->busy, id))
		return;
	GPtrArray *all = spice_usb_device_manager_get_devices(usb->manager);
	for (guint i = 0; all && i < all->len; i++) {
		g_autofree char *is = id_of(all->pdata[i]);
		if (g_strcmp0(is, id) != 0 ||
		    spice_usb_device_manager_is_device_connected(
			usb->manager, all->pdata[i]) == attach)
			continue;
		move(usb, all->pdata[i], id, attach);
		break;
	}
	if (all)
		g_ptr_array_unref(all);
}

gboolean spice_usb_add_disc(struct session *session, const char *path,
			    GError **error)
{
	struct spice_usb *usb = ((struct spice_session *)session)->usb;
	g_autoptr(GError) why = NULL;
	g_autofree char *copy = g_strdup(path);
	if (usb && spice_usb_device_manager_create_shared_cd_device(
		       usb->manager, copy, &why))
		return TRUE;
	fault_set(error, FAULT_INVALID,
		  "Choose a file that can be read and is a disc's image "
		  "(ISO 9660).",
		  "The desktop cannot have this as a disc%s%s", why ? ": " : "",
		  why ? why->message : "");
	return FALSE;
}
