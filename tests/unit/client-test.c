/* The client's pure parts: addresses, trust, keys, answers, clipboard. */
#include <fcntl.h>
#include <gdk/gdkkeysyms.h>
#include <glib/gstdio.h>
#include <linux/input-event-codes.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/http-answer.h"
#include "client/keymap.h"
#include "client/rfb-clipboard.h"
#include "client/rfb-reader.h"
#include "client/kiosk.h"
#include "client/servers.h"
#include "client/spice-tap.h"
#include "client/stats-overlay.h"
#include "client/trust.h"
#include "client/url.h"
#include "common/fault.h"

static void test_url_good(void)
{
	static const struct {
		const char *text, *host, *pool, *key, *url;
		guint16 port;
	} cases[] = {
	    {"desk.example", "desk.example", NULL, "desk.example:8443",
	     "https://desk.example", 8443},
	    {"  https://Desk.Example/  ", "desk.example", NULL,
	     "desk.example:8443", "https://desk.example", 8443},
	    {"HTTPS://desk:9443/linux", "desk", "linux", "desk:9443",
	     "https://desk:9443", 9443},
	    {"desk/a.b-c_1/", "desk", "a.b-c_1", "desk:8443", "https://desk",
	     8443},
	    {"127.0.0.1:1", "127.0.0.1", NULL, "127.0.0.1:1",
	     "https://127.0.0.1:1", 1},
	    {"[::1]:9000/x", "::1", "x", "[::1]:9000", "https://[::1]:9000",
	     9000},
	    {"::1", "::1", NULL, "[::1]:8443", "https://[::1]", 8443},
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct server_url url;
		g_autoptr(GError) error = NULL;
		gboolean parsed = server_url_parse(cases[i].text, &url, &error);
		g_assert_no_error(error);
		g_assert_true(parsed);
		g_autofree char *key = server_url_key(&url);
		g_autofree char *text = server_url_text(&url);
		g_assert_cmpstr(url.host, ==, cases[i].host);
		g_assert_cmpint(url.port, ==, cases[i].port);
		g_assert_cmpstr(url.pool, ==, cases[i].pool);
		g_assert_cmpstr(key, ==, cases[i].key);
		g_assert_cmpstr(text, ==, cases[i].url);
		server_url_clear(&url);
	}
}

static void test_url_bad(void)
{
	static const char *const cases[] = {
	    "",
	    "   ",
	    "http://desk",
	    "ftp://desk",
	    "desk:0",
	    "desk:65536",
	    "desk:",
	    "desk:x",
	    "user@desk",
	    "https://user:pw@desk",
	    "desk?x",
	    "desk#x",
	    "[::1",
	    "[desk]",
	    "[::1]x",
	    "desk/a/b",
	    "desk/..",
	    "desk/a%20b",
	    "de sk",
	    "desk\n",
	    "-desk",
	    ".desk",
	    "https://",
	    "desk/\xff",
	    "de\"sk",
	    "a:b:c",
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct server_url url;
		g_autoptr(GError) error = NULL;
		/* blanks around an address are forgiven */
		if (strcmp(cases[i], "desk\n") == 0)
			continue;
		if (server_url_parse(cases[i], &url, &error))
			g_error("'%s' was taken for an address", cases[i]);
		g_assert_error(error, FAULT, FAULT_INVALID);
		g_autofree char *remedy = fault_remedy(error);
		g_assert_nonnull(remedy);
		g_assert_null(url.host);
	}
	struct server_url url;
	g_autofree char *giant = g_strnfill(5000, 'a');
	g_assert_false(server_url_parse(giant, &url, NULL));
	g_assert_false(server_url_parse(NULL, &url, NULL));
}

#define HEX_A                                                                  \
	"AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:"                     \
	"AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA"
#define A "SHA256:" HEX_A
#define B                                                                      \
	"SHA256:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:"              \
	"00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF"

