/* policy.h - policies and schedules, as people type and read them. */
#pragma once

#include <glib.h>
#include <jansson.h>

/* "clipboard=none,usb=off,idle-lock=300" as the API's object; "default" as
 * null. FAULT_INVALID; what the words mean is checked by the server. */
json_t *policy_parse(const char *text, GError **error);
/* What is not allowed: "clipboard none, no usb"; "everything is allowed". */
char *policy_text(json_t *policy);

/* "mon-fri 07:30-18:00 5; sat 09:00-12:00 1" as the API's array; "none". */
json_t *schedule_parse(const char *text, GError **error);
char *schedule_text(json_t *schedule);
