/* A machine that says anything on its control socket. */
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/qmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_event(struct qmp *qmp, const char *name, json_t *data,
		     void *user)
{
}

static void on_closed(struct qmp *qmp, const GError *why, void *user)
{
}

static const struct qmp_handlers handlers = {on_event, on_closed};

static void on_answer(GObject *source, GAsyncResult *result, void *data)
{
	json_decref(qmp_call_finish(NULL, result, NULL));
}

static void on_connected(GObject *source, GAsyncResult *result, void *data)
{
	struct qmp **qmp = data;
	*qmp = qmp_connect_finish(result, NULL);
	if (!*qmp)
		return;
	qmp_set_handlers(*qmp, &handlers, NULL);
	qmp_call_async(*qmp, "query-status", NULL, -1, 0, NULL, on_answer,
		       NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int pair[2];
	struct qmp *qmp = NULL;
	if (size > 65536 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return 0;
	qmp_attach_async(pair[0], 0, NULL, on_connected, &qmp);
	static const char hello[] = "{\"QMP\":{}}\n{\"return\":{},\"id\":1}\n";
	/* half of the inputs get past the handshake */
	if (size && (data[0] & 1) &&
	    write(pair[1], hello, sizeof hello - 1) < 0)
		return 0;
	if (size > 1 && write(pair[1], data + 1, size - 1) < 0)
		return 0;
	shutdown(pair[1], SHUT_WR);
	for (int i = 0; i < 12; i++)
		g_main_context_iteration(NULL, FALSE);
	close(pair[1]);
	for (int i = 0; i < 4; i++)
		g_main_context_iteration(NULL, FALSE);
	qmp_unref(qmp);
	while (g_main_context_iteration(NULL, FALSE))
		;
	return 0;
}
