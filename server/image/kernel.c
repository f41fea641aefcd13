#include "server/image/kernel.h"

#include <elf.h>
#include <endian.h>
#include <lzma.h>
#include <string.h>

/* header fields, "The Real-Mode Kernel Header" */
#define SETUP_SECTS    0x1f1
#define MAGIC          0x202
#define PAYLOAD_OFFSET 0x248
#define PAYLOAD_LENGTH 0x24c
#define NOTE_PVH       18 /* XEN_ELFNOTE_PHYS32_ENTRY */

static guint32 le32(const guint8 *at)
{
	guint32 value;
	memcpy(&value, at, sizeof value);
	return le32toh(value);
}

static gboolean find_payload(const guint8 *image, gsize length,
			     const guint8 **payload, gsize *size)
{
	if (length < 0x260 || memcmp(image + MAGIC, "HdrS", 4) != 0)
		return FALSE;
	gsize setup = image[SETUP_SECTS] ? image[SETUP_SECTS] : 4;
	gsize at = (setup + 1) * 512;
	guint32 offset = le32(image + PAYLOAD_OFFSET);
	guint32 bytes = le32(image + PAYLOAD_LENGTH);
	if (at > length || offset > length - at || bytes > length - at - offset)
		return FALSE;
	*payload = image + at + offset;
	*size = bytes;
	return TRUE;
}

static GBytes *unpack_xz(const guint8 *payload, gsize size)
{
	static const guint8 MAGIC_XZ[] = {0xfd, '7', 'z', 'X', 'Z', 0};
	if (size < 16 || memcmp(payload, MAGIC_XZ, sizeof MAGIC_XZ) != 0)
		return NULL;
	/* the kernel appends its size, as its decompressor wants it */
	gsize unpacked = le32(payload + size - 4);
	guint8 *out =
	    unpacked && unpacked <= KERNEL_MAX ? g_try_malloc(unpacked) : NULL;
	if (!out)
		return NULL;
	lzma_stream stream = LZMA_STREAM_INIT;
	lzma_ret done = lzma_stream_decoder(&stream, 512u << 20, 0);
	stream.next_in = payload;
	stream.avail_in = size;
	stream.next_out = out;
	stream.avail_out = unpacked;
	while (done == LZMA_OK)
		done = lzma_code(&stream, LZMA_FINISH);
	gsize got = stream.total_out;
	lzma_end(&stream);
	if (done == LZMA_STREAM_END && got == unpacked)
		return g_bytes_new_take(out, got);
	g_free(out);
	return NULL;
}

static gboolean note_is_pvh(const guint8 *notes, gsize size)
{
	for (gsize at = 0; size - at >= sizeof(Elf64_Nhdr);) {
		guint32 name = le32(notes + at), data = le32(notes + at + 4);
		guint32 type = le32(notes + at + 8);
		at += sizeof(Elf64_Nhdr);
		guint64 name_end = ((guint64)name + 3) & ~3ull;
		guint64 data_end = ((guint64)data + 3) & ~3ull;
		if (name_end > size - at || data_end > size - at - name_end)
			return FALSE;
		if (type == NOTE_PVH && name == 4 &&
		    memcmp(notes + at, "Xen", 4) == 0)
			return TRUE;
		at += name_end + data_end;
	}
	return FALSE;
}

static gboolean has_pvh_entry(GBytes *kernel)
{
	gsize size;
	const guint8 *file = g_bytes_get_data(kernel, &size);
	Elf64_Ehdr head;
	if (size < sizeof head || memcmp(file, ELFMAG, SELFMAG) != 0 ||
	    file[EI_CLASS] != ELFCLASS64)
		return FALSE;
	memcpy(&head, file, sizeof head);
	for (unsigned i = 0; i < head.e_phnum; i++) {
		Elf64_Phdr part;
		guint64 step = (guint64)i * sizeof part;
		if (head.e_phoff > size || step > size - head.e_phoff ||
		    sizeof part > size - head.e_phoff - step)
			return FALSE;
		memcpy(&part, file + head.e_phoff + step, sizeof part);
		if (part.p_type == PT_NOTE && part.p_offset <= size &&
		    part.p_filesz <= size - part.p_offset &&
		    note_is_pvh(file + part.p_offset, part.p_filesz))
			return TRUE;
	}
	return FALSE;
}

GBytes *kernel_unpack(const guint8 *image, gsize length)
{
	const guint8 *payload;
	gsize size;
	if (!find_payload(image, length, &payload, &size))
		return NULL;
	g_autoptr(GBytes) kernel = unpack_xz(payload, size);
	return kernel && has_pvh_entry(kernel) ? g_steal_pointer(&kernel)
					       : NULL;
}
