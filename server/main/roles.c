#include "server/main/roles.h"

#include "server/broker/broker.h"
#include "server/host/host.h"
#include "server/gateway/gateway.h"

const struct role roles[] = {
    {"broker", broker_main},
    {"host", host_main},
    {"gateway", gateway_main},
};
const unsigned roles_count = G_N_ELEMENTS(roles);

const struct role *roles_find(const char *name)
{
	for (unsigned i = 0; i < roles_count; i++)
		if (strcmp(roles[i].name, name) == 0)
			return &roles[i];
	return NULL;
}

int roles_doctor(const char *root, gboolean json)
{
	return host_doctor(root, json);
}
