/* `orield doctor`: the findings, for people or as JSON. */
#include <stdio.h>

#include "server/host/findings.h"
#include "server/host/host.h"

static void print(GPtrArray *findings)
{
	static const char *const marks[] = {[FINDING_GOOD] = "good",
					    [FINDING_WARN] = "WARN",
					    [FINDING_BAD] = "BAD"};
	int width = 0;
	for (guint i = 0; i < findings->len; i++) {
		struct engine_finding *finding = findings->pdata[i];
		width = MAX(width, (int)strlen(finding->name));
	}
	for (guint i = 0; i < findings->len; i++) {
		struct engine_finding *finding = findings->pdata[i];
		printf("%-4s  %-*s  %s\n", marks[finding->level], width,
		       finding->name, finding->found);
		if (finding->chosen)
			printf("      %*s  -> %s\n", width, "",
			       finding->chosen);
		if (finding->remedy)
			printf("      %*s  remedy: %s\n", width, "",
			       finding->remedy);
	}
}

int host_doctor(const char *folder, gboolean json)
{
	static const char *const verdicts[] = {
	    [FINDING_GOOD] = "Desktops can run here.",
	    [FINDING_WARN] = "Desktops can run here, with the warnings "
			     "above.",
	    [FINDING_BAD] = "Desktops cannot run here until what is BAD "
			    "above is mended."};
	/* not paths_root_open(): a doctor makes no folders */
	g_autofree char *full =
	    folder ? g_canonicalize_filename(folder, NULL) : NULL;
	g_autofree char *lib = full ? g_build_filename(full, "lib", NULL)
				    : g_strdup("/var/lib/oriel");
	g_autofree char *run =
	    full ? g_build_filename(full, "run", NULL) : g_strdup("/run/oriel");
	const struct paths_root root = {
	    .lib = lib, .run = run, .rootless = folder != NULL};
	g_autoptr(GPtrArray) findings = findings_all(&root);
	int level = findings_level(findings);
	if (json) {
		json_t *out =
		    json_pack("{s:o, s:i}", "findings", findings_json(findings),
			      "status", level);
		json_dumpf(out, stdout, JSON_INDENT(1));
		putchar('\n');
		json_decref(out);
	} else {
		print(findings);
		printf("\n%s\n", verdicts[level]);
	}
	/* FINDING_GOOD, WARN and BAD are 0, 1 and 2 */
	return level;
}
