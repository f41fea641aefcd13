/* Both directions walk the same table of fields; a message cannot be written
 * that would not be parsed, and a new message is one struct and one row.
 * Ranges stand in the table too, so handlers get values they can use. */
#include "seamless/wire.h"

#include <string.h>

enum field_kind { F_U8, F_U32, F_I32, F_RECT, F_TEXT, F_BLOB, F_ARRAY };

struct field {
	uint8_t kind;
	uint16_t offset;    /* in struct seam_message */
	uint16_t item;      /* F_ARRAY: bytes of an item */
	uint32_t low, high; /* integers: range; text, blob: bytes; array: count;
			       rect: 1 in low means a side of 0 is refused */
};

struct shape {
	const char *name;
	const struct field *fields;
	uint8_t count;
	bool windowed; /* needs a window id */
};

#define AT(member) (uint16_t) offsetof(struct seam_message, member)
#define U8(m, low, high)                                                       \
	{                                                                      \
		F_U8, AT(m), 0, low, high                                      \
	}
#define U32(m, low, high)                                                      \
	{                                                                      \
		F_U32, AT(m), 0, low, high                                     \
	}
#define ANY32(m)                                                               \
	{                                                                      \
		F_U32, AT(m), 0, 0, UINT32_MAX                                 \
	}
#define I32(m, limit)                                                          \
	{                                                                      \
		F_I32, AT(m), 0, 0, limit                                      \
	}
#define RECT(m, solid)                                                         \
	{                                                                      \
		F_RECT, AT(m), 0, solid, 0                                     \
	}
#define TEXT(m, low, high)                                                     \
	{                                                                      \
		F_TEXT, AT(m), 0, low, high                                    \
	}
#define BLOB(m, low, high)                                                     \
	{                                                                      \
		F_BLOB, AT(m), 0, low, high                                    \
	}
#define ARRAY(m, size, max)                                                    \
	{                                                                      \
		F_ARRAY, AT(m), size, 0, max                                   \
	}
#define SIDE(m, low) U32(m, low, SEAM_SIDE_MAX)

/* positions may lie outside every screen, but not without end */
#define POSITION_MAX 65536
#define PIECE_MAX    (SEAM_MESSAGE_MAX - 1024u)
#define RECTS_MAX    1024u

static const struct field hello[] = {
    ANY32(hello.version), ANY32(hello.capabilities),
    U32(hello.windows_max, 1, SEAM_WINDOWS_MAX),
    U32(hello.pixels_max, 1, SEAM_PIXELS_MAX), TEXT(hello.name, 0, 64)};
static const struct field ping[] = {ANY32(ping.value)};
static const struct field error[] = {U32(error.code, 1, SEAM_FAULTS - 1),
				     TEXT(error.text, 0, 1024)};
static const struct field file_begin[] = {
    U32(file_begin.token, 1, UINT32_MAX),
    U32(file_begin.size, 0, SEAM_FILE_MAX), U8(file_begin.writable, 0, 1),
    TEXT(file_begin.name, 1, 255)};
static const struct field file_data[] = {
    U32(file_data.token, 1, UINT32_MAX),
    U32(file_data.offset, 0, SEAM_FILE_MAX),
    BLOB(file_data.piece, 1, SEAM_FILE_PIECE)};
static const struct field file_end[] = {U32(file_end.token, 1, UINT32_MAX),
					U8(file_end.cancelled, 0, 1)};
static const struct field file_state[] = {
    ANY32(file_state.token), U8(file_state.state, 0, SEAM_FILE_STATES - 1),
    U32(file_state.taken, 0, SEAM_FILE_MAX), TEXT(file_state.text, 0, 4096)};
static const struct field clip_offer[] = {
    U32(clip_offer.kinds, 0, (1u << SEAM_CLIP_KINDS) - 1)};
static const struct field clip_request[] = {
    U32(clip_request.token, 1, UINT32_MAX),
    U8(clip_request.kind, 0, SEAM_CLIP_KINDS - 1),
    U32(clip_request.offset, 0, SEAM_CLIP_MAX),
    U32(clip_request.count, 1, SEAM_CLIP_AHEAD)};
