#include "vmm/kvm/aml.h"

#include <string.h>

void aml_bytes(aml *a, const void *bytes, unsigned count)
{
	g_byte_array_append(a, bytes, count);
}

void aml_byte(aml *a, uint8_t byte)
{
	g_byte_array_append(a, &byte, 1);
}

static void little(aml *a, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++, value >>= 8)
		aml_byte(a, (uint8_t)value);
}

void aml_name_string(aml *a, const char *name)
{
	unsigned segments;

	if (*name == '\\') {
		aml_byte(a, '\\');
		name++;
	}
	segments = (unsigned)(strlen(name) + 1) / 5;
	if (segments == 2) {
		aml_byte(a, 0x2e);
	} else if (segments > 2) {
		aml_byte(a, 0x2f);
		aml_byte(a, (uint8_t)segments);
	}
	for (unsigned i = 0; i < segments; i++)
		aml_bytes(a, name + 5 * i, 4);
}

void aml_integer(aml *a, uint64_t value)
{
	if (value < 2) {
		aml_byte(a, (uint8_t)value);
	} else if (value <= 0xff) {
		aml_byte(a, 0x0a);
		little(a, value, 1);
	} else if (value <= 0xffff) {
		aml_byte(a, 0x0b);
		little(a, value, 2);
	} else if (value <= 0xffffffff) {
		aml_byte(a, 0x0c);
		little(a, value, 4);
	} else {
		aml_byte(a, 0x0e);
		little(a, value, 8);
	}
}

void aml_string(aml *a, const char *text)
{
	aml_byte(a, 0x0d);
	aml_bytes(a, text, (unsigned)strlen(text) + 1);
}

void aml_eisa_id(aml *a, const char *id)
{
	uint32_t value = (uint32_t)(id[0] - 0x40) << 26 |
			 (uint32_t)(id[1] - 0x40) << 21 |
			 (uint32_t)(id[2] - 0x40) << 16;

	for (unsigned i = 0; i < 4; i++)
		value |= (uint32_t)g_ascii_xdigit_value(id[3 + i])
			 << (12 - 4 * i);
	aml_byte(a, 0x0c);
	little(a, GUINT32_SWAP_LE_BE(value), 4);
}

/* A package's length counts itself; room for the longest form (4 bytes) is
 * kept and given back at the close. */
static struct aml_mark open_package(aml *a)
{
	struct aml_mark mark = {a->len};

	little(a, 0, 4);
	return mark;
}

void aml_close(aml *a, struct aml_mark mark)
{
	unsigned body = a->len - mark.at - 4;
	uint8_t head[4];
	unsigned bytes = body + 1 < 0x40       ? 1
			 : body + 2 < 0x1000   ? 2
			 : body + 3 < 0x100000 ? 3
					       : 4;
	unsigned length = body + bytes;

	if (bytes == 1) {
		head[0] = (uint8_t)length;
	} else {
		head[0] = (uint8_t)((bytes - 1) << 6 | (length & 0xf));
		for (unsigned i = 1; i < bytes; i++)
			head[i] = (uint8_t)(length >> (4 + 8 * (i - 1)));
	}
	memcpy(a->data + mark.at, head, bytes);
	if (bytes < 4)
		g_byte_array_remove_range(a, mark.at + bytes, 4 - bytes);
}

struct aml_mark aml_scope(aml *a, const char *name)
{
	struct aml_mark mark;

	aml_byte(a, 0x10);
	mark = open_package(a);
	aml_name_string(a, name);
	return mark;
}

struct aml_mark aml_device(aml *a, const char *name)
{
	struct aml_mark mark;

	aml_byte(a, 0x5b);
	aml_byte(a, 0x82);
	mark = open_package(a);
	aml_name_string(a, name);
	return mark;
}

struct aml_mark aml_method(aml *a, const char *name, unsigned arguments)
{
	struct aml_mark mark;

	aml_byte(a, 0x14);
	mark = open_package(a);
	aml_name_string(a, name);
	aml_byte(a, (uint8_t)arguments);
	return mark;
}

struct aml_mark aml_if_bit(aml *a, unsigned local, unsigned bit)
{
	struct aml_mark mark;

	aml_byte(a, 0xa0);
	mark = open_package(a);
	aml_byte(a, 0x7b); /* And(local, 1 << bit) */
	aml_byte(a, (uint8_t)(0x60 + local));
	aml_integer(a, 1ull << bit);
	aml_byte(a, 0); /* kept nowhere */
	return mark;
}

