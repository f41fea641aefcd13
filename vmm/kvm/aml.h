/* aml.h - writes ACPI Machine Language.
 *
 * Terms are appended to a GByteArray; a package is opened with aml_open(),
 * filled, and closed with aml_close(), which puts its length in. Source: ACPI
 * 6.4, 20 "ACPI Machine Language Specification". Threads: one. */
#pragma once

#include <glib.h>
#include <stdint.h>

typedef GByteArray aml;

void aml_bytes(aml *a, const void *bytes, unsigned count);
void aml_byte(aml *a, uint8_t byte);
/* "PCI0", "_HID" or "\\_SB_": segments of four, joined by dots */
void aml_name_string(aml *a, const char *name);
void aml_integer(aml *a, uint64_t value);
void aml_string(aml *a, const char *text);
void aml_eisa_id(aml *a, const char *id); /* "PNP0A08" */

struct aml_mark {
	unsigned at;
};
struct aml_mark aml_scope(aml *a, const char *name);
struct aml_mark aml_device(aml *a, const char *name);
struct aml_mark aml_method(aml *a, const char *name, unsigned arguments);
/* If (value & (1 << bit)) of one of the method's locals */
struct aml_mark aml_if_bit(aml *a, unsigned local, unsigned bit);
struct aml_mark aml_package(aml *a, unsigned elements);
void aml_close(aml *a, struct aml_mark mark);

/* OperationRegion(region, SystemIO, port, 4 * count), and a field of 32 bits
 * for each of the names */
void aml_io_fields(aml *a, const char *region, unsigned port,
		   const char *const *names, unsigned count);
void aml_store_to_local(aml *a, const char *from, unsigned local);
void aml_store_integer(aml *a, uint64_t value, const char *to);
void aml_notify(aml *a, const char *object, unsigned value);

/* Name(name, ...): the value follows */
void aml_name(aml *a, const char *name);
void aml_name_integer(aml *a, const char *name, uint64_t value);

/* Name(_CRS, ResourceTemplate() {...}): descriptors go between */
struct aml_mark aml_resources(aml *a, const char *name);
void aml_resources_end(aml *a, struct aml_mark mark);
void aml_io(aml *a, unsigned port, unsigned length);
void aml_irq(aml *a, unsigned irq);
void aml_fixed_memory(aml *a, uint32_t base, uint32_t length);
enum aml_space { AML_MEMORY, AML_IO, AML_BUS };
void aml_window(aml *a, enum aml_space space, uint64_t low, uint64_t high);