static void test_fingerprint_forms(void)
{
	static const char *const same[] = {
	    A,
	    HEX_A,
	    "sha256:" HEX_A,
	    " " A "\n",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	    "SHA256:qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=",
	    "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo",
	};
	for (gsize i = 0; i < G_N_ELEMENTS(same); i++) {
		g_autofree char *normal = trust_normalize(same[i]);
		g_assert_cmpstr(normal, ==, A);
	}
	static const char *const wrong[] = {
	    "",
	    "SHA256:",
	    "AA",
	    A ":AA",
	    "SHA1:AA",
	    "SHA256:" A,
	    "zz:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:"
	    "AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA",
	};
	for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++)
		g_assert_null(trust_normalize(wrong[i]));
	g_assert_null(trust_normalize(NULL));
}

struct store {
	char *folder, *path;
	struct trust *trust;
};

static void store_open(struct store *store, gconstpointer data)
{
	store->folder = g_dir_make_tmp("oriel-trust-XXXXXX", NULL);
	store->path = g_build_filename(store->folder, "sub", "known", NULL);
	store->trust = trust_new(store->path);
}

static void store_close(struct store *store, gconstpointer data)
{
	g_autofree char *lock = g_strconcat(store->path, ".lock", NULL);
	g_autofree char *sub = g_path_get_dirname(store->path);
	trust_free(store->trust);
	g_unlink(lock);
	g_chmod(store->path, 0600);
	g_unlink(store->path);
	g_rmdir(store->path);
	g_rmdir(sub);
	g_rmdir(store->folder);
	g_free(store->path);
	g_free(store->folder);
}

static void test_trust_life(struct store *store, gconstpointer data)
{
	struct trust *trust = store->trust;
	g_autoptr(GError) error = NULL;
	g_autofree char *known = NULL;
	g_assert_cmpint(trust_check(trust, "a:1", A, NULL, &error), ==,
			TRUST_UNKNOWN);
	g_assert_true(trust_remember(trust, "a:1", A, &error));
	g_assert_true(trust_remember(trust, "a:12", B, &error));
	g_assert_cmpint(trust_check(trust, "a:1", A, NULL, &error), ==,
			TRUST_KNOWN);
	g_assert_cmpint(trust_check(trust, "a:1", B, &known, &error), ==,
			TRUST_CHANGED);
	g_assert_cmpstr(known, ==, A);
	g_assert_cmpint(trust_check(trust, "a:2", A, NULL, &error), ==,
			TRUST_UNKNOWN);
	struct stat info;
	g_assert_cmpint(stat(store->path, &info), ==, 0);
	g_assert_cmpint(info.st_mode & 0777, ==, 0600);
	g_assert_true(trust_forget(trust, "a:1", &error));
	g_assert_cmpint(trust_check(trust, "a:1", B, NULL, &error), ==,
			TRUST_UNKNOWN);
	g_assert_cmpint(trust_check(trust, "a:12", B, NULL, &error), ==,
			TRUST_KNOWN);
	g_assert_true(trust_forget(trust, "never:1", &error));
	g_assert_false(trust_remember(trust, "a:1", "nonsense", &error));
	g_assert_error(error, FAULT, FAULT_INVALID);
}

static void test_trust_keeps_strangers(struct store *store, gconstpointer data)
{
	g_autofree char *sub = g_path_get_dirname(store->path);
	g_autofree char *text = NULL;
	g_mkdir(sub, 0700);
	g_file_set_contents(store->path, "# a note\nfuture:1 BLAKE3:xyz 7\n",
			    -1, NULL);
	g_assert_true(trust_remember(store->trust, "a:1", A, NULL));
	g_file_get_contents(store->path, &text, NULL, NULL);
	g_assert_nonnull(strstr(text, "# a note\n"));
	g_assert_nonnull(strstr(text, "future:1 BLAKE3:xyz 7\n"));
	/* a remembered server whose line is damaged is not a new server */
	g_autoptr(GError) error = NULL;
	g_assert_cmpint(trust_check(store->trust, "future:1", A, NULL, &error),
			==, TRUST_ERROR);
	g_assert_error(error, FAULT, FAULT_STORAGE);
}

