/* The engines there are, and which one a machine gets. */
#include "vmm/engine.h"

#include <string.h>

#include "common/fault.h"
#include "vmm/engine-ops.h"

/* In order of preference. */
static const struct engine *const engines[] = {
    &engine_kvm,
    &engine_qemu,
};

void engine_finding_free(struct engine_finding *finding)
{
	if (!finding)
		return;
	g_free(finding->name);
	g_free(finding->found);
	g_free(finding->chosen);
	g_free(finding->remedy);
	g_free(finding);
}

static const struct engine *choose(const char *wanted, gboolean cloning,
				   GError **error)
{
	g_autoptr(GError) first = NULL;
	gboolean any = !wanted || strcmp(wanted, "auto") == 0;
	for (gsize i = 0; i < G_N_ELEMENTS(engines); i++) {
		const struct engine *engine = engines[i];
		if (any ? cloning && !engine->ops->clones
			: strcmp(wanted, engine->ops->name) != 0)
			continue;
		/* the last one's reason counts: it is the least demanding */
		g_clear_error(&first);
		if (engine->ops->usable(&first))
			return engine;
	}
	if (first)
		g_propagate_error(error, g_steal_pointer(&first));
	else
		fault_set(error, FAULT_INVALID,
			  "Use auto, or one that oriel doctor names.",
			  "There is no engine '%s' here.", wanted);
	return NULL;
}

const struct engine *engine_choose(const char *wanted, GError **error)
{
	return choose(wanted, FALSE, error);
}

const struct engine *engine_choose_cloning(const char *wanted, GError **error)
{
	return choose(wanted, TRUE, error);
}

const char *engine_name(const struct engine *engine)
{
	return engine->ops->name;
}

const char *engine_accelerator(const struct engine *engine)
{
	return engine->ops->accelerator();
}

char *engine_fingerprint(const struct engine *engine,
			 const struct engine_spec *spec)
{
	json_t *facts =
	    json_pack("{s:s,s:i,s:i,s:i}", "engine", engine->ops->name, "cpus",
		      (int)spec->cpus, "memory_mib", (int)spec->memory_mib,
		      "heads", (int)spec->heads);
	engine->ops->fingerprint(spec, facts);
	char *text = json_dumps(facts, JSON_SORT_KEYS | JSON_INDENT(1));
	json_decref(facts);
	char *copy = g_strconcat(text ? text : "", "\n", NULL);
	free(text);
	return copy;
}
