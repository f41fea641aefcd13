#include "server/main/roles.h"

#include "common/fault.h"

#ifdef HAVE_broker
#include "server/broker/broker.h"
#endif
#ifdef HAVE_host
#include "server/host/host.h"
#endif
#ifdef HAVE_gateway
#include "server/gateway/gateway.h"
#endif

const struct role roles[] = {
#ifdef HAVE_broker
    {"broker", broker_main},
#endif
#ifdef HAVE_host
    {"host", host_main},
#endif
#ifdef HAVE_gateway
    {"gateway", gateway_main},
#endif
};
const unsigned roles_count = G_N_ELEMENTS(roles);

const struct role *roles_find(const char *name)
{
	for (unsigned i = 0; i < roles_count; i++)
		if (strcmp(roles[i].name, name) == 0)
			return &roles[i];
	return NULL;
}

int roles_doctor(const char *root, gboolean json, GError **error)
{
#ifdef HAVE_host
	return host_doctor(root, json);
#else
	fault_set(error, FAULT_UNAVAILABLE, NULL,
		  "This build has no host role, so it cannot examine the "
		  "machine.");
	return 1;
#endif
}
