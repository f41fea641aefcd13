#include "server/broker/api-wait.h"

struct held {
	struct request *request;
	void (*again)(struct request *request);
};

static void on_woken(gboolean changed, void *data)
{
	struct held *held = data;
	struct request *request = held->request;
	void (*again)(struct request *) = held->again;
	g_free(held);
	again(request);
}

void api_wait(struct request *request, const char *key,
	      void (*again)(struct request *request))
{
	struct held *held = g_new0(struct held, 1);
	held->request = request;
	held->again = again;
	hub_wait(request->broker->hub, key, API_WAIT_MS, on_woken, held);
}
