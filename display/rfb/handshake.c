/* RFC 6143, 7.1 to 7.3: version, security type, authentication, init.
 * Security types: None where nothing is to be proved, else VNC
 * authentication alone. Versions 3.3, 3.7 and 3.8; any other is 3.3, as the
 * RFC wants it. The shared flag is ignored: who may watch is decided before a
 * client gets here. */
#include <gio/gio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/random.h>

#include "display/door.h"
#include "display/rfb/client.h"

enum { SECURITY_NONE = 1, SECURITY_VNC = 2 };

/* The challenge under DES with the password as key, each byte of it mirrored.
 * OpenSSL 3 offers plain DES no more, but triple DES with one key is it. */
static bool vnc_response(const char *ticket, const uint8_t challenge[16],
			 uint8_t response[16])
{
	uint8_t key[24] = {0};
	size_t length = strlen(ticket);
	for (unsigned i = 0; i < 8 && i < length; i++) {
		uint8_t byte = ticket[i], mirrored = 0;
		for (unsigned bit = 0; bit < 8; bit++)
			mirrored |= (byte >> bit & 1) << (7 - bit);
		key[i] = key[i + 8] = key[i + 16] = mirrored;
	}
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int got = 0;
	bool done =
	    context &&
	    EVP_EncryptInit_ex(context, EVP_des_ede3_ecb(), NULL, key, NULL) ==
		1 &&
	    EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
	    EVP_EncryptUpdate(context, response, &got, challenge, 16) == 1 &&
	    got == 16;
	EVP_CIPHER_CTX_free(context);
	OPENSSL_cleanse(key, sizeof key);
	return done;
}

static void refuse(struct rfb_client *self, const char *reason)
{
	uint8_t failed[4] = {0, 0, 0, 1}, length[4];
	rfb_client_send(self, failed, 4);
	if (self->minor >= 8) {
		rfb_put32(length, strlen(reason));
		rfb_client_send(self, length, 4);
		rfb_client_send(self, reason, strlen(reason));
	}
	line_close_after(&self->line, NULL);
	line_flush(&self->line);
}

static void accept_client(struct rfb_client *self)
{
	static const uint8_t ok[4];
	/* 3.3 and 3.7 say nothing where there was nothing to prove */
	if (self->authenticate || self->minor >= 8)
		rfb_client_send(self, ok, 4);
	self->state = RFB_STATE_INIT;
}

static void begin_security(struct rfb_client *self, unsigned type)
{
	if (type == SECURITY_NONE) {
		accept_client(self);
		return;
	}
	if (getrandom(self->challenge, 16, 0) != 16) {
		rfb_client_fail(self, NULL);
		return;
	}
	rfb_client_send(self, self->challenge, 16);
	self->state = RFB_STATE_CHALLENGE;
}

static bool take_version(struct rfb_client *self, const uint8_t *bytes)
{
	unsigned offered = self->authenticate ? SECURITY_VNC : SECURITY_NONE;
	if (memcmp(bytes, "RFB ", 4) != 0 || bytes[7] != '.' ||
	    bytes[11] != '\n') {
		rfb_client_fail(self, "something other than RFB");
		return false;
	}
	for (unsigned i = 4; i < 11; i++)
		if (i != 7 && !g_ascii_isdigit(bytes[i])) {
			rfb_client_fail(self, "something other than RFB");
			return false;
		}
	unsigned minor =
	    (bytes[8] - '0') * 100 + (bytes[9] - '0') * 10 + (bytes[10] - '0');
	self->minor = memcmp(bytes + 4, "003", 3) != 0 ? 8
		      : minor >= 8                     ? 8
		      : minor == 7                     ? 7
						       : 3;
	if (self->minor == 3) {
		uint8_t type[4] = {0, 0, 0, offered};
		rfb_client_send(self, type, 4);
		begin_security(self, offered);
	} else {
		uint8_t types[2] = {1, offered};
		rfb_client_send(self, types, 2);
		self->state = RFB_STATE_SECURITY;
	}
	return true;
}

static bool same_bytes(const uint8_t *a, const uint8_t *b, size_t length)
{
	return CRYPTO_memcmp(a, b, length) == 0;
}

static void take_response(struct rfb_client *self, const uint8_t *bytes)
{
	uint8_t expected[16];
	const char *ticket = door_ticket(rfb_server_door(self->server));
	if (ticket && vnc_response(ticket, self->challenge, expected) &&
	    same_bytes(bytes, expected, 16)) {
		accept_client(self);
		return;
	}
	door_wrong_ticket(rfb_server_door(self->server));
	refuse(self, "The password is wrong.");
}

static void send_server_init(struct rfb_client *self)
{
	struct display *display = rfb_server_display(self->server);
	const struct desktop *desktop = display_desktop(display);
	const char *name = display_name(display);
	uint8_t init[24];
	self->width = desktop_width(desktop);
	self->height = desktop_height(desktop);
	rfb_put16(init, self->width);
	rfb_put16(init + 2, self->height);
	rfb_format_write(&rfb_native_format, init + 4);
	rfb_put32(init + 20, strlen(name));
	rfb_client_send(self, init, sizeof init);
	rfb_client_send(self, name, strlen(name));
}

/* How far away it is, before anything has been sent: the quickest answer. */
static void note_answer(struct rfb_client *self)
{
	gint64 now = g_get_monotonic_time();
	gint64 took = now - self->greeted_us;
	if (!self->greeting_us || took < self->greeting_us)
		self->greeting_us = MAX(took, 1);
	self->greeted_us = now;
}

void rfb_handshake_begin(struct rfb_client *self)
{
	self->greeted_us = g_get_monotonic_time();
	rfb_client_send(self, "RFB 003.008\n", 12);
	line_flush(&self->line);
}

bool rfb_handshake_step(struct rfb_client *self, const uint8_t *bytes,
			size_t length, size_t *used)
{
	static const size_t need[] = {
	    [RFB_STATE_VERSION] = 12,
	    [RFB_STATE_SECURITY] = 1,
	    [RFB_STATE_CHALLENGE] = 16,
	    [RFB_STATE_INIT] = 1,
	};
	if (length < need[self->state])
		return false;
	note_answer(self);
	*used = need[self->state];
	switch (self->state) {
	case RFB_STATE_VERSION:
		return take_version(self, bytes);
	case RFB_STATE_SECURITY:
		if (bytes[0] !=
		    (self->authenticate ? SECURITY_VNC : SECURITY_NONE)) {
			refuse(self, "That security type was not offered.");
			return true;
		}
		begin_security(self, bytes[0]);
		return true;
	case RFB_STATE_CHALLENGE:
		take_response(self, bytes);
		return true;
	default:
		send_server_init(self);
		rfb_client_up(self);
		return true;
	}
}
