/* The API, said once: checked against, dispatched by, and described from
 * (openapi.c). A route or member that is not here does not exist. */
#include "common/fault.h"
#include "server/broker/oidc.h"
#include "server/broker/passwords.h"
#include "server/broker/request.h"
#include "server/broker/schedule.h"

#define NAME(n, longest, ...)                                                  \
	{                                                                      \
		.name = (n), .type = SHAPE_STRING, .low = 1,                   \
		.high = (longest), .pattern = SHAPE_NAME_PATTERN, __VA_ARGS__  \
	}
#define TEXT(n, ...)                                                           \
	{                                                                      \
		.name = (n), .type = SHAPE_STRING, __VA_ARGS__                 \
	}
#define INT(n, ...)                                                            \
	{                                                                      \
		.name = (n), .type = SHAPE_INTEGER, __VA_ARGS__                \
	}
#define FLAG(n, ...)                                                           \
	{                                                                      \
		.name = (n), .type = SHAPE_BOOLEAN, __VA_ARGS__                \
	}
#define OBJECT(n, shape, ...)                                                  \
	{                                                                      \
		.name = (n), .type = SHAPE_OBJECT, .of = (shape), __VA_ARGS__  \
	}
#define OBJECTS(n, shape, ...)                                                 \
	{                                                                      \
		.name = (n), .type = SHAPE_OBJECTS, .of = (shape), __VA_ARGS__ \
	}
#define PASSWORD(n)                                                            \
	TEXT(n, .required = TRUE, .low = PASSWORD_MIN, .high = PASSWORD_MAX,   \
	     .about = "at least 8 bytes")
