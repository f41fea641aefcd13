#include <string.h>

#include "common/fault.h"
#include "server/broker/http-status.h"
#include "server/broker/request.h"

static json_t *reference(const struct shape *shape)
{
	g_autofree char *link =
	    g_strconcat("#/components/schemas/", shape->name, NULL);
	return json_pack("{s:s}", "$ref", link);
}

static json_t *content(const char *type, json_t *schema)
{
	return json_pack("{s:{s:o}}", type, "schema", schema);
}

static json_t *parameters(const struct route *route)
{
	json_t *list = json_array();
	g_auto(GStrv) parts = g_strsplit(route->path, "/", -1);
	for (char **part = parts; *part; part++) {
		gsize length = strlen(*part);
		if (**part != '{')
			continue;
		(*part)[length - 1] = 0;
		json_array_append_new(
		    list, json_pack("{s:s, s:s, s:b, s:{s:s}}", "name",
				    *part + 1, "in", "path", "required", 1,
				    "schema", "type", "string"));
	}
	if (route->once)
		json_array_append_new(
		    list,
		    json_pack("{s:s, s:s, s:s, s:{s:s, s:i}}", "name",
			      "Idempotency-Key", "in", "header", "description",
			      "the same call with the same key is done "
			      "once, for a day",
			      "schema", "type", "string", "maxLength", 64));
	if (!route->query)
		return list;
	json_t *query = shape_describe(route->query, TRUE);
	const char *name;
	json_t *schema;
	json_object_foreach(json_object_get(query, "properties"), name, schema)
	    json_array_append_new(list,
				  json_pack("{s:s, s:s, s:O}", "name", name,
					    "in", "query", "schema", schema));
	json_decref(query);
	return list;
}

static void add_response(json_t *responses, int status, const char *text,
			 json_t *body)
{
	char key[8];
	g_snprintf(key, sizeof key, "%d", status);
	json_t *response = json_object_get(responses, key);
	if (response) { /* two faults with one status */
		g_autofree char *both = g_strdup_printf(
		    "%s, %s",
		    json_string_value(json_object_get(response, "description")),
		    text);
		json_object_set_new(response, "description", json_string(both));
		json_decref(body);
		return;
	}
	response = json_pack("{s:s}", "description", text);
	if (body)
		json_object_set_new(response, "content", body);
	json_object_set_new(responses, key, response);
}

static const struct shape *error_shape(void)
{
	for (gsize i = 0; shapes[i]; i++)
		if (strcmp(shapes[i]->name, "error") == 0)
			return shapes[i];
	return NULL;
}

static json_t *responses(const struct route *route)
{
	json_t *all = json_object();
	json_t *body = NULL;
	if (route->answer)
		body = content("application/json", reference(route->answer));
	else if (route->bytes)
		body = json_pack("{s:{s:{s:s, s:s}}}", route->bytes, "schema",
				 "type", "string", "format", "binary");
	else if (route->status != 204)
		body = json_pack("{s:{}}", "application/json");
	add_response(all, route->status, route->summary, body);
	/* any call may meet these */
	unsigned errors = route->errors | 1u << FAULT_INVALID |
			  1u << FAULT_STORAGE | 1u << FAULT_INTERNAL;
	if (route->role != ROLE_ANYONE)
		errors |= 1u << FAULT_DENIED;
	for (enum fault_code code = FAULT_INTERNAL; code < FAULT_CODES; code++)
		if (errors & 1u << code)
			add_response(all, http_status(code),
				     fault_code_name(code),
				     content("application/json",
					     reference(error_shape())));
	return all;
}

static gboolean needs_body(const struct route *route)
{
	for (const struct shape_field *field = route->body->fields; field->name;
	     field++)
		if (field->required)
			return TRUE;
	return FALSE;
}

/* Whether a request may have it within: what is absent there is fine. */
static gboolean has_part(const struct shape *body, const struct shape *part)
{
	for (const struct shape_field *field = body ? body->fields : NULL;
	     field && field->name; field++)
		if (field->of == part)
			return TRUE;
	return FALSE;
}

static json_t *operation(const struct route *route)
{
	json_t *self = json_pack("{s:s, s:s, s:o}", "summary", route->summary,
				 "x-oriel-role", role_name(route->role),
				 "responses", responses(route));
	json_t *list = parameters(route);
	if (json_array_size(list))
		json_object_set(self, "parameters", list);
	json_decref(list);
	if (route->body)
		json_object_set_new(self, "requestBody",
				    json_pack("{s:b, s:o}", "required",
					      needs_body(route), "content",
					      content("application/json",
						      reference(route->body))));
	json_object_set_new(self, "security",
			    route->role == ROLE_ANYONE
				? json_array()
				: json_pack("[{s:[]}]", "token"));
	return self;
}

void handle_openapi(struct request *request)
{
	json_t *paths = json_object();
	for (gsize i = 0; i < routes_count; i++) {
		json_t *path = json_object_get(paths, routes[i].path);
		if (!path) {
			path = json_object();
			json_object_set_new(paths, routes[i].path, path);
		}
		g_autofree char *method = g_ascii_strdown(routes[i].method, -1);
		json_object_set_new(path, method, operation(&routes[i]));
	}
	json_t *schemas = json_object();
	for (gsize i = 0; shapes[i]; i++) {
		gboolean asked = FALSE;
		for (gsize k = 0; k < routes_count; k++)
			asked = asked || routes[k].body == shapes[i] ||
				has_part(routes[k].body, shapes[i]);
		json_object_set_new(schemas, shapes[i]->name,
				    shape_describe(shapes[i], asked));
	}
	/* the only optional members of an answer */
	json_t *fault =
	    json_object_get(json_object_get(schemas, "fault"), "required");
	while (json_array_size(fault) > 2)
		json_array_remove(fault, 2);
	request_done(request,
		     json_pack("{s:s, s:{s:s, s:s}, s:[{s:s}], s:o,"
			       " s:{s:o, s:{s:{s:s, s:s}}}}",
			       "openapi", "3.0.3", "info", "title", "Oriel",
			       "version", ORIEL_VERSION, "servers", "url",
			       PATH_PREFIX, "paths", paths, "components",
			       "schemas", schemas, "securitySchemes", "token",
			       "type", "http", "scheme", "bearer"));
}