static const struct field clip_data[] = {
    U32(clip_data.token, 1, UINT32_MAX), U32(clip_data.size, 0, SEAM_CLIP_MAX),
    U32(clip_data.offset, 0, SEAM_CLIP_MAX),
    BLOB(clip_data.piece, 0, SEAM_CLIP_PIECE)};
static const struct field win_create[] = {
    U8(win_create.kind, 0, SEAM_KINDS - 1), ANY32(win_create.parent),
    RECT(win_create.area, 1)};
static const struct field win_props[] = {
    TEXT(win_props.title, 0, SEAM_TITLE_MAX),
    TEXT(win_props.app_id, 0, SEAM_APP_ID_MAX),
    TEXT(win_props.role, 0, 128),
    ANY32(win_props.pid),
    ANY32(win_props.transient_for),
    U32(win_props.traits, 0, SEAM_TRAITS_ALL),
    U32(win_props.states, 0, SEAM_STATES_ALL),
    U8(win_props.type, 0, SEAM_TYPE_TYPES - 1),
    U8(win_props.opacity, 0, 255),
    SIDE(win_props.min_width, 0),
    SIDE(win_props.min_height, 0),
    SIDE(win_props.max_width, 0),
    SIDE(win_props.max_height, 0),
    SIDE(win_props.base_width, 0),
    SIDE(win_props.base_height, 0),
    SIDE(win_props.step_width, 0),
    SIDE(win_props.step_height, 0),
    ARRAY(win_props.shape, SEAM_RECT_SIZE, RECTS_MAX),
    ARRAY(win_props.input, SEAM_RECT_SIZE, RECTS_MAX)};
static const struct field picture[] = {
    TEXT(picture.app, 0, SEAM_APP_ID_MAX),
    U32(picture.width, 0, SEAM_ICON_SIDE),
    U32(picture.height, 0, SEAM_ICON_SIDE),
    I32(picture.hot_x, SEAM_ICON_SIDE),
    I32(picture.hot_y, SEAM_ICON_SIDE),
    U32(picture.offset, 0, SEAM_ICON_SIDE *SEAM_ICON_SIDE * 4),
    BLOB(picture.piece, 0, PIECE_MAX)};
static const struct field commit[] = {
    ANY32(commit.generation),
    ANY32(commit.configure),
    U8(commit.refused, 0, 1),
    ANY32(commit.frame),
    SIDE(commit.width, 1),
    SIDE(commit.height, 1),
    U32(commit.scale, SEAM_SCALE_ONE / 4, SEAM_SCALE_ONE * 8),
    SIDE(commit.frame_left, 0),
    SIDE(commit.frame_top, 0),
    SIDE(commit.frame_right, 0),
    SIDE(commit.frame_bottom, 0),
    U8(commit.head, 0, 3),
    SIDE(commit.atlas_x, 0),
    SIDE(commit.atlas_y, 0),
    ARRAY(commit.damage, SEAM_RECT_SIZE, RECTS_MAX)};
static const struct field pixels[] = {
    ANY32(pixels.generation),       ANY32(pixels.frame),
    SIDE(pixels.width, 1),          SIDE(pixels.height, 1),
    RECT(pixels.area, 1),           U8(pixels.encoding, 0, SEAM_ENCODINGS - 1),
    BLOB(pixels.data, 1, PIECE_MAX)};
static const struct field geom_req[] = {ANY32(geom_req.based_on),
					RECT(geom_req.area, 1)};
static const struct field state_req[] = {
    U32(state_req.set, 0, SEAM_STATES_ALL),
    U32(state_req.clear, 0, SEAM_STATES_ALL)};
static const struct field move_start[] = {U8(move_start.edge, 0, 15),
					  U8(move_start.button, 0, 31)};
static const struct field bell[] = {U8(bell.percent, 0, 100)};
static const struct field notify[] = {ANY32(notify.id),
				      U8(notify.urgency, 0, 2),
				      ANY32(notify.timeout_ms),
				      TEXT(notify.app, 0, 128),
				      TEXT(notify.summary, 0, 512),
				      TEXT(notify.body, 0, 8192)};