static void test_trust_unreadable(struct store *store, gconstpointer data)
{
	g_autofree char *sub = g_path_get_dirname(store->path);
	g_autoptr(GError) error = NULL;
	g_mkdir(sub, 0700);
	g_mkdir(store->path, 0700); /* a folder cannot be read, even by root */
	g_assert_cmpint(trust_check(store->trust, "a:1", A, NULL, &error), ==,
			TRUST_ERROR);
	g_assert_error(error, FAULT, FAULT_STORAGE);
	g_clear_error(&error);
	g_assert_false(trust_remember(store->trust, "a:1", A, &error));
	g_assert_error(error, FAULT, FAULT_STORAGE);
}

static void test_servers(void)
{
	g_autofree char *folder = g_dir_make_tmp("oriel-servers-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(folder, "client.ini", NULL);
	g_autofree char *aside = g_strconcat(path, ".damaged", NULL);
	struct servers *servers = servers_new(path);
	servers_used(servers, "https://a", "ada");
	servers_used(servers, "https://[::1]:9", "bob");
	servers_used(servers, "https://a", "eve");
	servers_set_preference(servers, "mode", "fit");
	servers_free(servers);
	servers = servers_new(path);
	g_assert_cmpint(servers_count(servers), ==, 2);
	g_assert_cmpstr(servers_url(servers, 0), ==, "https://a");
	g_assert_cmpstr(servers_user(servers, 0), ==, "eve");
	g_assert_cmpstr(servers_user_of(servers, "https://[::1]:9"), ==, "bob");
	g_autofree char *mode = servers_preference(servers, "mode");
	g_assert_cmpstr(mode, ==, "fit");
	for (int i = 0; i < SERVERS_MAX + 5; i++) {
		g_autofree char *url = g_strdup_printf("https://s%d", i);
		servers_used(servers, url, "x");
	}
	g_assert_cmpint(servers_count(servers), ==, SERVERS_MAX);
	servers_forget(servers, "https://s24");
	g_assert_cmpint(servers_count(servers), ==, SERVERS_MAX - 1);
	servers_free(servers);
	/* a damaged file is put aside, not overwritten */
	g_file_set_contents(path, "\x01 no key file", -1, NULL);
	servers = servers_new(path);
	g_assert_cmpint(servers_count(servers), ==, 0);
	servers_used(servers, "https://a", "ada");
	servers_free(servers);
	g_assert_true(g_file_test(aside, G_FILE_TEST_EXISTS));
	g_unlink(aside);
	g_unlink(path);
	g_rmdir(folder);
}

static void test_keymap(void)
{
	/* facts of PC keyboards, as QEMU numbers them */
	static const struct {
		unsigned evdev, qnum;
	} keys[] = {
	    {KEY_ESC, 0x01},
	    {KEY_A, 0x1e},
	    {KEY_SPACE, 0x39},
	    {KEY_F1, 0x3b},
	    {KEY_F10, 0x44},
	    {KEY_F11, 0x57},
	    {KEY_F12, 0x58},
	    {KEY_102ND, 0x56},
	    {KEY_RO, 0x73},
	    {KEY_YEN, 0x7d},
	    {KEY_KPENTER, 0x9c},
	    {KEY_KP0, 0x52},
	    {KEY_RIGHTCTRL, 0x9d},
	    {KEY_KPSLASH, 0xb5},
	    {KEY_SYSRQ, 0x54},
	    {KEY_RIGHTALT, 0xb8},
	    {KEY_HOME, 0xc7},
	    {KEY_UP, 0xc8},
	    {KEY_LEFT, 0xcb},
	    {KEY_RIGHT, 0xcd},
	    {KEY_DOWN, 0xd0},
	    {KEY_INSERT, 0xd2},
	    {KEY_DELETE, 0xd3},
	    {KEY_PAUSE, 0xc6},
	    {KEY_LEFTMETA, 0xdb},
	    {KEY_COMPOSE, 0xdd},
	    {KEY_MUTE, 0xa0},
	    {KEY_HANGEUL, 0xf2},
	    {KEY_F13, 0x5d},
	    {KEY_NUMLOCK, 0x45},
	    {0, 0},
	    {84, 0},
	    {KEY_MAX, 0},
	    {100000, 0},
	};
	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
		g_assert_cmphex(keymap_qnum(keys[i].evdev), ==, keys[i].qnum);
	/* no two keys share a number */
	unsigned seen[256] = {0};
	for (unsigned evdev = 1; evdev <= KEY_MAX; evdev++) {
		unsigned qnum = keymap_qnum(evdev);
		g_assert_cmpint(qnum, <, 256);
		if (qnum)
			g_assert_cmpint(seen[qnum]++, ==, 0);
	}
	g_assert_cmpint(keymap_source_of("evdev+aliases(qwerty)"), ==,
			KEYMAP_EVDEV);
	g_assert_cmpint(keymap_source_of("xfree86_aliases(qwerty)"), ==,
			KEYMAP_XFREE86);
	g_assert_cmpint(keymap_source_of("digital_vndr/lk"), ==,
			KEYMAP_UNKNOWN);
	g_assert_cmpint(keymap_source_of(NULL), ==, KEYMAP_UNKNOWN);
	g_assert_cmpint(keymap_evdev(KEYMAP_EVDEV, 111), ==, KEY_UP);
	g_assert_cmpint(keymap_evdev(KEYMAP_XFREE86, 98), ==, KEY_UP);
	g_assert_cmpint(keymap_evdev(KEYMAP_XFREE86, 38), ==, KEY_A);
	g_assert_cmpint(keymap_evdev(KEYMAP_UNKNOWN, 38), ==, 0);
	g_assert_cmpint(keymap_evdev(KEYMAP_EVDEV, 3), ==, 0);
	g_assert_cmpint(keymap_evdev(KEYMAP_XFREE86, 254), ==, 0);
	g_assert_cmphex(keymap_qnum_of_keysym(GDK_KEY_Delete), ==, 0xd3);
	g_assert_cmphex(keymap_qnum_of_keysym(GDK_KEY_F2), ==, 0x3c);
	g_assert_cmphex(keymap_qnum_of_keysym(GDK_KEY_F12), ==, 0x58);
	g_assert_cmphex(keymap_qnum_of_keysym(GDK_KEY_a), ==, 0);
}

static enum http_answer_progress parse(const char *text,
				       struct http_answer *answer)
{
	return http_answer_parse(text, strlen(text), answer);
}

static void test_http_answer(void)
{
	struct http_answer answer;
	static const char good[] =
	    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
	    "upgrade:\t oriel-tunnel \r\nOriel-Session: 00ff\r\n\r\nRFB 003";
	g_assert_cmpint(parse(good, &answer), ==, HTTP_ANSWER_DONE);
	g_assert_cmpint(answer.status, ==, 101);
	g_assert_cmpstr(answer.upgrade, ==, "oriel-tunnel");
	g_assert_cmpstr(answer.session, ==, "00ff");
	g_assert_cmpstr(good + answer.head_bytes, ==, "RFB 003");
	/* it may come byte by byte */
	for (gsize i = 0; i < answer.head_bytes; i++) {
		struct http_answer part;
		g_assert_cmpint(http_answer_parse(good, i, &part), ==,
				HTTP_ANSWER_MORE);
	}
	g_assert_cmpint(parse("HTTP/1.1 429 X\r\nRetry-After: 12\r\n"
			      "Content-Length: 7\r\n\r\n",
			      &answer),
			==, HTTP_ANSWER_DONE);
	g_assert_cmpint(answer.retry_after_s, ==, 12);
	g_assert_cmpint(answer.content_length, ==, 7);
	g_assert_cmpint(parse("HTTP/1.1 503\r\n\r\n", &answer), ==,
			HTTP_ANSWER_DONE);
	static const char *const bad[] = {
	    "SSH-2.0",
	    "HTTP/1.0 101 X\r\n\r\n",
	    "HTTP/1.1 1x1 X\r\n\r\n",
	    "HTTP/1.1 099 X\r\n\r\n",
	    "HTTP/1.1 1011\r\n\r\n",
	    "HTTP/1.1 101 X\r\nOriel-Session: XYZ\r\n\r\n",
	    "HTTP/1.1 101 X\r\nOriel-Session:\r\n\r\n",
	    "HTTP/1.1 200 X\r\nContent-Length: -1\r\n\r\n",
	    "HTTP/1.1 101 X\r\nUpgrade: "
	    "0123456789012345678901234567890123456789\r\n\r\n",
	};
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_cmpint(parse(bad[i], &answer), ==, HTTP_ANSWER_BAD);
	g_autofree char *endless = g_strnfill(HTTP_ANSWER_MAX, 'a');
	memcpy(endless, "HTTP/1.1 200 ", 13);
	g_assert_cmpint(parse(endless, &answer), ==, HTTP_ANSWER_BAD);
}

static void test_clipboard(void)
{
	static const char text[] = "Grüße\nzwei ☂\n";
	g_autoptr(GByteArray) out = g_byte_array_new();
	struct rfb_clipboard_message message;
	g_assert_true(rfb_clipboard_put_text(out, text));
	g_assert_true(rfb_clipboard_parse(out->data, out->len, &message));
	g_assert_cmpint(message.action, ==, RFB_CLIPBOARD_PROVIDE);
	g_assert_cmpstr(message.text, ==, text);
	g_free(message.text);
	/* cut short at every byte it is refused, or still valid */
	for (guint i = 0; i < out->len; i++)
		if (rfb_clipboard_parse(out->data, i, &message))
			g_free(message.text);
	g_byte_array_set_size(out, 0);
	rfb_clipboard_put_action(out, RFB_CLIPBOARD_NOTIFY, TRUE);
	g_assert_true(rfb_clipboard_parse(out->data, out->len, &message));
	g_assert_cmpint(message.action, ==, RFB_CLIPBOARD_NOTIFY);
	g_assert_true(message.has_text);
	g_byte_array_set_size(out, 0);
	rfb_clipboard_put_caps(out);
	g_assert_true(rfb_clipboard_parse(out->data, out->len, &message));
	g_assert_cmpint(message.action, ==, RFB_CLIPBOARD_CAPS);
	g_autofree char *giant = g_strnfill(RFB_CLIPBOARD_MAX + 1, 'x');
	g_assert_false(rfb_clipboard_put_text(out, giant));
}

/* What the reader decodes, over a real socket as in a session. */
static void test_reader(void)
{
	int pair[2];
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
	struct rfb_reader *reader = rfb_reader_create(pair[0]);
	g_assert_false(rfb_reader_resize(reader, 0, 5));
	g_assert_false(rfb_reader_resize(reader, 65535, 65535));
	g_assert_true(rfb_reader_resize(reader, 4, 2));
	const guint32 raw[2] = {0x112233, 0x445566};
	const guint8 copy[4] = {0, 1, 0, 1}; /* from 1,1 */
	const guint8 fill[4] = {0x80, 0xaa, 0xbb, 0xcc};
	g_assert_cmpint(write(pair[1], raw, 8), ==, 8);
	g_assert_cmpint(write(pair[1], copy, 4), ==, 4);
	g_assert_cmpint(write(pair[1], fill, 4), ==, 4);
	const struct rfb_rect rects[] = {
	    {.x = 1, .y = 1, .w = 2, .h = 1},
	    {.w = 2, .h = 1, .encoding = 1},
	    {.x = 3, .w = 1, .h = 2, .encoding = 7}};
	for (gsize i = 0; i < G_N_ELEMENTS(rects); i++)
		g_assert_true(rfb_reader_decode(reader, &rects[i]));
	const guint32 *pixels = rfb_reader_pixels(reader);
	g_assert_cmphex(pixels[4 + 1] & 0xffffff, ==, 0x112233);
	g_assert_cmphex(pixels[4 + 2] & 0xffffff, ==, 0x445566);
	g_assert_cmphex(pixels[0] & 0xffffff, ==, 0x112233);
	g_assert_cmphex(pixels[1] & 0xffffff, ==, 0x445566);
	g_assert_cmphex(pixels[3] & 0xffffff, ==, 0xaabbcc);
	/* another size keeps what overlaps */
	g_assert_true(rfb_reader_resize(reader, 2, 3));
	g_assert_cmphex(rfb_reader_pixels(reader)[1] & 0xffffff, ==, 0x445566);
	const struct rfb_rect outside[] = {
	    {.x = 1, .w = 2, .h = 1},
	    {.y = 65535, .w = 1, .h = 65535},
	    {.w = 1, .h = 0, .encoding = 7},
	};
	for (gsize i = 0; i < G_N_ELEMENTS(outside); i++)
		g_assert_false(rfb_reader_decode(reader, &outside[i]));
	g_assert_false(rfb_reader_ended(reader));
	close(pair[1]);
	g_assert_true(rfb_reader_ended(reader));
	guint8 byte;
	g_assert_false(rfb_read_u8(reader, &byte));
	rfb_reader_destroy(reader);
}

static void put32(GByteArray *out, guint32 value)
{
	guint8 bytes[4] = {(guint8)value, (guint8)(value >> 8),
			   (guint8)(value >> 16), (guint8)(value >> 24)};
	g_byte_array_append(out, bytes, 4);
}

static void put_head(GByteArray *out, guint16 type, guint32 size)
{
	guint8 bytes[2] = {(guint8)type, (guint8)(type >> 8)};
	g_byte_array_append(out, bytes, 2);
	put32(out, size);
}

static void put_zero(GByteArray *out, gsize count)
{
	static const guint8 zero[64];
	for (; count > 0; count -= MIN(count, sizeof zero))
		g_byte_array_append(out, zero, (guint)MIN(count, sizeof zero));
}

/* A DRAW_COPY of so many bytes, with a clip of so many rectangles. */
static void put_copy(GByteArray *out, guint8 image, guint32 rects, gsize size)
{
	gsize clip = rects ? 4 + 16 * (gsize)rects : 0;
	guint8 has_rects = rects > 0;
	put_head(out, 304, (guint32)size);
	put_zero(out, 4 + 16);
	g_byte_array_append(out, &has_rects, 1);
	if (rects)
		put32(out, rects);
	put_zero(out, clip ? clip - 4 : 0);
	guint32 at = (guint32)(21 + clip + 4 + 32);
	put32(out, at);
	put_zero(out, 32 + 8);
	g_byte_array_append(out, &image, 1);
	put_zero(out, size - at - 9);
}

static void test_spice_tap(void)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	static const guint8 codec[10] = {[4] = 5, [9] = 3};
	g_byte_array_append(bytes, (const guint8 *)"REDQ", 4);
	put32(bytes, 2);
	put32(bytes, 2);
	put32(bytes, 178);
	put_zero(bytes, 178 + 4);
	put_head(bytes, 101, 0); /* of another kind, and empty */
	put_copy(bytes, 109, 0, 994);
	put_copy(bytes, 105, 3, 1994);
	put_head(bytes, 104, 30); /* COPY_BITS */
	put_zero(bytes, 30);
	put_head(bytes, 122, 50); /* a stream of H.264, number 5 */
	g_byte_array_append(bytes, codec, sizeof codec);
	put_zero(bytes, 40);
	put_head(bytes, 123, 6994);
	put32(bytes, 5);
	put_zero(bytes, 6990);
	for (gsize step = 1; step <= bytes->len; step = step * 3 + 1) {
		struct spice_tap tap = {0};
		char text[80];
		for (gsize at = 0; at < bytes->len; at += step)
			spice_tap_read(&tap, bytes->data + at,
				       MIN(step, bytes->len - at));
		g_assert_false(tap.lost);
		g_assert_cmpfloat(tap.bytes[SPICE_TAP_LZ4], ==, 1000);
		g_assert_cmpfloat(tap.bytes[SPICE_TAP_JPEG], ==, 2000);
		g_assert_cmpfloat(tap.bytes[SPICE_TAP_MOVED], ==, 36);
		g_assert_cmpfloat(tap.bytes[SPICE_TAP_H264], ==, 7000);
		spice_tap_tell(&tap, text, sizeof text);
		g_assert_cmpstr(text, ==, "LZ4 10 %, JPEG 20 %, H.264 70 %");
	}
	struct spice_tap tap = {0};
	spice_tap_read(&tap, "HTTP/1.1 200 OK\r\n\r\n", 19);
	g_assert_true(tap.lost);
}