#define SHAPE(id, title, ...)                                                  \
	static const struct shape_field id##_fields[] = {__VA_ARGS__, {0}};    \
	static const struct shape id = {#id, title, id##_fields}

static const char *const roles[] = {"user", "helpdesk", "operator", "admin",
				    NULL};
SHAPE(installing, "An image that a person installs from a medium.",
      TEXT("image"), TEXT("task"), TEXT("stage", .nullable = TRUE),
      {.name = "fraction",
       .type = SHAPE_NUMBER,
       .nullable = TRUE,
       .about = "0 to 1 once its disk is being looked at; null: before"});
static const char *const desktop_states[] = {
    "none", "off", "starting", "running", "stopping", "failed", NULL};
static const char *const task_states[] = {"queued", "running",   "done",
					  "failed", "cancelled", NULL};
static const char *const pool_kinds[] = {"dedicated", "floating", NULL};
static const char *const pool_kinds_told[] = {"dedicated", "floating",
					      "install", NULL};
static const char *const image_states[] = {"none", "building", "ready", NULL};

/* those of vmm/profile.h */
static const char *const install_profiles[] = {
    "linux", "windows-7", "windows-10", "windows-11", NULL};
static const char *const viewer_protocols[] = {"rfb", "spice", NULL};

/* ---- what is answered ---- */

#define TOTAL INT("total", .about = "without limit and offset")

SHAPE(fault, "Why something failed, and what helps.",
      TEXT("code", .about = "stable, for programs"),
      TEXT("cause", .about = "for people"),
      TEXT("remedy", .about = "what to do about it; may be absent"),
      TEXT("needs", .about = "code: ask for one and sign in again with it; "
			     "else absent"));
SHAPE(error, "Every refusal.", OBJECT("error", &fault));
SHAPE(signed_in, NULL, TEXT("token", .about = "for Authorization: Bearer"),
      TEXT("user"), TEXT("role", .choices = roles),
      INT("expires", .about = "Unix seconds; every request moves it on"));
SHAPE(oidc, NULL,
      TEXT("label", .nullable = TRUE,
	   .about = "of the button; null: no provider is set up"));
SHAPE(oidc_away, NULL, TEXT("url", .about = "where the browser is to go"),
      TEXT("state", .about = "with which it comes back"),
      TEXT("key", .about = "to be kept by this window alone until then"));
SHAPE(me, NULL, TEXT("user", .nullable = TRUE, .about = "null on admin.sock"),
      TEXT("role", .choices = roles));
static const char *const ways[] = {"none", "in", "out", "both", NULL};
static const char *const sounds[] = {"none", "play", "both", NULL};
static const char *const records[] = {"none", "quiet", "told", NULL};
#define POLICY_FIELDS                                                          \
	TEXT("clipboard", .choices = ways, .low = 1, .high = 8,                \
	     .about = "into the guest, out of it"),                            \
	    TEXT("files", .choices = ways, .low = 1, .high = 8),               \
	    TEXT("audio", .choices = sounds, .low = 1, .high = 8,              \
		 .about = "play: no microphone"),                              \
	    TEXT("record", .choices = records, .low = 1, .high = 8,            \
		 .about = "while somebody looks on; told: and says so"),       \
	    FLAG("usb"),                                                       \
	    FLAG("shadow", .about = "the helpdesk may ask to look on"),        \
	    FLAG("watermark", .about = "user and time"),                       \
	    INT("bandwidth_kbit", .low = 0, .high = 10000000,                  \
		.about = "0: no limit"),                                       \
	    INT("idle_lock", .low = 0, .high = 86400,                          \
		.about = "seconds without input until its session locks; 0 "   \
			 "never")
SHAPE(policy, "What may be done with a desktop; the strictest holds.",
      POLICY_FIELDS);
SHAPE(policy_put, "What is absent stays, or is allowed.", POLICY_FIELDS);
#define SCHEDULE_FIELDS                                                        \
	{.name = "days",                                                       \
	 .type = SHAPE_STRINGS,                                                \
	 .required = TRUE,                                                     \
	 .low = 1,                                                             \
	 .high = 7,                                                            \
	 .choices = schedule_days},                                            \
	    TEXT("from", .required = TRUE, .low = 5, .high = 5,                \
		 .about = "07:30, the server's local time"),                   \
	    TEXT("to", .required = TRUE, .low = 5, .high = 5,                  \
		 .about = "18:00; not after from: on the next day"),           \
	    INT("spares", .required = TRUE, .low = 0, .high = 1000)
SHAPE(schedule, "While it holds, so many spares; of several the most.",
      SCHEDULE_FIELDS);
SHAPE(words, "What its user was told last.", TEXT("text"), INT("at"));
SHAPE(recorded, "What a desktop shows is being recorded.", INT("since"),
      TEXT("by", .about = "policy, or who began it"));
static const char *const shadow_states[] = {"asked", "granted", "refused",
					    "ended", NULL};
SHAPE(shadow, "The helpdesk at somebody's desktop, with their consent.",
      TEXT("id"), TEXT("desktop"), TEXT("user"), TEXT("helper"),
      TEXT("state", .choices = shadow_states),
      FLAG("asked_control", .about = "to take part, not only to look on"),
      FLAG("control", .about = "the user allowed that"),
      TEXT("why", .about = "it is in this state"), INT("since"),
      INT("serial", .about = "grows with every change"));
SHAPE(notes, "What its user is to know at once.",
      OBJECT("message", &words, .nullable = TRUE,
	     .about = "that its guest has not shown"),
      OBJECT("recording", &recorded, .nullable = TRUE),
      OBJECT("shadow", &shadow, .nullable = TRUE), INT("serial"));
static const char *const answers[] = {"no", "view", "control", NULL};
SHAPE(shadow_ask_body, NULL,
      FLAG("control", .about = "to take part, not only to look on"),
      NAME("as", USER_NAME_MAX,
	   .about = "on admin.sock: who of the helpdesk will look on"));
SHAPE(shadow_answer_body, NULL,
      TEXT("allow", .required = TRUE, .choices = answers, .low = 1,
	   .high = 16));
SHAPE(told, "A client that looks at its desktop shows it in any case.",
      FLAG("guest", .about = "the guest has shown it"),
      OBJECT("error", &fault, .nullable = TRUE,
	     .about = "why the guest has not"));
SHAPE(desktop, "A desktop, or with state none a pool that has none yet.",
      TEXT("id", .nullable = TRUE), TEXT("name"), TEXT("pool"),
      TEXT("user", .nullable = TRUE, .about = "null: a spare"),
      TEXT("state", .choices = desktop_states),
      TEXT("cause", .nullable = TRUE, .about = "why it is in this state"),
      TEXT("stage", .nullable = TRUE, .about = "what is being done"),
      {.name = "fraction", .type = SHAPE_NUMBER, .about = "0 to 1"},
      INT("since", .nullable = TRUE, .about = "Unix seconds"),
      OBJECT("error", &fault, .nullable = TRUE),
      OBJECT("warning", &fault, .nullable = TRUE,
	     .about = "it runs, but not as it should"),
      INT("viewers"), TEXT("image"), INT("version", .nullable = TRUE),
      TEXT("host", .nullable = TRUE), TEXT("accelerator", .nullable = TRUE),
      INT("idle", .nullable = TRUE,
	  .about = "seconds since its last input, while somebody is "
		   "connected"),
      OBJECT("message", &words, .nullable = TRUE,
	     .about = "to its user, for ten minutes"),
      OBJECT("recording", &recorded, .nullable = TRUE,
	     .about = "where its user is to be told"),
      OBJECT("shadow", &shadow, .nullable = TRUE,
	     .about = "somebody has asked to look on, or does"),
      OBJECT("install", &installing, .nullable = TRUE,
	     .about = "an image is being installed at its console"),
      INT("serial", .about = "grows with every change"));
static const char *const snapshot_states[] = {"taking", "ready", "reverting",
					      "removing", NULL};
SHAPE(snapshot, "A state of a desktop's disk that one can go back to.",
      TEXT("snapshot"),
      TEXT("parent", .nullable = TRUE,
	   .about = "that the desktop stood on when it was taken"),
      TEXT("state", .choices = snapshot_states),
      TEXT("cause", .nullable = TRUE, .about = "why it is in this state"),
      INT("since"), INT("created"));
SHAPE(recording, "A WebM file; desktop and user as they were then.", TEXT("id"),
      TEXT("host"), TEXT("machine", .about = "the desktop's id"),
      TEXT("desktop"), TEXT("user", .nullable = TRUE),
      TEXT("by", .about = "policy, or who began it"), INT("began"),
      INT("ended", .nullable = TRUE, .about = "null: under way"),
      INT("length_ms", .nullable = TRUE),
      TEXT("why", .nullable = TRUE,
	   .about = "it ended: asked, desktop, size, time, disk, error, lost"),
      INT("bytes"));
SHAPE(recordings, NULL, OBJECTS("recordings", &recording), TOTAL);
SHAPE(snapshots, NULL, OBJECTS("snapshots", &snapshot),
      TEXT("stands_on", .nullable = TRUE,
	   .about = "that was taken or gone back to last"));
SHAPE(desktops, NULL, OBJECTS("desktops", &desktop), TOTAL);
SHAPE(ticket, NULL, TEXT("ticket", .about = "good once"),
      INT("expires_in", .about = "seconds"),
      {.name = "protocols", .type = SHAPE_STRINGS},
      OBJECT("policy", &policy, .about = "that holds in this desktop"));
SHAPE(viewer, "The ticket is the password of a stock viewer, once.",
      TEXT("protocol"),
      TEXT("address",
	   .about = "vnc://host:port, or spice://host?tls-port=port"),
      TEXT("host"), INT("port"), TEXT("user"), TEXT("ticket"),
      INT("expires_in", .about = "seconds"),
      TEXT("file", .about = "all of it, for remote-viewer (NAME.vv)"),
      TEXT("fingerprint", .about = "of the certificate", .nullable = TRUE));
SHAPE(exec_answer, NULL, INT("exit"), {.name = "out", .type = SHAPE_BASE64},
      {.name = "err", .type = SHAPE_BASE64});
SHAPE(totp, "Not asked for until a code has been shown to work.",
      TEXT("secret", .about = "base32"),
      TEXT("uri", .about = "otpauth://, for authenticator programs"));
SHAPE(session, NULL, TEXT("id"), TEXT("peer", .about = "address"),
      INT("created"), INT("expires"), FLAG("current"));
SHAPE(sessions, NULL, OBJECTS("sessions", &session), TOTAL);
SHAPE(attach, "Somebody's session with a desktop; its secret reconnects.",
      TEXT("id"), TEXT("desktop"), TEXT("user"),
      TEXT("protocol", .about = "rfb, spice or windows"),
      TEXT("peer", .about = "address"), INT("created"),
      FLAG("connected", .about = "false: its terminal is away"));
SHAPE(attaches, NULL, OBJECTS("attaches", &attach), TOTAL);
SHAPE(group, NULL, TEXT("group"), {.name = "users", .type = SHAPE_STRINGS},
      {.name = "pools", .type = SHAPE_STRINGS}, OBJECT("policy", &policy),
      INT("created"));
SHAPE(groups, NULL, OBJECTS("groups", &group));
static const char *const sources[] = {"local", "pam", "oidc", NULL};
SHAPE(user, NULL, TEXT("user"), TEXT("role", .choices = roles),
      TEXT("source", .choices = sources, .about = "who knows the password"),
      {.name = "groups", .type = SHAPE_STRINGS},
      INT("max_desktops", .about = "on at a time; 0 is no limit"),
      FLAG("totp", .about = "signs in with a code as well"),
      INT("created", .about = "Unix seconds"));
SHAPE(users, NULL, OBJECTS("users", &user), TOTAL);
SHAPE(pool, NULL, TEXT("pool"), TEXT("image"),
      TEXT("kind", .choices = pool_kinds_told,
	   .about = "install: made for an installation, and goes with it"),
      INT("cpus"), INT("memory_mib"), INT("heads"), INT("max"), INT("spares"),
      OBJECTS("schedule", &schedule),
      INT("version", .nullable = TRUE,
	  .about = "of the image, for new desktops; null: the newest"),
      INT("disconnect_after", .about = "seconds; 0 never"),
      INT("idle_after", .about = "seconds; 0 never"),
      INT("home_mib", .about = "of each user's home, where it is floating; 0 "
			       "none"),
      OBJECT("policy", &policy), TEXT("quota", .nullable = TRUE),
      {.name = "users",
       .type = SHAPE_STRINGS,
       .nullable = TRUE,
       .about = "null: everyone"},
      {.name = "groups", .type = SHAPE_STRINGS},
      INT("desktops", .about = "how many exist"),
      INT("running", .about = "how many run"),
      INT("ready", .about = "spares that run"),
      INT("failed", .about = "how many have failed"),
      INT("wanted", .about = "spares at this moment, by schedule or spares"),
      TEXT("problem", .nullable = TRUE,
	   .about = "why there are fewer spares than there should be"));
SHAPE(use, NULL, INT("desktops"), INT("cpus"), INT("memory_mib"));
SHAPE(quota, "What the pools that share it may have on; 0 is no limit.",
      TEXT("quota"), INT("desktops"), INT("cpus"), INT("memory_mib"),
      OBJECT("used", &use), {.name = "pools", .type = SHAPE_STRINGS});
SHAPE(quotas, NULL, OBJECTS("quotas", &quota));
SHAPE(waiting, "Somebody who wants a desktop and has not got it yet.",
      TEXT("user"), TEXT("pool"), TEXT("desktop", .nullable = TRUE),
      INT("since"), TEXT("why"));
SHAPE(pools, NULL, OBJECTS("pools", &pool), TOTAL);
SHAPE(image_version, NULL, INT("version"),
      TEXT("state", .about = "building, ready or removing"), TEXT("recipe"),
      INT("created"), INT("desktops", .about = "how many stand on it"),
      TEXT("cause", .nullable = TRUE, .about = "why it is in this state"),
      INT("since", .about = "in this state"),
      TEXT("task", .nullable = TRUE, .about = "that makes it now"));
SHAPE(image, NULL, TEXT("image"), TEXT("state", .choices = image_states),
      INT("version", .nullable = TRUE, .about = "the newest that is ready"),
      TEXT("recipe", .nullable = TRUE), INT("created", .nullable = TRUE),
      TEXT("task", .nullable = TRUE, .about = "that builds a version now"),
      OBJECT("manifest", NULL, .nullable = TRUE,
	     .about = "what is in it; null in lists"),
      OBJECTS("versions", &image_version));
SHAPE(images, NULL, OBJECTS("images", &image));
SHAPE(build_answer, "task is null when the image is current (status 200).",
      TEXT("task", .nullable = TRUE), TEXT("image"), INT("version"));
SHAPE(recipe, NULL, TEXT("name"), TEXT("title"),
      TEXT("description", .nullable = TRUE));
SHAPE(recipes, NULL, OBJECTS("recipes", &recipe));
SHAPE(task, NULL, TEXT("id"), TEXT("kind"), TEXT("subject"),
      TEXT("state", .choices = task_states),
      TEXT("cause", .nullable = TRUE, .about = "why it is in this state"),
      TEXT("stage", .nullable = TRUE), INT("done"),
      INT("total", .about = "0 while unknown"),
      TEXT("message", .nullable = TRUE),
      OBJECT("error", &fault, .nullable = TRUE), INT("since"), INT("created"),
      INT("serial"));
SHAPE(tasks, NULL, OBJECTS("tasks", &task));
SHAPE(host, "As it said at its hello.", TEXT("name"), INT("since"),
      TEXT("boot_id", .nullable = TRUE), INT("cpus", .nullable = TRUE),
      INT("memory_mib", .nullable = TRUE), TEXT("engine", .nullable = TRUE),
      TEXT("accelerator", .nullable = TRUE),
      OBJECTS("findings", NULL, .nullable = TRUE));
SHAPE(counts, NULL, INT("users"), INT("pools"), INT("images"), INT("desktops"),
      INT("running"), INT("starting"), INT("failed"),
      INT("tasks", .about = "under way"), INT("tunnels"));
SHAPE(status, NULL, TEXT("version"), INT("started"),
      INT("uptime", .about = "seconds"), OBJECTS("hosts", &host),
      OBJECT("counts", &counts), OBJECTS("waiting", &waiting));
SHAPE(event, NULL, INT("id"), INT("at"), TEXT("kind"), TEXT("subject"),
      TEXT("user", .nullable = TRUE), TEXT("text"));
SHAPE(events, NULL, OBJECTS("events", &event),
      INT("last", .about = "for the next after"));

/* ---- what is asked ---- */

SHAPE(sign_in, NULL, TEXT("user", .required = TRUE, .low = 1, .high = 128),
      TEXT("password", .required = TRUE, .low = 0, .high = PASSWORD_MAX),
      TEXT("code", .low = 0, .high = 16,
	   .about = "of users who have one; or the password's last digits"));
#define REDIRECT                                                               \
	TEXT("redirect", .low = 1, .high = 64,                                 \
	     .about = "http://127.0.0.1:PORT/ where a program waits for the "  \
		      "browser; absent: the web page")
SHAPE(oidc_from, NULL, REDIRECT);
SHAPE(oidc_sign_in, NULL,
      TEXT("code", .required = TRUE, .low = 1, .high = OIDC_CODE_MAX),
      TEXT("state", .required = TRUE, .low = 1, .high = 128),
      TEXT("key", .required = TRUE, .low = 1, .high = 128), REDIRECT);
SHAPE(totp_code_body, NULL,
      TEXT("code", .required = TRUE, .low = 0, .high = 16));
SHAPE(totp_begin, NULL,
      TEXT("password", .required = TRUE, .low = 0, .high = PASSWORD_MAX));
SHAPE(group_put, NULL,
      {.name = "users",
       .type = SHAPE_STRINGS,
       .high = 10000,
       .about = "all its members; absent: they stay"},
      OBJECT("policy", &policy_put, .nullable = TRUE,
	     .about = "null: everything is allowed"));
SHAPE(own_password, NULL,
      TEXT("old", .required = TRUE, .low = 0, .high = PASSWORD_MAX),
      PASSWORD("new"));
SHAPE(new_password, NULL, PASSWORD("password"));
SHAPE(user_add, NULL, NAME("user", USER_NAME_MAX, .required = TRUE),
      PASSWORD("password"),
      TEXT("role", .choices = roles, .low = 1, .high = 16,
	   .about = "user unless given"));
SHAPE(user_put, "What is absent stays.",
      TEXT("role", .choices = roles, .low = 1, .high = 16),
      INT("max_desktops", .low = 0, .high = 1000,
	  .about = "on at a time; 0 is no limit"),
      FLAG("totp", .about = "false: the code is no longer asked for"));
SHAPE(pool_put, "What is absent stays, or in a new pool gets its default.",
      NAME("image", 32, .about = "needed for a new pool"),
      INT("cpus", .low = 1, .high = 16, .about = "2 unless given"),
      INT("memory_mib", .low = 128, .high = 65536,
	  .about = "1024 unless given"),
      INT("heads", .low = 1, .high = 4, .about = "screens; 1 unless given"),
      INT("max", .low = 0, .high = 10000,
	  .about = "desktops at most; 10 unless given"),
      TEXT("kind", .choices = pool_kinds, .low = 1, .high = 16,
	   .about = "dedicated unless given"),
      INT("spares", .low = 0, .high = 1000,
	  .about = "kept running for whoever comes next; 0 unless given"),
      INT("version", .nullable = TRUE, .low = 1, .high = G_MAXINT32,
	  .about = "of the image, for new desktops; null: the newest"),
      INT("disconnect_after", .low = 0, .high = 30 * 86400,
	  .about = "seconds without a viewer until it ends; 0 never"),
      INT("idle_after", .low = 0, .high = 30 * 86400,
	  .about = "seconds without input until who is connected is "
		   "disconnected; 0 never"),
      INT("home_mib", .low = 0, .high = 4 << 20,
	  .about = "of each user's home, which stays when a floating desktop "
		   "goes; it holds for homes that are new; 0 none"),
      OBJECT("policy", &policy_put, .nullable = TRUE,
	     .about = "null: everything is allowed"),
      OBJECTS("schedule", &schedule, .high = 50,
	      .about = "spares by weekday and time of day; [] none"),
      NAME("quota", 32, .nullable = TRUE),
      {.name = "users",
       .type = SHAPE_STRINGS,
       .nullable = TRUE,
       .high = 1000,
       .about = "null: everyone, also unless given"},
      {.name = "groups",
       .type = SHAPE_STRINGS,
       .high = 1000,
       .about = "their members, too; then not everyone, unless users is null"});
static const char *const whens[] = {"logoff", "now", NULL};
SHAPE(rollout, NULL,
      INT("version", .nullable = TRUE, .low = 1, .high = G_MAXINT32,
	  .about = "null or absent: the newest, also in future"),
      TEXT("when", .choices = whens, .low = 1, .high = 16,
	   .about = "desktops in use: logoff unless given"));
SHAPE(rollback, NULL,
      TEXT("when", .choices = whens, .low = 1, .high = 16,
	   .about = "desktops in use: logoff unless given"));
SHAPE(quota_put, "What is absent stays, or is no limit; 0 is no limit.",
      INT("desktops", .low = 0, .high = 100000,
	  .about = "that may be on at a time"),
      INT("cpus", .low = 0, .high = 1000000),
      INT("memory_mib", .low = 0, .high = 1000000000));
SHAPE(obtain, NULL,
      NAME("user", USER_NAME_MAX, .about = "administrators: for this user"));
SHAPE(message_body, NULL,
      TEXT("text", .required = TRUE, .low = 1, .high = 1000));
#define HOME_FIELDS                                                            \
	TEXT("home", .about = "id"), TEXT("pool"), TEXT("user"),               \
	    TEXT("host", .about = "whose storage it is on"), INT("size_mib"),  \
	    TEXT("desktop", .nullable = TRUE, .about = "that has it now"),     \
	    INT("since", .about = "it has or has not"), INT("created")
SHAPE(home_backup, NULL, TEXT("name"), INT("bytes"), INT("at"));
SHAPE(home_row, NULL, HOME_FIELDS);
SHAPE(home, NULL, HOME_FIELDS,
      INT("used_bytes", .nullable = TRUE,
	  .about = "on the host's disk; null while that is not connected"),
      OBJECTS("backups", &home_backup));
SHAPE(homes, NULL, OBJECTS("homes", &home_row), TOTAL);
SHAPE(home_backup_body, NULL, NAME("name", 32, .required = TRUE));
SHAPE(snapshot_body, NULL, NAME("name", 32, .required = TRUE));
SHAPE(viewer_body, NULL,
      TEXT("protocol", .choices = viewer_protocols, .low = 1, .high = 16,
	   .about = "rfb unless given"));
SHAPE(image_build_body, NULL, NAME("recipe", 32, .required = TRUE),
      NAME("name", 32, .about = "the recipe's unless given"),
      FLAG("again", .about = "also when the image is current"));
SHAPE(install_answer, NULL, TEXT("task"), TEXT("image"), INT("version"),
      TEXT("desktop", .about = "its console: a desktop of that user"));
SHAPE(image_import_body, NULL,
      TEXT("file", .required = TRUE, .low = 1, .high = 200,
	   .about = "name of a file in LIB/import of the host; its ending says "
		    "what it is: qcow2 raw img vmdk vhd vhdx vdi ova"));
SHAPE(image_install_body, NULL,
      TEXT("iso", .required = TRUE, .low = 1, .high = 200,
	   .about = "name of a file in LIB/import of the host; one that begins "
		    "with copy- is removed at the end, as with the others"),
      TEXT("answers", .low = 1, .high = 200,
	   .about = "a further medium, with answers to what setup asks"),
      TEXT("drivers", .low = 1, .high = 200,
	   .about = "a further medium, with drivers for virtio"),
      TEXT("profile", .choices = install_profiles, .low = 1, .high = 32,
	   .about = "linux unless given"),
      INT("disk_gib", .low = 1, .high = 4096,
	  .about = "40, or what the profile needs"),
      INT("cpus", .low = 1, .high = 16),
      INT("memory_mib", .low = 128, .high = 65536),
      NAME("user", USER_NAME_MAX,
	   .about = "who sits at its console: the caller unless given"));
SHAPE(exec_body, NULL,
      {.name = "argv",
       .type = SHAPE_STRINGS,
       .required = TRUE,
       .low = 1,
       .high = 4096},
      {.name = "input", .type = SHAPE_BASE64, .high = 2 << 20},
      INT("timeout_ms", .low = 1, .high = 600000,
	  .about = "60000 unless given"));

SHAPE(wait_query, NULL,
      INT("wait", .low = 0, .high = G_MAXINT64,
	  .about = "hold the answer, 25 s at most, while "
		   "the serial is this"));
#define PAGE                                                                   \
	INT("limit", .low = 1, .high = 10000, .about = "at most so many"),     \
	    INT("offset", .low = 0, .high = G_MAXINT32,                        \
		.about = "after so many")
SHAPE(page_query, NULL, PAGE);
SHAPE(all_query, NULL,
      INT("all", .low = 0, .high = 1, .about = "the helpdesk: everybody's"),
      PAGE);
SHAPE(picture_query, NULL,
      INT("width", .low = 1, .high = 4096, .about = "at most so wide; 320"));
SHAPE(offset_query, NULL,
      INT("offset", .low = 0, .high = G_MAXINT64,
	  .about = "from this byte on; 0"));
SHAPE(version_query, NULL,
      INT("version", .low = 1, .high = G_MAXINT32, .about = "only this one"));
SHAPE(events_query, NULL,
      INT("after", .low = 0, .high = G_MAXINT64,
	  .about = "those with a greater id; absent: the newest"),
      INT("limit", .low = 1, .high = 1000, .about = "100 unless given"),
      INT("wait", .low = 0, .high = 1,
	  .about = "hold the answer, 25 s at most, until there is one"));

SHAPE(after_query, NULL,
      INT("after", .low = 0, .high = G_MAXINT64,
	  .about = "begin after this id; absent: with what happens next"));

const struct shape *const shapes[] = {&fault,
				      &error,
				      &signed_in,
				      &oidc,
				      &oidc_away,
				      &oidc_from,
				      &oidc_sign_in,
				      &me,
				      &desktop,
				      &desktops,
				      &ticket,
				      &viewer,
				      &exec_answer,
				      &user,
				      &users,
				      &session,
				      &sessions,
				      &attach,
				      &attaches,
				      &totp,
				      &group,
				      &groups,
				      &totp_code_body,
				      &totp_begin,
				      &group_put,
				      &rollout,
				      &rollback,
				      &user_put,
				      &use,
				      &quota,
				      &quotas,
				      &waiting,
				      &quota_put,
				      &pool,
				      &pools,
				      &image_version,
				      &image,
				      &images,
				      &build_answer,
				      &recipe,
				      &recipes,
				      &task,
				      &tasks,
				      &host,
				      &counts,
				      &status,
				      &event,
				      &events,
				      &sign_in,
				      &own_password,
				      &new_password,
				      &user_add,
				      &pool_put,
				      &obtain,
				      &viewer_body,
				      &snapshot,
				      &snapshots,
				      &snapshot_body,
				      &home_backup,
				      &home_row,
				      &home,
				      &homes,
				      &home_backup_body,
				      &shadow,
				      &notes,
				      &shadow_ask_body,
				      &shadow_answer_body,
				      &recorded,
				      &recording,
				      &recordings,
				      &message_body,
				      &told,
				      &words,
				      &schedule,
				      &policy_put,
				      &policy,
				      &image_build_body,
				      &image_import_body,
				      &image_install_body,
				      &install_answer,
				      &exec_body,
				      NULL};

#define E(code) (1u << FAULT_##code)

const struct route routes[] = {
    {"POST", "/sessions", ROLE_ANYONE, 201, "Sign in", .body = &sign_in,
     .answer = &signed_in, .errors = E(DENIED) | E(BUSY),
     .handle = handle_sign_in},
    {"GET", "/oidc", ROLE_ANYONE, 200, "Whether a sign-in provider is set up",
     .answer = &oidc, .handle = handle_oidc},
    {"POST", "/oidc", ROLE_ANYONE, 200, "Begin to sign in with the provider",
     .body = &oidc_from, .answer = &oidc_away, .errors = E(NOT_FOUND) | E(BUSY),
     .handle = handle_oidc_begin},
    {"POST", "/oidc/sessions", ROLE_ANYONE, 201,
     "Sign in with what the provider gave", .body = &oidc_sign_in,
     .answer = &signed_in, .errors = E(DENIED) | E(NOT_FOUND) | E(BUSY),
     .handle = handle_oidc_sign_in},
    {"DELETE", "/sessions/current", ROLE_USER, 204,
     "Sign out; desktops opened from this session are let go",
     .handle = handle_sign_out},
    {"GET", "/me", ROLE_USER, 200, "Who am I", .answer = &me,
     .handle = handle_me},
    {"PUT", "/me/password", ROLE_USER, 204, "Set one's own password",
     .body = &own_password, .errors = E(BUSY) | E(NOT_FOUND),
     .handle = handle_own_password},

    {"GET", "/desktops", ROLE_USER, 200, "Desktops one may open",
     .query = &all_query, .answer = &desktops, .handle = handle_desktops},
    {"POST", "/pools/{pool}/desktop", ROLE_USER, 200,
     "One's desktop in a pool, made and started if need be (then 202)",
     .once = TRUE, .body = &obtain, .answer = &desktop,
     .errors = E(NOT_FOUND) | E(BUSY) | E(CONFLICT) | E(UNAVAILABLE),
     .handle = handle_desktop_obtain},
    {"GET", "/desktops/{id}", ROLE_USER, 200, "A desktop", .query = &wait_query,
     .answer = &desktop, .errors = E(NOT_FOUND), .handle = handle_desktop},
    {"GET", "/desktops/{id}/notes", ROLE_USER, 200,
     "What who sits there is to know at once", .query = &wait_query,
     .answer = &notes, .errors = E(NOT_FOUND), .handle = handle_desktop_notes},
    {"POST", "/desktops/{id}/ticket", ROLE_USER, 201,
     "A ticket that opens the desktop once, within a minute", .answer = &ticket,
     .errors = E(NOT_FOUND) | E(CONFLICT), .handle = handle_desktop_ticket},
    {"POST", "/desktops/{id}/viewer", ROLE_USER, 201,
     "What a stock viewer needs to open the desktop once, within a minute",
     .body = &viewer_body, .answer = &viewer,
     .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE),
     .handle = handle_desktop_viewer},
    {"GET", "/desktops/{id}/picture", ROLE_USER, 200, "What it shows",
     .query = &picture_query, .bytes = "image/png",
     .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE) | E(TIMEOUT),
     .handle = handle_desktop_picture},
    {"POST", "/desktops/{id}/start", ROLE_USER, 202, "Start it",
     .answer = &desktop,
     .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE) | E(BUSY),
     .handle = handle_desktop_start},
    {"POST", "/desktops/{id}/shutdown", ROLE_USER, 202,
     "Ask its system to shut down", .answer = &desktop,
     .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE),
     .handle = handle_desktop_shutdown},
    {"POST", "/desktops/{id}/logoff", ROLE_USER, 202,
     "Leave it: a floating one is thrown away, a dedicated one shuts down",
     .answer = &desktop, .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE),
     .handle = handle_desktop_logoff},
    {"POST", "/desktops/{id}/off", ROLE_USER, 202, "Switch it off",
     .answer = &desktop, .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE),
     .handle = handle_desktop_off},
    {"POST", "/desktops/{id}/reset", ROLE_USER, 202, "Press reset",
     .answer = &desktop, .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE),
     .handle = handle_desktop_reset},
    {"POST", "/desktops/{id}/disconnect", ROLE_USER, 202,
     "End everybody's connection to it", .answer = &desktop,
     .errors = E(NOT_FOUND) | E(UNAVAILABLE),
     .handle = handle_desktop_disconnect},
    {"POST", "/desktops/{id}/message", ROLE_HELPDESK, 200,
     "Show its user a message", .body = &message_body, .answer = &told,
     .errors = E(NOT_FOUND) | E(CONFLICT), .handle = handle_desktop_message},
    {"POST", "/desktops/{id}/shadow", ROLE_HELPDESK, 201,
     "Ask its user to let one look on, or take part", .body = &shadow_ask_body,
     .answer = &shadow, .errors = E(NOT_FOUND) | E(CONFLICT) | E(BUSY),
     .handle = handle_shadow_ask},
    {"POST", "/desktops/{id}/shadow/answer", ROLE_USER, 200,
     "Its user's answer; more than was asked for is not given",
     .body = &shadow_answer_body, .answer = &desktop,
     .errors = E(NOT_FOUND) | E(CONFLICT), .handle = handle_shadow_answer},
    {"DELETE", "/desktops/{id}/shadow", ROLE_USER, 200,
     "Its user sends them away", .answer = &desktop, .errors = E(NOT_FOUND),
     .handle = handle_shadow_send_away},
    {"GET", "/shadows/{shadow}", ROLE_HELPDESK, 200, "What became of it",
     .query = &wait_query, .answer = &shadow, .errors = E(NOT_FOUND),
     .handle = handle_shadow},
    {"POST", "/shadows/{shadow}/ticket", ROLE_HELPDESK, 201,
     "A ticket beside the user's session, once granted", .answer = &ticket,
     .errors = E(NOT_FOUND) | E(CONFLICT), .handle = handle_shadow_ticket},
    {"POST", "/shadows/{shadow}/viewer", ROLE_HELPDESK, 201,
     "The same for a stock viewer", .answer = &viewer,
     .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE),
     .handle = handle_shadow_viewer},
    {"DELETE", "/shadows/{shadow}", ROLE_HELPDESK, 204, "End it",
     .errors = E(NOT_FOUND), .handle = handle_shadow_end},
    {"POST", "/desktops/{id}/recording", ROLE_OPERATOR, 202,
     "Record it until it ends or this is withdrawn; its user is told",
     .answer = &desktop, .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE),
     .handle = handle_recording_begin},
    {"DELETE", "/desktops/{id}/recording", ROLE_OPERATOR, 202,
     "Withdraw that; what its policy says goes on", .answer = &desktop,
     .errors = E(NOT_FOUND) | E(UNAVAILABLE), .handle = handle_recording_end},
    {"GET", "/recordings", ROLE_OPERATOR, 200,
     "What was recorded, oldest first", .query = &page_query,
     .answer = &recordings, .handle = handle_recordings},
    {"GET", "/recordings/{recording}", ROLE_ADMIN, 200,
     "The file from an offset on, 1 MiB at most; empty at its end",
     .query = &offset_query, .bytes = "video/webm",
     .errors = E(NOT_FOUND) | E(UNAVAILABLE), .handle = handle_recording_read},
    {"DELETE", "/recordings/{recording}", ROLE_ADMIN, 204, "Remove it",
     .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE),
     .handle = handle_recording_remove},
    {"GET", "/desktops/{id}/snapshots", ROLE_USER, 200, "Its snapshots",
     .answer = &snapshots, .errors = E(NOT_FOUND), .handle = handle_snapshots},
    {"POST", "/desktops/{id}/snapshots", ROLE_USER, 201,
     "Keep its disk as it is now; a dedicated desktop, off or running",
     .body = &snapshot_body, .answer = &snapshots,
     .errors =
	 E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE) | E(TIMEOUT) | E(BUSY),
     .handle = handle_snapshot_take},
    {"POST", "/desktops/{id}/snapshots/{snapshot}/revert", ROLE_USER, 200,
     "Make its disk what it was then; it must be off", .answer = &snapshots,
     .errors =
	 E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE) | E(TIMEOUT) | E(BUSY),
     .handle = handle_snapshot_revert},
    {"DELETE", "/desktops/{id}/snapshots/{snapshot}", ROLE_USER, 204,
     "Remove a snapshot",
     .errors =
	 E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE) | E(TIMEOUT) | E(BUSY),
     .handle = handle_snapshot_remove},
    {"DELETE", "/desktops/{id}", ROLE_OPERATOR, 204,
     "Remove it with its disk; it must be off",
     .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE) | E(TIMEOUT),
     .handle = handle_desktop_remove},
    {"POST", "/desktops/{id}/exec", ROLE_ADMIN, 200,
     "Run a program in it, through its guest agent", .body = &exec_body,
     .answer = &exec_answer, .body_max = 3 << 20,
     .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE) | E(TIMEOUT),
     .handle = handle_desktop_exec},

    {"GET", "/me/sessions", ROLE_USER, 200, "Where one is signed in",
     .query = &page_query, .answer = &sessions, .errors = E(CONFLICT),
     .handle = handle_own_sessions},
    {"DELETE", "/me/sessions/{id}", ROLE_USER, 204,
     "End one, with what was opened from it",
     .errors = E(NOT_FOUND) | E(CONFLICT), .handle = handle_own_session_end},
    {"GET", "/users/{user}/sessions", ROLE_HELPDESK, 200,
     "Where a user is signed in", .query = &page_query, .answer = &sessions,
     .handle = handle_user_sessions},
    {"DELETE", "/users/{user}/sessions", ROLE_HELPDESK, 204,
     "Sign a user out everywhere", .handle = handle_user_sessions_end},
    {"POST", "/me/totp", ROLE_USER, 201, "Make a secret for codes at sign-in",
     .body = &totp_begin, .answer = &totp, .errors = E(CONFLICT) | E(BUSY),
     .handle = handle_totp_begin},
    {"PUT", "/me/totp", ROLE_USER, 204,
     "Ask for codes from now on; the first one shows that they work",
     .body = &totp_code_body, .errors = E(CONFLICT) | E(BUSY),
     .handle = handle_totp_confirm},
    {"DELETE", "/me/totp", ROLE_USER, 204, "Ask for no code any more",
     .body = &totp_code_body, .errors = E(CONFLICT) | E(BUSY),
     .handle = handle_totp_end},

    {"GET", "/groups", ROLE_HELPDESK, 200, "All groups", .answer = &groups,
     .handle = handle_groups},
    {"GET", "/groups/{group}", ROLE_HELPDESK, 200, "A group", .answer = &group,
     .errors = E(NOT_FOUND), .handle = handle_group},
    {"PUT", "/groups/{group}", ROLE_ADMIN, 200, "Make or change a group",
     .body = &group_put, .answer = &group, .errors = E(NOT_FOUND),
     .handle = handle_group_put},
    {"DELETE", "/groups/{group}", ROLE_ADMIN, 204, "Remove a group",
     .errors = E(NOT_FOUND), .handle = handle_group_remove},
    {"GET", "/users", ROLE_HELPDESK, 200, "Everybody", .query = &page_query,
     .answer = &users, .handle = handle_users},
    {"POST", "/users", ROLE_ADMIN, 201, "Add a user", .body = &user_add,
     .once = TRUE, .answer = &user, .errors = E(CONFLICT) | E(BUSY),
     .handle = handle_user_add},
    {"GET", "/users/{user}", ROLE_HELPDESK, 200, "A user", .answer = &user,
     .errors = E(NOT_FOUND), .handle = handle_user},
    {"PUT", "/users/{user}", ROLE_ADMIN, 200, "Change a user",
     .body = &user_put, .answer = &user, .errors = E(NOT_FOUND) | E(CONFLICT),
     .handle = handle_user_put},
    {"DELETE", "/users/{user}", ROLE_ADMIN, 204,
     "Remove a user who has no desktops", .errors = E(NOT_FOUND) | E(CONFLICT),
     .handle = handle_user_remove},
    {"PUT", "/users/{user}/password", ROLE_HELPDESK, 204,
     "Set a user's password; their sessions end", .body = &new_password,
     .errors = E(NOT_FOUND) | E(BUSY), .handle = handle_user_password},

    {"GET", "/pools", ROLE_HELPDESK, 200, "All pools", .query = &page_query,
     .answer = &pools, .handle = handle_pools},
    {"GET", "/pools/{pool}", ROLE_HELPDESK, 200, "A pool", .answer = &pool,
     .errors = E(NOT_FOUND), .handle = handle_pool},
    {"PUT", "/pools/{pool}", ROLE_OPERATOR, 200, "Make or change a pool",
     .body = &pool_put, .answer = &pool, .errors = E(NOT_FOUND) | E(CONFLICT),
     .handle = handle_pool_put},
    {"DELETE", "/pools/{pool}", ROLE_OPERATOR, 204,
     "Remove a pool that has no desktops", .errors = E(NOT_FOUND) | E(CONFLICT),
     .handle = handle_pool_remove},

    {"POST", "/pools/{pool}/rollout", ROLE_OPERATOR, 200,
     "Put it on a version of its image", .body = &rollout, .answer = &pool,
     .once = TRUE, .errors = E(NOT_FOUND) | E(CONFLICT) | E(BUSY),
     .handle = handle_pool_rollout},
    {"POST", "/pools/{pool}/rollback", ROLE_OPERATOR, 200,
     "Put it on the version before", .body = &rollback, .answer = &pool,
     .once = TRUE, .errors = E(NOT_FOUND) | E(CONFLICT) | E(BUSY),
     .handle = handle_pool_rollback},

    {"GET", "/homes", ROLE_HELPDESK, 200,
     "Homes that go with people from one floating desktop to the next",
     .query = &page_query, .answer = &homes, .handle = handle_homes},
    {"GET", "/homes/{home}", ROLE_HELPDESK, 200, "A home", .answer = &home,
     .errors = E(NOT_FOUND), .handle = handle_home},
    {"DELETE", "/homes/{home}", ROLE_ADMIN, 204,
     "Delete a home that no desktop has, with its backups",
     .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE) | E(TIMEOUT),
     .handle = handle_home_remove},
    {"POST", "/homes/{home}/backups", ROLE_OPERATOR, 201,
     "Keep a copy of a home that no desktop has", .body = &home_backup_body,
     .answer = &home,
     .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE) | E(TIMEOUT),
     .handle = handle_home_backup},
    {"POST", "/homes/{home}/backups/{backup}/restore", ROLE_OPERATOR, 200,
     "Make a home what it was then", .answer = &home,
     .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE) | E(TIMEOUT),
     .handle = handle_home_restore},
    {"DELETE", "/homes/{home}/backups/{backup}", ROLE_OPERATOR, 204,
     "Delete a copy",
     .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE) | E(TIMEOUT),
     .handle = handle_home_backup_remove},

    {"GET", "/quotas", ROLE_HELPDESK, 200, "All quotas, and their use",
     .answer = &quotas, .handle = handle_quotas},
    {"GET", "/quotas/{quota}", ROLE_HELPDESK, 200, "A quota", .answer = &quota,
     .errors = E(NOT_FOUND), .handle = handle_quota},
    {"PUT", "/quotas/{quota}", ROLE_ADMIN, 200, "Make or change a quota",
     .body = &quota_put, .answer = &quota, .handle = handle_quota_put},
    {"DELETE", "/quotas/{quota}", ROLE_ADMIN, 204,
     "Remove a quota that no pool has", .errors = E(NOT_FOUND) | E(CONFLICT),
     .handle = handle_quota_remove},

    {"GET", "/images", ROLE_HELPDESK, 200, "All images", .answer = &images,
     .handle = handle_images},
    {"POST", "/images", ROLE_OPERATOR, 202,
     "Build an image from a recipe (200 when it is current)", .once = TRUE,
     .body = &image_build_body, .answer = &build_answer,
     .errors = E(NOT_FOUND) | E(UNAVAILABLE) | E(CONFLICT) | E(BUSY),
     .handle = handle_image_build},
    {"GET", "/images/{image}", ROLE_HELPDESK, 200, "An image", .answer = &image,
     .errors = E(NOT_FOUND), .handle = handle_image},
    {"POST", "/images/{image}/import", ROLE_OPERATOR, 202,
     "Make a version of it from a disk made elsewhere", .once = TRUE,
     .body = &image_import_body, .answer = &build_answer,
     .errors = E(UNAVAILABLE) | E(CONFLICT) | E(BUSY),
     .handle = handle_image_import},
    {"POST", "/images/{image}/install", ROLE_OPERATOR, 202,
     "Install a system from a medium, at the console, as a new image",
     .once = TRUE, .body = &image_install_body, .answer = &install_answer,
     .errors = E(NOT_FOUND) | E(CONFLICT) | E(BUSY) | E(UNAVAILABLE),
     .handle = handle_image_install},
    {"POST", "/images/{image}/finish", ROLE_OPERATOR, 202,
     "That is done: its disk is taken as it is", .answer = &image,
     .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE),
     .handle = handle_image_finish},
    {"DELETE", "/images/{image}", ROLE_OPERATOR, 204,
     "Remove an image that nothing uses", .query = &version_query,
     .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE) | E(TIMEOUT),
     .handle = handle_image_remove},
    {"GET", "/recipes", ROLE_OPERATOR, 200, "What images can be built",
     .answer = &recipes, .handle = handle_recipes},

    {"GET", "/tasks", ROLE_HELPDESK, 200, "The newest tasks", .answer = &tasks,
     .handle = handle_tasks},
    {"GET", "/tasks/{id}", ROLE_HELPDESK, 200, "A task", .query = &wait_query,
     .answer = &task, .errors = E(NOT_FOUND), .handle = handle_task},
    {"DELETE", "/tasks/{id}", ROLE_OPERATOR, 202, "Cancel a task",
     .answer = &task, .errors = E(NOT_FOUND) | E(CONFLICT),
     .handle = handle_task_cancel},

    {"GET", "/attaches", ROLE_HELPDESK, 200, "Who has which desktop open",
     .query = &page_query, .answer = &attaches, .handle = handle_attaches},
    {"GET", "/status", ROLE_HELPDESK, 200, "How everything is",
     .answer = &status, .handle = handle_status},
    {"GET", "/events", ROLE_HELPDESK, 200, "What happened",
     .query = &events_query, .answer = &events, .handle = handle_events},
    {"GET", "/events/stream", ROLE_HELPDESK, 200, "What happens, as it happens",
     .query = &after_query, .bytes = "text/event-stream",
     .handle = handle_events_stream},
    {"GET", "/openapi.json", ROLE_ANYONE, 200, "This description",
     .handle = handle_openapi},
};
const gsize routes_count = G_N_ELEMENTS(routes);
