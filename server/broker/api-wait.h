/* api-wait.h - answers that are held until something changes. */
#pragma once

#include "server/broker/request.h"

/* A proxy's patience is 30 s or more. */
#define API_WAIT_MS 25000

/* Calls again after the next change of key or when time is up. */
void api_wait(struct request *request, const char *key,
	      void (*again)(struct request *request));