static const struct field app[] = {
    TEXT(app.id, 1, SEAM_APP_ID_MAX), TEXT(app.name, 1, 256),
    TEXT(app.comment, 0, 1024), TEXT(app.categories, 0, 1024),
    TEXT(app.mime_types, 0, 8192)};
static const struct field app_gone[] = {TEXT(app_gone.id, 1, SEAM_APP_ID_MAX)};
static const struct field launch_result[] = {ANY32(launch_result.token),
					     U8(launch_result.failed, 0, 1),
					     TEXT(launch_result.text, 0, 1024)};
static const struct field launch_window[] = {ANY32(launch_window.token)};
static const struct field launch_over[] = {ANY32(launch_over.token),
					   U8(launch_over.failed, 0, 1),
					   TEXT(launch_over.text, 0, 1024)};
static const struct field outputs[] = {
    ARRAY(outputs.outputs, SEAM_OUTPUT_SIZE, 16)};
static const struct field configure[] = {
    RECT(configure.area, 1), U32(configure.states, 0, SEAM_STATES_ALL)};
static const struct field stack[] = {
    ARRAY(stack.windows, SEAM_WINDOW_SIZE, SEAM_WINDOWS_MAX)};
static const struct field pointer[] = {I32(pointer.x, POSITION_MAX * 256),
				       I32(pointer.y, POSITION_MAX * 256)};
static const struct field button[] = {U8(button.button, 1, 31),
				      U8(button.down, 0, 1)};
static const struct field axis[] = {I32(axis.dx, 120 * 1000),
				    I32(axis.dy, 120 * 1000)};
static const struct field key[] = {U32(key.evdev, 1, 767), U8(key.down, 0, 1),
				   ANY32(key.modifiers)};
static const struct field keymap[] = {
    TEXT(keymap.rules, 0, 64), TEXT(keymap.model, 0, 64),
    TEXT(keymap.layout, 0, 128), TEXT(keymap.variant, 0, 128),
    TEXT(keymap.options, 0, 512)};
static const struct field touch[] = {
    U32(touch.id, 0, 31), U8(touch.phase, 0, 3),
    I32(touch.x, POSITION_MAX * 256), I32(touch.y, POSITION_MAX * 256)};
static const struct field release[] = {ANY32(release.frame)};
static const struct field launch[] = {ANY32(launch.token),
				      TEXT(launch.app, 1, SEAM_APP_ID_MAX),
				      TEXT(launch.files, 0, 32768)};
static const struct field launch_cancel[] = {ANY32(launch_cancel.token)};

#define SHAPE(name, fields, windowed)                                          \
	{                                                                      \
		name, fields, sizeof(fields) / sizeof(fields)[0], windowed     \
	}
#define BARE(name, windowed)                                                   \
	{                                                                      \
		name, NULL, 0, windowed                                        \
	}