static void test_rate(void)
{
	static const struct {
		double rate;
		const char *text;
	} cases[] = {{0, "0 B/s"},         {999, "999 B/s"},
		     {1000, "1 kB/s"},     {999400, "999 kB/s"},
		     {999600, "1.0 MB/s"}, {12345678, "12.3 MB/s"}};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = stats_overlay_rate(cases[i].rate);
		g_assert_cmpstr(text, ==, cases[i].text);
	}
}

static void test_kiosk(void)
{
	static const struct {
		const char *text, *fault; /* NULL: good */
	} cases[] = {
	    {"", NULL},
	    {"[kiosk]\nserver = desk/linux\nprotocol = rfb\n", NULL},
	    {"[kiosk]\nsever = desk\n", "unknown key 'sever'"},
	    {"[desk]\nserver = desk\n", "unknown group [desk]"},
	    {"[kiosk]\nserver = http://desk\n", "https://"},
	    {"[kiosk]\nprotocol = rdp\n", "'rdp'"},
	    {"[kiosk]\nfingerprint = abc\n", "'abc'"},
	    {"server = desk\n", "cannot be read"},
	};
	g_autofree char *folder = g_dir_make_tmp("oriel-kiosk-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(folder, "kiosk.conf", NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct app_options options = {0};
		struct kiosk kiosk = {0};
		g_autoptr(GError) error = NULL;
		g_assert_true(
		    g_file_set_contents(path, cases[i].text, -1, NULL));
		gboolean good = kiosk_read(&kiosk, path, &options, &error);
		g_assert_cmpint(good, ==, cases[i].fault == NULL);
		if (error)
			g_assert_nonnull(
			    strstr(error->message, cases[i].fault));
		if (i == 1) {
			g_assert_cmpstr(options.server.pool, ==, "linux");
			g_assert_cmpstr(options.protocol, ==, "rfb");
		}
		server_url_clear(&options.server);
		kiosk_clear(&kiosk);
	}
	g_unlink(path);
	g_rmdir(folder);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/client/url/good", test_url_good);
	g_test_add_func("/client/url/bad", test_url_bad);
	g_test_add_func("/client/trust/forms", test_fingerprint_forms);
	g_test_add("/client/trust/life", struct store, NULL, store_open,
		   test_trust_life, store_close);
	g_test_add("/client/trust/strangers", struct store, NULL, store_open,
		   test_trust_keeps_strangers, store_close);
	g_test_add("/client/trust/unreadable", struct store, NULL, store_open,
		   test_trust_unreadable, store_close);
	g_test_add_func("/client/servers", test_servers);
	g_test_add_func("/client/keymap", test_keymap);
	g_test_add_func("/client/http-answer", test_http_answer);
	g_test_add_func("/client/clipboard", test_clipboard);
	g_test_add_func("/client/reader", test_reader);
	g_test_add_func("/client/spice-tap", test_spice_tap);
	g_test_add_func("/client/rate", test_rate);
	g_test_add_func("/client/kiosk", test_kiosk);
	return g_test_run();
}
