#include "server/gateway/worker.h"

#include <unistd.h>

#include "common/fault.h"

int worker_run(const struct worker_world *world, enum worker_door door, int fd,
	       const char *refusal)
{
	g_autoptr(GError) error = NULL;
	struct conn conn;
	conn_init(&conn, fd);
	const struct log_about about = {.client = conn.who};
	if (!jail_enter(world->jail, &error)) {
		log_fault(&about, error);
		return 1;
	}
	static gboolean (*const serve[WORKER_DOORS])(
	    const struct worker_world *, struct conn *, const char *,
	    GError **) = {[WORKER_HTTPS] = https_serve,
			  [WORKER_RFB] = rfb_serve,
			  [WORKER_SPICE] = spice_serve};
	gboolean served = serve[door](world, &conn, refusal, &error);
	if (conn.fd >= 0)
		conn_farewell(&conn);
	if (served)
		return 0;
	g_autofree char *cause = fault_cause(error);
	/* leaving is nobody's fault */
	if (fault_code(error) == FAULT_CANCELLED)
		log_debug(&about, "%s", cause);
	else if (log_allow(world->noise, &about))
		log_info(&about, "%s", cause);
	return 0;
}