static const struct shape shapes[SEAM_TYPES] = {
    [SEAM_HELLO] = SHAPE("HELLO", hello, false),
    [SEAM_PING] = SHAPE("PING", ping, false),
    [SEAM_PONG] = SHAPE("PONG", ping, false),
    [SEAM_ERROR] = SHAPE("ERROR", error, false),
    [SEAM_DESTROY_ACK] = BARE("DESTROY_ACK", true),
    [SEAM_FILE_BEGIN] = SHAPE("FILE_BEGIN", file_begin, false),
    [SEAM_FILE_DATA] = SHAPE("FILE_DATA", file_data, false),
    [SEAM_FILE_END] = SHAPE("FILE_END", file_end, false),
    [SEAM_FILE_STATE] = SHAPE("FILE_STATE", file_state, false),
    [SEAM_CLIP_OFFER] = SHAPE("CLIP_OFFER", clip_offer, false),
    [SEAM_CLIP_REQUEST] = SHAPE("CLIP_REQUEST", clip_request, false),
    [SEAM_CLIP_DATA] = SHAPE("CLIP_DATA", clip_data, false),
    [SEAM_SYNC_BEGIN] = BARE("SYNC_BEGIN", false),
    [SEAM_SYNC_END] = BARE("SYNC_END", false),
    [SEAM_WIN_CREATE] = SHAPE("WIN_CREATE", win_create, true),
    [SEAM_WIN_PROPS] = SHAPE("WIN_PROPS", win_props, true),
    [SEAM_WIN_ICON] = SHAPE("WIN_ICON", picture, true),
    [SEAM_COMMIT] = SHAPE("COMMIT", commit, true),
    [SEAM_GEOM_REQ] = SHAPE("GEOM_REQ", geom_req, true),
    [SEAM_STATE_REQ] = SHAPE("STATE_REQ", state_req, true),
    [SEAM_RAISE_REQ] = BARE("RAISE_REQ", true),
    [SEAM_MOVE_START] = SHAPE("MOVE_START", move_start, true),
    [SEAM_GRAB] = BARE("GRAB", true),
    [SEAM_UNGRAB] = BARE("UNGRAB", true),
    [SEAM_CURSOR] = SHAPE("CURSOR", picture, false),
    [SEAM_BELL] = SHAPE("BELL", bell, false),
    [SEAM_NOTIFY] = SHAPE("NOTIFY", notify, false),
    [SEAM_WIN_DESTROY] = BARE("WIN_DESTROY", true),
    [SEAM_APP] = SHAPE("APP", app, false),
    [SEAM_APP_ICON] = SHAPE("APP_ICON", picture, false),
    [SEAM_APP_GONE] = SHAPE("APP_GONE", app_gone, false),
    [SEAM_LAUNCH_RESULT] = SHAPE("LAUNCH_RESULT", launch_result, false),
    [SEAM_PIXELS] = SHAPE("PIXELS", pixels, true),
    [SEAM_LAUNCH_WINDOW] = SHAPE("LAUNCH_WINDOW", launch_window, true),
    [SEAM_LAUNCH_OVER] = SHAPE("LAUNCH_OVER", launch_over, false),
    [SEAM_OUTPUTS] = SHAPE("OUTPUTS", outputs, false),
    [SEAM_CONFIGURE] = SHAPE("CONFIGURE", configure, true),
    [SEAM_MAP] = BARE("MAP", true),
    [SEAM_UNMAP] = BARE("UNMAP", true),
    [SEAM_STACK] = SHAPE("STACK", stack, false),
    [SEAM_FOCUS] = BARE("FOCUS", false), /* window 0: none of ours */
    [SEAM_CLOSE] = BARE("CLOSE", true),
    [SEAM_POINTER] = SHAPE("POINTER", pointer, true),
    [SEAM_BUTTON] = SHAPE("BUTTON", button, true),
    [SEAM_AXIS] = SHAPE("AXIS", axis, true),
    [SEAM_KEY] = SHAPE("KEY", key, false),
    [SEAM_KEYMAP] = SHAPE("KEYMAP", keymap, false),
    [SEAM_TOUCH] = SHAPE("TOUCH", touch, true),
    [SEAM_RELEASE] = SHAPE("RELEASE", release, true),
    [SEAM_LAUNCH] = SHAPE("LAUNCH", launch, false),
    [SEAM_LAUNCH_CANCEL] = SHAPE("LAUNCH_CANCEL", launch_cancel, false),
};

const char *seam_status_text(enum seam_status status)
{
	switch (status) {
	case SEAM_OK:
		return "all is well";
	case SEAM_MORE:
		return "the message is not complete";
	case SEAM_UNKNOWN:
		return "a message of an unknown type";
	case SEAM_BAD_LENGTH:
		return "a length does not fit its message";
	case SEAM_BAD_VALUE:
		return "a value is out of its range";
	case SEAM_BAD_TEXT:
		return "a text is no valid UTF-8";
	case SEAM_TOO_LARGE:
		return "the message is too large";
	}
	return "?";
}

const char *seam_type_name(unsigned type)
{
	return type < SEAM_TYPES && shapes[type].name ? shapes[type].name : "?";
}

static uint32_t load32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

static void store32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* RFC 3629: no overlong forms, surrogates or values past U+10FFFF; and no
 * NUL, since half of the receivers end strings there. */