void aml_io_fields(aml *a, const char *region, unsigned port,
		   const char *const *names, unsigned count)
{
	struct aml_mark mark;

	aml_byte(a, 0x5b);
	aml_byte(a, 0x80);
	aml_name_string(a, region);
	aml_byte(a, 1); /* SystemIO */
	aml_integer(a, port);
	aml_integer(a, 4 * count);
	aml_byte(a, 0x5b);
	aml_byte(a, 0x81);
	mark = open_package(a);
	aml_name_string(a, region);
	aml_byte(a, 0x43); /* dwords, no lock, the rest of a write is zeroes */
	for (unsigned i = 0; i < count; i++) {
		aml_bytes(a, names[i], 4);
		aml_byte(a, 32);
	}
	aml_close(a, mark);
}

void aml_store_to_local(aml *a, const char *from, unsigned local)
{
	aml_byte(a, 0x70);
	aml_name_string(a, from);
	aml_byte(a, (uint8_t)(0x60 + local));
}

void aml_store_integer(aml *a, uint64_t value, const char *to)
{
	aml_byte(a, 0x70);
	aml_integer(a, value);
	aml_name_string(a, to);
}

void aml_notify(aml *a, const char *object, unsigned value)
{
	aml_byte(a, 0x86);
	aml_name_string(a, object);
	aml_integer(a, value);
}

struct aml_mark aml_package(aml *a, unsigned elements)
{
	struct aml_mark mark;

	aml_byte(a, 0x12);
	mark = open_package(a);
	aml_byte(a, (uint8_t)elements);
	return mark;
}

void aml_name(aml *a, const char *name)
{
	aml_byte(a, 0x08);
	aml_name_string(a, name);
}

void aml_name_integer(aml *a, const char *name, uint64_t value)
{
	aml_name(a, name);
	aml_integer(a, value);
}

struct aml_mark aml_resources(aml *a, const char *name)
{
	struct aml_mark mark;

	aml_name(a, name);
	aml_byte(a, 0x11);
	mark = open_package(a);
	/* the buffer's own size, always as a word: filled in at the end */
	aml_byte(a, 0x0b);
	little(a, 0, 2);
	return mark;
}

void aml_resources_end(aml *a, struct aml_mark mark)
{
	unsigned size;

	aml_byte(a, 0x79);
	aml_byte(a, 0); /* no checksum */
	size = a->len - mark.at - 4 - 3;
	a->data[mark.at + 5] = (uint8_t)size;
	a->data[mark.at + 6] = (uint8_t)(size >> 8);
	aml_close(a, mark);
}

void aml_io(aml *a, unsigned port, unsigned length)
{
	aml_byte(a, 0x47);
	aml_byte(a, 1); /* 16-bit decode */
	little(a, port, 2);
	little(a, port, 2);
	aml_byte(a, 1);
	aml_byte(a, (uint8_t)length);
}

void aml_irq(aml *a, unsigned irq)
{
	aml_byte(a, 0x22); /* edge, active high, exclusive */
	little(a, 1u << irq, 2);
}

void aml_fixed_memory(aml *a, uint32_t base, uint32_t length)
{
	aml_byte(a, 0x86);
	little(a, 9, 2);
	aml_byte(a, 1);
	little(a, base, 4);
	little(a, length, 4);
}

void aml_window(aml *a, enum aml_space space, uint64_t low, uint64_t high)
{
	static const uint8_t type_flags[] = {
	    [AML_MEMORY] = 1, /* read and write, not cacheable */
	    [AML_IO] = 3,     /* entire range */
	    [AML_BUS] = 0,
	};
	unsigned bytes = high > 0xffffffff ? 8 : space == AML_MEMORY ? 4 : 2;

	aml_byte(a, bytes == 8 ? 0x8a : bytes == 4 ? 0x87 : 0x88);
	little(a, 3 + 5 * bytes, 2);
	aml_byte(a, (uint8_t)space);
	aml_byte(a, 0x0c); /* both ends fixed, positive decode */
	aml_byte(a, type_flags[space]);
	little(a, 0, bytes); /* granularity */
	little(a, low, bytes);
	little(a, high, bytes);
	little(a, 0, bytes); /* no translation */
	little(a, high - low + 1, bytes);
}
