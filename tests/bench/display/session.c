/* session.c - an RFB viewer's side of the protocol. */
#include "tests/bench/display/session.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CURSOR        -239
#define DESKTOP_SIZE  -223
#define LAST_RECT     -224
#define EXT_SIZE      -308
#define FENCE         -312
#define CONTINUOUS    -313
#define QUALITY_0     -32
#define COMPRESSION_0 -256

struct session {
	struct wire wire;
	struct decoder *decoder;
	bool continuous, offered, updated;
	unsigned counts[SESSION_COUNTS];
};

static void put_u16(uint8_t *to, unsigned value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

static void put_u32(uint8_t *to, uint32_t value)
{
	put_u16(to, value >> 16);
	put_u16(to + 2, value & 0xffff);
}

static void encodings(struct session *self, const char *profile)
{
	int32_t list[16];
	unsigned n = 0;
	bool lossy = strncmp(profile, "tight", 5) == 0;
	if (strcmp(profile, "h264") == 0)
		list[n++] = ENC_H264;
	if (strcmp(profile, "zrle") == 0)
		list[n++] = ENC_ZRLE;
	else if (strcmp(profile, "raw") != 0)
		list[n++] = ENC_TIGHT;
	list[n++] = ENC_COPYRECT;
	list[n++] = ENC_RAW;
	if (lossy || strcmp(profile, "h264") == 0)
		list[n++] = QUALITY_0 + (lossy ? atoi(profile + 5) : 8);
	list[n++] = COMPRESSION_0 + 2;
	list[n++] = CURSOR;
	list[n++] = DESKTOP_SIZE;
	list[n++] = EXT_SIZE;
	list[n++] = LAST_RECT;
	list[n++] = FENCE;
	list[n++] = CONTINUOUS;
	uint8_t message[4 + sizeof list] = {2, 0, 0, (uint8_t)n};
	for (unsigned i = 0; i < n; i++)
		put_u32(message + 4 + 4 * i, (uint32_t)list[i]);
	wire_write(&self->wire, message, 4 + 4 * n);
}

static void ask(struct session *self, bool incremental)
{
	uint8_t message[10] = {3, incremental};
	put_u16(message + 6, decoder_width(self->decoder));
	put_u16(message + 8, decoder_height(self->decoder));
	wire_write(&self->wire, message, sizeof message);
}

static void go_continuous(struct session *self)
{
	uint8_t message[10] = {150, 1};
	put_u16(message + 6, decoder_width(self->decoder));
	put_u16(message + 8, decoder_height(self->decoder));
	wire_write(&self->wire, message, sizeof message);
	self->continuous = true;
}

/* VNC authentication: DES by the password's bytes, each of them mirrored. */
static void answer_challenge(struct wire *wire, const char *ticket_file)
{
	char password[16] = {0};
	uint8_t key[24], challenge[32], answer[32];
	int length;
	FILE *file = fopen(ticket_file, "r");
	if (!file || !fgets(password, sizeof password, file))
		die("no ticket in %s", ticket_file);
	fclose(file);
	password[strcspn(password, "\n")] = 0;
	for (unsigned i = 0; i < 24; i++) {
		uint8_t byte = (uint8_t)password[i % 8], mirrored = 0;
		for (unsigned bit = 0; bit < 8; bit++)
			mirrored |= (uint8_t)((byte >> bit & 1) << (7 - bit));
		key[i] = mirrored;
	}
	wire_read(wire, challenge, 16);
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	EVP_EncryptInit_ex(cipher, EVP_des_ede3_ecb(), NULL, key, NULL);
	EVP_CIPHER_CTX_set_padding(cipher, 0);
	EVP_EncryptUpdate(cipher, answer, &length, challenge, 16);
	EVP_CIPHER_CTX_free(cipher);
	wire_write(wire, answer, 16);
}

/* Not before a first update: Xtigervnc forgets the request for it then. */
static void turn_continuous(struct session *self)
{
	if (self->offered && self->updated && !self->continuous)
		go_continuous(self);
}

struct session *session_open(const char *address, const char *profile,
			     const char *ticket_file)
{
	static const uint8_t format[20] = {0, 0,   0, 0,   32, 24, 0, 1, 0, 255,
					   0, 255, 0, 255, 16, 8,  0, 0, 0, 0};
	struct session *self = calloc(1, sizeof *self);
	uint8_t bytes[256];
	wire_connect(&self->wire, address);
	wire_read(&self->wire, bytes, 12);
	if (memcmp(bytes, "RFB 003.008\n", 12) != 0)
		die("the server speaks %.11s", (char *)bytes);
	wire_write(&self->wire, bytes, 12);
	unsigned types = wire_u8(&self->wire);
	wire_read(&self->wire, bytes, types);
	uint8_t type = ticket_file ? 2 : 1;
	if (!memchr(bytes, type, types))
		die("the server does not offer security type %u", type);
	wire_write(&self->wire, &type, 1);
	if (ticket_file)
		answer_challenge(&self->wire, ticket_file);
	if (wire_u32(&self->wire))
		die("the server lets nobody in");
	wire_write(&self->wire, "\1", 1); /* shared */
	unsigned width = wire_u16(&self->wire), height = wire_u16(&self->wire);
	wire_skip(&self->wire, 16);
	wire_skip(&self->wire, wire_u32(&self->wire));
	self->decoder = decoder_create(&self->wire);
	decoder_resize(self->decoder, width, height);
	wire_write(&self->wire, format, sizeof format);
	encodings(self, profile);
	return self;
}

void session_close(struct session *self)
{
	decoder_destroy(self->decoder);
	wire_close(&self->wire);
	free(self);
}

bool session_ready(struct session *self, int ms)
{
	return wire_ready(&self->wire, ms);
}

uint64_t session_received(struct session *self)
{
	return self->wire.received;
}

const uint32_t *session_pixels(struct session *self)
{
	return decoder_pixels(self->decoder);
}

unsigned session_width(const struct session *self)
{
	return decoder_width(self->decoder);
}

unsigned session_refused(const struct session *self)
{
	return decoder_refused(self->decoder);
}

void session_ask_all(struct session *self)
{
	ask(self, false);
}

const unsigned *session_counts(const struct session *self)
{
	return self->counts;
}

static void resized(struct session *self, unsigned w, unsigned h)
{
	if (w == decoder_width(self->decoder) &&
	    h == decoder_height(self->decoder))
		return;
	decoder_resize(self->decoder, w, h);
	if (self->continuous)
		go_continuous(self);
	ask(self, false);
}

/* What is no pixels; false ends the update. */
static bool pseudo(struct session *self, unsigned w, unsigned h,
		   int32_t encoding)
{
	if (encoding == LAST_RECT)
		return false;
	if (encoding == CURSOR) {
		wire_skip(&self->wire, w * h * 4 + (w + 7) / 8 * h);
	} else if (encoding == EXT_SIZE) {
		unsigned screens = wire_u8(&self->wire);
		wire_skip(&self->wire, 3 + 16 * screens);
		resized(self, w, h);
	} else if (encoding == DESKTOP_SIZE) {
		resized(self, w, h);
	} else {
		die("encoding %d was not asked for", encoding);
	}
	return true;
}

static unsigned kind(int32_t encoding)
{
	static const int32_t known[] = {ENC_RAW, ENC_COPYRECT, ENC_TIGHT,
					ENC_ZRLE, ENC_H264};
	unsigned i = 0;
	while (i < 4 && known[i] != encoding)
		i++;
	return i;
}

static bool update(struct session *self,
		   void (*on_rect)(void *data, unsigned x, unsigned y,
				   unsigned w, unsigned h, int32_t encoding),
		   void *data)
{
	bool pixels = false;
	if (!self->continuous)
		ask(self, true);
	wire_skip(&self->wire, 1);
	unsigned rects = wire_u16(&self->wire);
	for (unsigned i = 0; i < rects; i++) {
		unsigned x = wire_u16(&self->wire), y = wire_u16(&self->wire);
		unsigned w = wire_u16(&self->wire), h = wire_u16(&self->wire);
		int32_t encoding = (int32_t)wire_u32(&self->wire);
		if (decoder_rect(self->decoder, x, y, w, h, encoding)) {
			pixels = true;
			self->counts[kind(encoding)]++;
			self->counts[SESSION_JPEG] =
			    decoder_jpegs(self->decoder);
			on_rect(data, x, y, w, h, encoding);
		} else if (!pseudo(self, w, h, encoding)) {
			break;
		}
	}
	self->updated = true;
	turn_continuous(self);
	return pixels;
}

static void fence(struct session *self)
{
	uint8_t message[9 + 64] = {248};
	wire_skip(&self->wire, 3);
	uint32_t flags = wire_u32(&self->wire);
	unsigned length = wire_u8(&self->wire);
	if (length > 64)
		die("a fence of %u bytes", length);
	wire_read(&self->wire, message + 9, length);
	if (!(flags & 1u << 31))
		return;
	put_u32(message + 4, flags & 7);
	message[8] = (uint8_t)length;
	wire_write(&self->wire, message, 9 + length);
}

bool session_message(struct session *self,
		     void (*on_rect)(void *data, unsigned x, unsigned y,
				     unsigned w, unsigned h, int32_t encoding),
		     void *data)
{
	unsigned type = wire_u8(&self->wire);
	if (type == 0)
		return update(self, on_rect, data);
	if (type == 1) {
		wire_skip(&self->wire, 3);
		wire_skip(&self->wire, 6u * wire_u16(&self->wire));
	} else if (type == 3) {
		wire_skip(&self->wire, 3);
		wire_skip(&self->wire, wire_u32(&self->wire));
	} else if (type == 150) {
		self->offered = true;
		turn_continuous(self);
	} else if (type == 248) {
		fence(self);
	} else if (type != 2) {
		die("message of type %u", type);
	}
	return false;
}

void session_key(struct session *self, uint32_t keysym, bool down)
{
	uint8_t message[8] = {4, down};
	put_u32(message + 4, keysym);
	wire_write(&self->wire, message, sizeof message);
}