static bool text_valid(const uint8_t *p, uint32_t size)
{
	for (uint32_t i = 0; i < size;) {
		uint8_t c = p[i];
		uint32_t more, least, value;
		if (c == 0)
			return false;
		if (c < 0x80) {
			i++;
			continue;
		}
		if (c >= 0xc2 && c <= 0xdf)
			more = 1, least = 0x80, value = c & 0x1fu;
		else if (c >= 0xe0 && c <= 0xef)
			more = 2, least = 0x800, value = c & 0x0fu;
		else if (c >= 0xf0 && c <= 0xf4)
			more = 3, least = 0x10000, value = c & 0x07u;
		else
			return false;
		if (more > size - i - 1)
			return false;
		for (uint32_t k = 1; k <= more; k++) {
			if ((p[i + k] & 0xc0) != 0x80)
				return false;
			value = value << 6 | (p[i + k] & 0x3fu);
		}
		if (value < least || value > 0x10ffff ||
		    (value >= 0xd800 && value <= 0xdfff))
			return false;
		i += more + 1;
	}
	return true;
}

static bool rect_valid(struct seam_rect r, bool solid)
{
	return r.x >= -POSITION_MAX && r.x <= POSITION_MAX &&
	       r.y >= -POSITION_MAX && r.y <= POSITION_MAX &&
	       r.width <= SEAM_SIDE_MAX && r.height <= SEAM_SIDE_MAX &&
	       (!solid || (r.width > 0 && r.height > 0));
}

/* The rules of one field's value, the same in both directions. */
static enum seam_status check(const struct field *f, const void *at)
{
	switch (f->kind) {
	case F_U8: {
		uint8_t v = *(const uint8_t *)at;
		return v >= f->low && v <= f->high ? SEAM_OK : SEAM_BAD_VALUE;
	}
	case F_U32: {
		uint32_t v = *(const uint32_t *)at;
		return v >= f->low && v <= f->high ? SEAM_OK : SEAM_BAD_VALUE;
	}
	case F_I32: {
		int64_t v = *(const int32_t *)at;
		return v >= -(int64_t)f->high && v <= (int64_t)f->high
			   ? SEAM_OK
			   : SEAM_BAD_VALUE;
	}
	case F_RECT:
		return rect_valid(*(const struct seam_rect *)at, f->low)
			   ? SEAM_OK
			   : SEAM_BAD_VALUE;
	case F_TEXT: {
		const struct seam_text *t = at;
		if (t->size < f->low || t->size > f->high)
			return SEAM_BAD_LENGTH;
		return text_valid((const uint8_t *)t->bytes, t->size)
			   ? SEAM_OK
			   : SEAM_BAD_TEXT;
	}
	case F_BLOB: {
		const struct seam_blob *b = at;
		return b->size >= f->low && b->size <= f->high
			   ? SEAM_OK
			   : SEAM_BAD_LENGTH;
	}
	case F_ARRAY: {
		const struct seam_array *a = at;
		if (a->count > f->high)
			return SEAM_BAD_LENGTH;
		for (uint32_t i = 0; f->item == SEAM_RECT_SIZE && i < a->count;
		     i++)
			if (!rect_valid(seam_rect_at(*a, i), true))
				return SEAM_BAD_VALUE;
		for (uint32_t i = 0;
		     f->item == SEAM_OUTPUT_SIZE && i < a->count; i++) {
			struct seam_output o = seam_output_at(*a, i);
			if (!rect_valid(o.area, true) ||
			    !rect_valid(o.work, true) ||
			    o.scale < SEAM_SCALE_ONE / 4 ||
			    o.scale > SEAM_SCALE_ONE * 8)
				return SEAM_BAD_VALUE;
		}
		return SEAM_OK;
	}
	}
	return SEAM_BAD_VALUE;
}

