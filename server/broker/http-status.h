/* http-status.h - the API's statuses, from the codes of faults. */
#pragma once

#include "common/fault.h"

static inline int http_status(enum fault_code code)
{
	switch (code) {
	case FAULT_INVALID:
		return 400;
	case FAULT_DENIED:
		return 401; /* api.c: 403 for somebody who is signed in */
	case FAULT_NOT_FOUND:
		return 404;
	case FAULT_CONFLICT:
	case FAULT_CANCELLED:
		return 409;
	case FAULT_BUSY:
		return 429;
	case FAULT_UNAVAILABLE:
		return 503;
	case FAULT_TIMEOUT:
		return 504;
	case FAULT_STORAGE:
		return 507;
	default:
		return 500;
	}
}
