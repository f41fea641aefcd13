/* _NET_WM_SYNC_REQUEST: the application counts up when it has drawn a new
 * size. EWMH, "_NET_WM_SYNC_REQUEST"; the extended form (two counters) counts
 * by itself at every frame, the basic one (the first) is what we wait for. */
#include "seamless/agent/agent.h"

#include <X11/Xatom.h>

void sync_read(struct window *self)
{
	struct agent *agent = self->agent;
	sync_end(self);
	if (!self->syncs || !agent->has_sync)
		return;
	self->counter = props_get_card(
	    agent, self->client, ATOM(agent, _NET_WM_SYNC_REQUEST_COUNTER),
	    XA_CARDINAL, None);
	XSyncValue value;
	if (!self->counter ||
	    !XSyncQueryCounter(agent->display, self->counter, &value)) {
		self->counter = None;
		return;
	}
	self->counter_value =
	    (int64_t)XSyncValueHigh32(value) << 32 | XSyncValueLow32(value);
}

static XSyncValue value_of(int64_t v)
{
	XSyncValue value;
	XSyncIntsToValue(&value, (unsigned)(v & 0xffffffff), (int)(v >> 32));
	return value;
}

/* Before the new size: true when the application will tell. */
bool sync_begin(struct window *self)
{
	struct agent *agent = self->agent;
	self->counted = false;
	if (!self->counter)
		return false;
	self->counter_value++;
	XSyncAlarmAttributes attributes = {
	    .trigger = {.counter = self->counter,
			.value_type = XSyncAbsolute,
			.wait_value = value_of(self->counter_value),
			.test_type = XSyncPositiveComparison},
	    .delta = value_of(0),
	    .events = True};
	unsigned long mask = XSyncCACounter | XSyncCAValueType | XSyncCAValue |
			     XSyncCATestType | XSyncCADelta | XSyncCAEvents;
	if (self->alarm)
		XSyncDestroyAlarm(agent->display, self->alarm);
	self->alarm = XSyncCreateAlarm(agent->display, mask, &attributes);
	XEvent event = {.xclient = {.type = ClientMessage,
				    .window = self->client,
				    .message_type = ATOM(agent, WM_PROTOCOLS),
				    .format = 32}};
	event.xclient.data.l[0] = (long)ATOM(agent, _NET_WM_SYNC_REQUEST);
	event.xclient.data.l[1] = (long)agent_time(agent);
	event.xclient.data.l[2] = (long)(self->counter_value & 0xffffffff);
	event.xclient.data.l[3] = (long)(self->counter_value >> 32);
	XSendEvent(agent->display, self->client, False, NoEventMask, &event);
	self->counting = true;
	return true;
}

void sync_alarm(struct agent *agent, const XSyncAlarmNotifyEvent *event)
{
	for (guint i = 0; i < agent->windows->len; i++) {
		struct window *w = agent->windows->pdata[i];
		if (w->alarm != event->alarm || !w->counting)
			continue;
		int64_t now = (int64_t)XSyncValueHigh32(event->counter_value)
				  << 32 |
			      XSyncValueLow32(event->counter_value);
		if (now < w->counter_value &&
		    event->state != XSyncAlarmDestroyed)
			continue;
		w->counting = false;
		w->counted = true;
		agent_step_soon(agent);
	}
}

void sync_end(struct window *self)
{
	if (self->alarm)
		XSyncDestroyAlarm(self->agent->display, self->alarm);
	self->alarm = None;
	self->counter = None;
	self->counting = false;
}