/* Moves one field from the wire into the struct. */
static enum seam_status take(const struct field *f, const uint8_t **p,
			     uint32_t *left, void *at)
{
	static const uint8_t fixed[] = {
	    [F_U8] = 1,   [F_U32] = 4,  [F_I32] = 4,  [F_RECT] = 16,
	    [F_TEXT] = 4, [F_BLOB] = 4, [F_ARRAY] = 4};
	uint32_t need = fixed[f->kind];
	if (*left < need)
		return SEAM_BAD_LENGTH;
	const uint8_t *from = *p;
	*p += need;
	*left -= need;
	uint32_t head = need >= 4 ? load32(from) : 0;
	uint64_t body = 0;
	switch (f->kind) {
	case F_U8:
		*(uint8_t *)at = from[0];
		break;
	case F_U32:
		*(uint32_t *)at = head;
		break;
	case F_I32:
		*(int32_t *)at = (int32_t)head;
		break;
	case F_RECT:
		*(struct seam_rect *)at =
		    seam_rect_at((struct seam_array){from, 1}, 0);
		break;
	case F_TEXT:
		*(struct seam_text *)at =
		    (struct seam_text){(const char *)*p, head};
		body = head;
		break;
	case F_BLOB:
		*(struct seam_blob *)at = (struct seam_blob){*p, head};
		body = head;
		break;
	case F_ARRAY:
		*(struct seam_array *)at = (struct seam_array){*p, head};
		body = (uint64_t)head * f->item;
		break;
	}
	if (body > *left)
		return SEAM_BAD_LENGTH;
	*p += body;
	*left -= (uint32_t)body;
	return check(f, at);
}

enum seam_status seam_parse(const uint8_t *bytes, size_t size,
			    struct seam_message *message, size_t *used)
{
	if (size < SEAM_HEADER_SIZE)
		return SEAM_MORE;
	uint16_t type = (uint16_t)(bytes[0] | bytes[1] << 8);
	uint32_t length = load32(bytes + 4); /* of what follows the header */
	if (length > SEAM_MESSAGE_MAX - SEAM_HEADER_SIZE)
		return SEAM_BAD_LENGTH;
	if (size - SEAM_HEADER_SIZE < length)
		return SEAM_MORE;
	memset(message, 0, sizeof *message);
	message->type = type;
	message->window = load32(bytes + 8);
	message->serial = load32(bytes + 12);
	*used = SEAM_HEADER_SIZE + length;
	if (type >= SEAM_TYPES || !shapes[type].name)
		return SEAM_UNKNOWN;
	const struct shape *shape = &shapes[type];
	if (shape->windowed && message->window == 0)
		return SEAM_BAD_VALUE;
	const uint8_t *p = bytes + SEAM_HEADER_SIZE;
	uint32_t left = length;
	for (unsigned i = 0; i < shape->count; i++) {
		const struct field *f = &shape->fields[i];
		enum seam_status status =
		    take(f, &p, &left, (char *)message + f->offset);
		if (status != SEAM_OK)
			return status;
	}
	/* a later version may append fields; ours are all there */
	return SEAM_OK;
}

struct sink {
	uint8_t *bytes;
	size_t room, used;
	bool full;
};

static void put(struct sink *sink, const void *bytes, size_t size)
{
	if (size > sink->room - sink->used) {
		sink->full = true;
		return;
	}
	if (size)
		memcpy(sink->bytes + sink->used, bytes, size);
	sink->used += size;
}

static void put32(struct sink *sink, uint32_t value)
{
	uint8_t wire[4];
	store32(wire, value);
	put(sink, wire, sizeof wire);
}

static void give(const struct field *f, const void *at, struct sink *sink)
{
	switch (f->kind) {
	case F_U8:
		put(sink, at, 1);
		break;
	case F_U32:
		put32(sink, *(const uint32_t *)at);
		break;
	case F_I32:
		put32(sink, (uint32_t) * (const int32_t *)at);
		break;
	case F_RECT: {
		uint8_t wire[SEAM_RECT_SIZE];
		put(sink, wire,
		    seam_rect_put(wire, *(const struct seam_rect *)at));
		break;
	}
	case F_TEXT: {
		const struct seam_text *t = at;
		put32(sink, t->size);
		put(sink, t->bytes, t->size);
		break;
	}
	case F_BLOB: {
		const struct seam_blob *b = at;
		put32(sink, b->size);
		put(sink, b->bytes, b->size);
		break;
	}
	case F_ARRAY: {
		const struct seam_array *a = at;
		put32(sink, a->count);
		put(sink, a->wire, (size_t)a->count * f->item);
		break;
	}
	}
}

/* Header, four numbers and a name: no HELLO is longer. */
#define HELLO_MAX 256u

