/* oriel-pam - asks PAM about one person's password, and does nothing else.
 *
 *	oriel-pam --service NAME [--folder DIR]
 *
 * Reads one request of common/jsonline.h from the socket that is its standard
 * input, and ends with its answer:
 *	check {user, password, address} -> match, groups
 * A process for each, since PAM's modules are strangers who may keep, leak or
 * crash: it is not the broker's memory that they do it in. As a service it
 * has the rights that they ask for (data/systemd/oriel-pam@.service); which
 * of PAM's services is asked is said on its command line and not by whoever
 * connects. groups are the names that the name service knows; a refusal other
 * than a wrong name or password comes as an error. */
#include <grp.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "server/broker/helper/answers.h"

#define GROUPS_MAX     1024
#define NAME_MAX_BYTES 256

struct helper {
	const char *service, *folder; /* folder NULL: /etc/pam.d */
	gboolean asked;
};

/* ---- PAM ---- */

struct answer {
	const char *password;
	gboolean given;
};

/* One question is answered; a second one is for something that we were not
 * told, and whoever answered it with the password would tell it to it. */
static int converse(int count, const struct pam_message **messages,
		    struct pam_response **responses, void *data)
{
	struct answer *answer = data;
	if (count < 1 || count > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	struct pam_response *made = calloc((size_t)count, sizeof *made);
	if (!made)
		return PAM_BUF_ERR;
	for (int i = 0; i < count; i++) {
		int style = messages[i]->msg_style;
		if (style != PAM_PROMPT_ECHO_OFF && style != PAM_PROMPT_ECHO_ON)
			continue; /* words for a terminal */
		if (!answer->given)
			made[i].resp = strdup(answer->password);
		answer->given = TRUE;
		if (made[i].resp)
			continue;
		for (int k = 0; k < i; k++)
			free(made[k].resp);
		free(made);
		return PAM_CONV_ERR;
	}
	*responses = made;
	return PAM_SUCCESS;
}

/* How long to wait after a failure is the broker's to say. */
static void no_delay(int status, unsigned usec, void *data)
{
}

static json_t *groups_of(const char *user)
{
	json_t *list = json_array();
	const struct passwd *account = getpwnam(user);
	gid_t ids[GROUPS_MAX];
	int count = GROUPS_MAX;
	if (!account || getgrouplist(user, account->pw_gid, ids, &count) < 0)
		return list;
	for (int i = 0; i < count; i++) {
		const struct group *group = getgrgid(ids[i]);
		if (group && g_utf8_validate(group->gr_name, -1, NULL))
			json_array_append_new(list,
					      json_string(group->gr_name));
	}
	return list;
}

static GError *refusal(int status, const char *words)
{
	switch (status) {
	case PAM_AUTHINFO_UNAVAIL:
	case PAM_ABORT:
	case PAM_SERVICE_ERR:
		return fault_new(FAULT_UNAVAILABLE,
				 "Try again; the server's journal tells more "
				 "(PAM).",
				 "Passwords cannot be checked at this moment: "
				 "%s.",
				 words);
	case PAM_NEW_AUTHTOK_REQD:
		return fault_new(FAULT_DENIED,
				 "Set a new one where it is kept, then sign in "
				 "again.",
				 "The password has expired.");
	case PAM_ACCT_EXPIRED:
	case PAM_PERM_DENIED:
		return fault_new(FAULT_DENIED, "Ask an administrator.",
				 "The account may not sign in here: %s.",
				 words);
	default: /* wrong, unknown, locked: nobody's business which; also
		  * PAM_SYSTEM_ERR, which is pam_exec's no */
		return NULL;
	}
}

static json_t *check(struct helper *self, const char *user,
		     const char *password, const char *address, GError **error)
{
	struct answer answer = {.password = password};
	const struct pam_conv conversation = {converse, &answer};
	pam_handle_t *pam = NULL;
	int status = pam_start_confdir(self->service, user, &conversation,
				       self->folder, &pam);
	if (status != PAM_SUCCESS) {
		fault_set(error, FAULT_UNAVAILABLE,
			  "Make the service file: /etc/pam.d/oriel.",
			  "PAM has no service '%s'.", self->service);
		return NULL;
	}
	union {
		void (*call)(int status, unsigned usec, void *data);
		const void *item;
	} delay = {.call = no_delay};
	pam_set_item(pam, PAM_FAIL_DELAY, delay.item);
	if (*address)
		pam_set_item(pam, PAM_RHOST, address);
	status = pam_authenticate(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	gboolean right = status == PAM_SUCCESS;
	if (right)
		status = pam_acct_mgmt(pam, PAM_SILENT);
	GError *why = status == PAM_SUCCESS
			  ? NULL
			  : refusal(status, pam_strerror(pam, status));
	/* before the password is known to be right, nothing is told of the
	 * account */
	if (why && !right && fault_code(why) == FAULT_DENIED)
		g_clear_error(&why);
	pam_end(pam, status);
	if (why) {
		g_propagate_error(error, why);
		return NULL;
	}
	gboolean match = status == PAM_SUCCESS;
	return json_pack("{s:b, s:o}", "match", match, "groups",
			 match ? groups_of(user) : json_array());
}

/* ---- the question ---- */

static json_t *answer_to(const char *op, json_t *message, void *data,
			 GError **error)
{
	struct helper *self = data;
	const char *user = jsonline_string(message, "user", error);
	const char *password =
	    user ? jsonline_string(message, "password", error) : NULL;
	const char *address =
	    password ? jsonline_string(message, "address", error) : NULL;
	json_t *answer = NULL;
	if (address && (strcmp(op, "check") != 0 || self->asked || !*user ||
			strlen(user) > NAME_MAX_BYTES))
		fault_set(error, FAULT_INVALID, NULL,
			  "The helper checks one password of one person.");
	else if (address)
		answer = check(self, user, password, address, error);
	self->asked = TRUE;
	if (password) /* ours to wipe: the message ends with this call */
		explicit_bzero((char *)password, strlen(password));
	return answer;
}

int main(int argc, char **argv)
{
	g_autofree char *service = NULL, *folder = NULL;
	struct helper self = {0};
	const GOptionEntry entries[] = {
	    {"service", 0, 0, G_OPTION_ARG_STRING, &service, "Of PAM (oriel)",
	     "NAME"},
	    {"folder", 0, 0, G_OPTION_ARG_FILENAME, &folder,
	     "Of service files (/etc/pam.d)", "DIR"},
	    {NULL, 0, 0, 0, NULL, NULL, NULL},
	};
	g_autoptr(GOptionContext) options =
	    g_option_context_new("- asks PAM, for the broker");
	g_option_context_add_main_entries(options, entries, NULL);
	g_autoptr(GError) error = NULL;
	if (!g_option_context_parse(options, &argc, &argv, &error)) {
		fprintf(stderr, "oriel-pam: %s\n", error->message);
		return 2;
	}
	self.service = service ? service : "oriel";
	self.folder = folder;
	answers_give(answer_to, &self);
	g_free(g_steal_pointer(&service));
	g_free(g_steal_pointer(&folder));
	/* what a stranger's module left for the end of the process, or did not
	 * free, goes with it */
	_exit(0);
}
