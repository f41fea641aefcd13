#include "server/broker/shape.h"

#include <string.h>

#include "common/fault.h"
#include "common/log.h"

#define LOOK "See /api/v1/openapi.json for what this call takes."

gboolean shape_is_name(const char *text, gsize longest)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
	gsize length = text ? strlen(text) : 0;
	return length > 0 && length <= longest && g_ascii_isalnum(*text) &&
	       strspn(text, allowed) == length;
}

/* jansson descends by recursion, 2048 deep; we stop it far earlier */
static gboolean shallow(const char *text, gsize size)
{
	unsigned depth = 0;
	gboolean quoted = FALSE;
	for (gsize i = 0; i < size; i++) {
		char byte = text[i];
		if (quoted) {
			if (byte == '\\')
				i++;
			else if (byte == '"')
				quoted = FALSE;
		} else if (byte == '"') {
			quoted = TRUE;
		} else if (byte == '{' || byte == '[') {
			if (++depth > SHAPE_DEPTH_MAX)
				return FALSE;
		} else if ((byte == '}' || byte == ']') && depth) {
			depth--;
		}
	}
	return TRUE;
}

json_t *shape_parse(const char *text, gsize size, GError **error)
{
	if (!size)
		return json_object();
	if (!shallow(text, size)) {
		fault_set(error, FAULT_INVALID, LOOK,
			  "The request is nested deeper than %d levels.",
			  SHAPE_DEPTH_MAX);
		return NULL;
	}
	json_error_t parse;
	json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES, &parse);
	if (!value) {
		g_autofree char *quoted =
		    log_quote(parse.text, strlen(parse.text));
		fault_set(error, FAULT_INVALID, LOOK,
			  "The request is not JSON, at line %d column %d: %s.",
			  parse.line, parse.column, quoted);
	} else if (!json_is_object(value)) {
		g_clear_pointer(&value, json_decref);
		fault_set(error, FAULT_INVALID, LOOK,
			  "The request has to be a JSON object.");
	}
	return value;
}

/* ---- checking ---- */

static gboolean wrong(GError **error, const struct shape_field *field,
		      const char *what)
{
	fault_set(error, FAULT_INVALID, LOOK, "Member '%s' must be %s.",
		  field->name, what);
	return FALSE;
}

static gboolean check_range(const struct shape_field *field, gint64 value,
			    const char *unit, GError **error)
{
	if (value >= field->low && value <= field->high)
		return TRUE;
	g_autofree char *what = g_strdup_printf(
	    "%s%" G_GINT64_FORMAT " to %" G_GINT64_FORMAT "%s",
	    *unit ? "" : "from ", field->low, field->high, unit);
	return wrong(error, field, what);
}

static gboolean check_text(const struct shape_field *field, json_t *value,
			   GError **error)
{
	if (!json_is_string(value))
		return wrong(error, field, "a string");
	const char *text = json_string_value(value);
	if (!check_range(field, (gint64)json_string_length(value),
			 " bytes long", error))
		return FALSE;
	if (field->pattern && !shape_is_name(text, (gsize)field->high))
		return wrong(error, field,
			     "a name: small letters, digits, '.', '_' and '-', "
			     "beginning with a letter or digit");
	if (!field->choices)
		return TRUE;
	if (g_strv_contains(field->choices, text))
		return TRUE;
	g_autofree char *list =
	    g_strjoinv(", ", (char **)(void *)field->choices);
	g_autofree char *what = g_strconcat("one of ", list, NULL);
	return wrong(error, field, what);
}

static gboolean check_base64(const struct shape_field *field, json_t *value,
			     GError **error)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789+/";
	if (!json_is_string(value))
		return wrong(error, field, "a string in base64");
	const char *text = json_string_value(value);
	gsize length = json_string_length(value);
	gsize body = strspn(text, digits);
	if (length % 4 || length - body > 2 ||
	    strspn(text + body, "=") != length - body)
		return wrong(error, field, "a string in base64");
	return check_range(field, (gint64)length, " bytes long", error);
}

static gboolean check_field(const struct shape_field *field, json_t *value,
			    GError **error);

static gboolean check_items(const struct shape_field *field, json_t *value,
			    GError **error)
{
	if (!json_is_array(value))
		return wrong(error, field, "an array");
	/* items are as long, at most, as there may be many */
	if ((gint64)json_array_size(value) > field->high)
		return check_range(field, (gint64)json_array_size(value),
				   " items", error);
	struct shape_field item = *field;
	item.type = field->type == SHAPE_STRINGS ? SHAPE_STRING : SHAPE_OBJECT;
	item.nullable = FALSE;
	item.low = 0;
	gsize i;
	json_t *each;
	json_array_foreach(
	    value, i, each) if (!check_field(&item, each, error)) return FALSE;
	if (field->low > (gint64)json_array_size(value))
		return check_range(field, (gint64)json_array_size(value),
				   " items", error);
	return TRUE;
}