size_t seam_seek_hello(const uint8_t *bytes, size_t size, bool *found)
{
	static const uint8_t begin[] = {SEAM_HELLO, 0, 0, 0}, none[4];
	*found = false;
	for (size_t at = 0; at < size; at++) {
		size_t have = size - at;
		if (memcmp(bytes + at, begin,
			   have < sizeof begin ? have : sizeof begin) != 0)
			continue;
		if (have < SEAM_HEADER_SIZE)
			return at;
		uint32_t length = (uint32_t)bytes[at + 4] |
				  (uint32_t)bytes[at + 5] << 8 |
				  (uint32_t)bytes[at + 6] << 16 |
				  (uint32_t)bytes[at + 7] << 24;
		*found = length <= HELLO_MAX &&
			 memcmp(bytes + at + 8, none, sizeof none) == 0;
		if (*found)
			return at;
	}
	return size;
}

enum seam_status seam_write(const struct seam_message *message, uint8_t *bytes,
			    size_t room, size_t *used)
{
	if (message->type >= SEAM_TYPES || !shapes[message->type].name)
		return SEAM_UNKNOWN;
	const struct shape *shape = &shapes[message->type];
	if (shape->windowed && message->window == 0)
		return SEAM_BAD_VALUE;
	struct sink sink = {
	    bytes, room < SEAM_MESSAGE_MAX ? room : SEAM_MESSAGE_MAX, 0, false};
	put32(&sink, message->type); /* flags: none in this version */
	put32(&sink, 0);
	put32(&sink, message->window);
	put32(&sink, message->serial);
	for (unsigned i = 0; i < shape->count; i++) {
		const struct field *f = &shape->fields[i];
		const void *at = (const char *)message + f->offset;
		enum seam_status status = check(f, at);
		if (status != SEAM_OK)
			return status;
		give(f, at, &sink);
	}
	if (sink.full)
		return SEAM_TOO_LARGE;
	store32(bytes + 4, (uint32_t)(sink.used - SEAM_HEADER_SIZE));
	*used = sink.used;
	return SEAM_OK;
}

struct seam_rect seam_rect_at(struct seam_array rects, uint32_t i)
{
	const uint8_t *p = rects.wire + (size_t)i * SEAM_RECT_SIZE;
	return (struct seam_rect){(int32_t)load32(p), (int32_t)load32(p + 4),
				  load32(p + 8), load32(p + 12)};
}

struct seam_output seam_output_at(struct seam_array outputs_, uint32_t i)
{
	const uint8_t *p = outputs_.wire + (size_t)i * SEAM_OUTPUT_SIZE;
	return (struct seam_output){
	    seam_rect_at((struct seam_array){p, 1}, 0),
	    seam_rect_at((struct seam_array){p + SEAM_RECT_SIZE, 1}, 0),
	    load32(p + 2 * SEAM_RECT_SIZE)};
}

uint32_t seam_window_at(struct seam_array windows, uint32_t i)
{
	return load32(windows.wire + (size_t)i * SEAM_WINDOW_SIZE);
}

size_t seam_rect_put(uint8_t *wire, struct seam_rect rect)
{
	store32(wire, (uint32_t)rect.x);
	store32(wire + 4, (uint32_t)rect.y);
	store32(wire + 8, rect.width);
	store32(wire + 12, rect.height);
	return SEAM_RECT_SIZE;
}

size_t seam_output_put(uint8_t *wire, const struct seam_output *output)
{
	seam_rect_put(wire, output->area);
	seam_rect_put(wire + SEAM_RECT_SIZE, output->work);
	store32(wire + 2 * SEAM_RECT_SIZE, output->scale);
	return SEAM_OUTPUT_SIZE;
}

size_t seam_window_put(uint8_t *wire, uint32_t window)
{
	store32(wire, window);
	return SEAM_WINDOW_SIZE;
}

struct seam_text seam_text_of(const char *string, uint32_t limit)
{
	size_t size = string ? strlen(string) : 0;
	if (size > limit) {
		size = limit;
		while (size > 0 && ((uint8_t)string[size] & 0xc0) == 0x80)
			size--;
	}
	return (struct seam_text){string, (uint32_t)size};
}
