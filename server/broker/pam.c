#include "server/broker/pam.h"

#include "server/broker/question.h"

struct check {
	pam_checked checked;
	void *data;
};

struct helper *pam_create(const struct paths_root *root, const char *service,
			  const char *folder)
{
	const char *args[] = {"--service", service, "--folder", folder, NULL};
	if (!folder)
		args[2] = NULL;
	return helper_create(root, "pam.sock", "oriel-pam", args,
			     "Passwords cannot be checked at this moment "
			     "(PAM).");
}

static void on_answer(json_t *reply, const GError *error, void *data)
{
	g_autofree struct check *check = data;
	json_t *groups = json_object_get(reply, "groups");
	check->checked(json_is_true(json_object_get(reply, "match")),
		       json_is_array(groups) ? groups : NULL, error,
		       check->data);
}

void pam_check(struct helper *self, const char *user, const char *password,
	       const char *address, pam_checked checked, void *data)
{
	struct check *check = g_new0(struct check, 1);
	check->checked = checked;
	check->data = data;
	helper_ask(self,
		   json_pack("{s:s, s:s, s:s, s:s}", "op", "check", "user",
			     user, "password", password, "address", address),
		   on_answer, check);
}