static gboolean check_field(const struct shape_field *field, json_t *value,
			    GError **error)
{
	if (field->nullable && json_is_null(value))
		return TRUE;
	switch (field->type) {
	case SHAPE_STRING:
		return check_text(field, value, error);
	case SHAPE_BASE64:
		return check_base64(field, value, error);
	case SHAPE_INTEGER:
		if (!json_is_integer(value))
			return wrong(error, field, "a whole number");
		return check_range(field, json_integer_value(value), "", error);
	case SHAPE_NUMBER:
		return json_is_number(value) || wrong(error, field, "a number");
	case SHAPE_BOOLEAN:
		return json_is_boolean(value) ||
		       wrong(error, field, "true or false");
	case SHAPE_STRINGS:
	case SHAPE_OBJECTS:
		return check_items(field, value, error);
	case SHAPE_OBJECT:
		if (!json_is_object(value))
			return wrong(error, field, "an object");
		return !field->of || shape_check(field->of, value, error);
	}
	return FALSE;
}

gboolean shape_check(const struct shape *shape, json_t *object, GError **error)
{
	const char *key;
	json_t *value;
	json_object_foreach(object, key, value)
	{
		const struct shape_field *field = shape->fields;
		while (field->name && strcmp(field->name, key) != 0)
			field++;
		if (!field->name) {
			g_autofree char *quoted = log_quote(key, strlen(key));
			fault_set(error, FAULT_INVALID, LOOK,
				  "Member %s is not known here.", quoted);
			return FALSE;
		}
		if (!check_field(field, value, error))
			return FALSE;
	}
	for (const struct shape_field *field = shape->fields; field->name;
	     field++) {
		if (field->required && !json_object_get(object, field->name)) {
			fault_set(error, FAULT_INVALID, LOOK,
				  "Member '%s' is missing.", field->name);
			return FALSE;
		}
	}
	return TRUE;
}

/* ---- describing ---- */

static json_t *describe_string(const struct shape_field *field)
{
	json_t *schema = json_pack("{s:s}", "type", "string");
	if (field->type == SHAPE_BASE64)
		json_object_set_new(schema, "format", json_string("byte"));
	if (field->pattern)
		json_object_set_new(schema, "pattern",
				    json_string(field->pattern));
	if (field->choices) {
		json_t *list = json_array();
		for (const char *const *each = field->choices; *each; each++)
			json_array_append_new(list, json_string(*each));
		json_object_set_new(schema, "enum", list);
	}
	return schema;
}

static json_t *describe_object(const struct shape *shape)
{
	if (!shape)
		return json_pack("{s:s}", "type", "object");
	g_autofree char *link =
	    g_strconcat("#/components/schemas/", shape->name, NULL);
	return json_pack("{s:s}", "$ref", link);
}

static void describe_bounds(json_t *schema, const struct shape_field *field)
{
	static const char *const names[][2] = {
	    [SHAPE_STRING] = {"minLength", "maxLength"},
	    [SHAPE_BASE64] = {"minLength", "maxLength"},
	    [SHAPE_INTEGER] = {"minimum", "maximum"},
	    [SHAPE_STRINGS] = {"minItems", "maxItems"},
	    [SHAPE_OBJECTS] = {"minItems", "maxItems"},
	};
	if (field->type >= G_N_ELEMENTS(names) || !names[field->type][0] ||
	    !field->high)
		return;
	json_object_set_new(schema, names[field->type][0],
			    json_integer(field->low));
	json_object_set_new(schema, names[field->type][1],
			    json_integer(field->high));
}

static json_t *describe_field(const struct shape_field *field)
{
	json_t *schema = NULL;
	switch (field->type) {
	case SHAPE_STRING:
	case SHAPE_BASE64:
		schema = describe_string(field);
		break;
	case SHAPE_INTEGER:
		schema = json_pack("{s:s}", "type", "integer");
		break;
	case SHAPE_NUMBER:
		schema = json_pack("{s:s}", "type", "number");
		break;
	case SHAPE_BOOLEAN:
		schema = json_pack("{s:s}", "type", "boolean");
		break;
	case SHAPE_STRINGS:
		schema = json_pack("{s:s, s:o}", "type", "array", "items",
				   describe_string(field));
		break;
	case SHAPE_OBJECT:
		/* what stands beside $ref is ignored, hence allOf */
		schema = field->of ? json_pack("{s:[o]}", "allOf",
					       describe_object(field->of))
				   : describe_object(NULL);
		break;
	case SHAPE_OBJECTS:
		schema = json_pack("{s:s, s:o}", "type", "array", "items",
				   describe_object(field->of));
		break;
	}
	describe_bounds(schema, field);
	if (field->about)
		json_object_set_new(schema, "description",
				    json_string(field->about));
	if (field->nullable)
		json_object_set_new(schema, "nullable", json_true());
	return schema;
}

json_t *shape_describe(const struct shape *shape, gboolean request)
{
	json_t *properties = json_object();
	json_t *required = json_array();
	for (const struct shape_field *field = shape->fields; field->name;
	     field++) {
		json_object_set_new(properties, field->name,
				    describe_field(field));
		if (field->required || !request)
			json_array_append_new(required,
					      json_string(field->name));
	}
	json_t *schema =
	    json_pack("{s:s, s:o, s:b}", "type", "object", "properties",
		      properties, "additionalProperties", 0);
	if (shape->about)
		json_object_set_new(schema, "description",
				    json_string(shape->about));
	if (json_array_size(required))
		json_object_set(schema, "required", required);
	json_decref(required);
	return schema;
}
