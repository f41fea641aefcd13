#include "server/broker/request.h"

const char *request_who(const struct request *request)
{
	return request->session.user ? request->session.user
				     : (request->local ? "admin" : NULL);
}

enum role request_role(const struct request *request)
{
	return request->local ? ROLE_ADMIN : request->session.role;
}

const char *request_text(const struct request *request, const char *key)
{
	return json_string_value(json_object_get(request->body, key));
}

gint64 request_int(const struct request *request, const char *key,
		   gint64 otherwise)
{
	json_t *value = json_object_get(request->body, key);
	return value ? json_integer_value(value) : otherwise;
}

gboolean request_flag(const struct request *request, const char *key)
{
	return json_is_true(json_object_get(request->body, key));
}

gint64 request_query(const struct request *request, const char *key,
		     gint64 otherwise)
{
	json_t *value = json_object_get(request->query, key);
	return value ? json_integer_value(value) : otherwise;
}

void request_done(struct request *request, json_t *answer)
{
	request_answer(request, request->route->status, answer);
}

json_t *request_page(const struct request *request, const char *key,
		     json_t *answer)
{
	json_t *list = json_object_get(answer, key);
	gsize total = json_array_size(list);
	gsize from = (gsize)request_query(request, "offset", 0);
	gsize count = (gsize)request_query(request, "limit", G_MAXINT32);
	json_object_set_new(answer, "total", json_integer((json_int_t)total));
	if (!from && count >= total)
		return answer;
	json_t *page = json_array();
	for (gsize i = from; i < total && i - from < count; i++)
		json_array_append(page, json_array_get(list, i));
	json_object_set_new(answer, key, page);
	return answer;
}
