#include "server/broker/helper/answers.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/jsonline.h"

struct answers {
	GMainLoop *loop;
	answer_maker maker;
	void *data;
};

static void on_request(struct jsonline *channel, json_int_t id, const char *op,
		       json_t *message, int fd, void *data)
{
	struct answers *self = data;
	g_autoptr(GError) error = NULL;
	if (fd >= 0)
		close(fd);
	json_t *answer = self->maker(op, message, self->data, &error);
	if (answer)
		jsonline_reply(channel, id, answer);
	else
		jsonline_reject(channel, id, error);
}

static void on_closed(struct jsonline *channel, const GError *why, void *data)
{
	struct answers *self = data;
	g_main_loop_quit(self->loop);
}

static const struct jsonline_handlers handlers = {
    .request = on_request,
    .closed = on_closed,
};

void answers_give(answer_maker maker, void *data)
{
	const struct rlimit none = {0, 0};
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	struct answers self = {loop, maker, data};
	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);
	struct jsonline *channel = jsonline_new(STDIN_FILENO, &handlers, &self);
	g_main_loop_run(loop);
	jsonline_unref(channel);
}
