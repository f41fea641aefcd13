/* rtc.c - MC146818 clock and CMOS memory, ports 0x70 and 0x71.
 *
 * The time is the host's UTC plus an offset that the guest moves by setting
 * the clock. Alarm, periodic and update interrupts are served by one timerfd
 * on the I/O loop, armed only while the guest has one enabled. The memory
 * bytes firmware reads (RAM size, CPU count) are filled in at reset. */
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "common/fault.h"
#include "vmm/kvm/chips.h"
#include "vmm/kvm/ioloop.h"
#include "vmm/kvm/irq.h"
#include "vmm/kvm/vm.h"

#define RTC_IRQ 8u

enum { REG_A = 10, REG_B, REG_C, REG_D, CENTURY = 0x32 };

struct rtc {
	struct device device;
	pthread_mutex_t lock;
	unsigned user;
	uint8_t index;
	uint8_t cmos[128];
	time_t offset; /* guest's clock minus ours */
	int timer;
	struct iosource source;
	time_t last_seen; /* second of the last update interrupt */
};

static uint8_t encode(const struct rtc *r, int value)
{
	return (uint8_t)(r->cmos[REG_B] & 4 ? value
					    : value / 10 << 4 | value % 10);
}

static int decode(const struct rtc *r, uint8_t value)
{
	return r->cmos[REG_B] & 4 ? value : (value >> 4) * 10 + (value & 15);
}

static void now(const struct rtc *r, struct tm *tm)
{
	time_t at = time(NULL) + r->offset;

	gmtime_r(&at, tm);
}

static uint8_t clock_byte(const struct rtc *r, unsigned index)
{
	struct tm tm;
	int hour;

	now(r, &tm);
	hour = tm.tm_hour;
	switch (index) {
	case 0:
		return encode(r, tm.tm_sec);
	case 2:
		return encode(r, tm.tm_min);
	case 4:
		if (r->cmos[REG_B] & 2)
			return encode(r, hour);
		return (uint8_t)(encode(r, hour % 12 ? hour % 12 : 12) |
				 (hour >= 12 ? 0x80 : 0));
	case 6:
		return encode(r, tm.tm_wday + 1);
	case 7:
		return encode(r, tm.tm_mday);
	case 8:
		return encode(r, tm.tm_mon + 1);
	case 9:
		return encode(r, tm.tm_year % 100);
	default:
		return encode(r, 19 + tm.tm_year / 100);
	}
}

static bool is_clock(unsigned index)
{
	return index == 0 || index == 2 || index == 4 ||
	       (index >= 6 && index <= 9) || index == CENTURY;
}

static void set_clock(struct rtc *r, unsigned index, uint8_t byte)
{
	struct tm tm;
	int value = decode(r, byte), hour;

	now(r, &tm);
	switch (index) {
	case 0:
		tm.tm_sec = value % 60;
		break;
	case 2:
		tm.tm_min = value % 60;
		break;
	case 4:
		hour = decode(r, byte & 0x7f);
		if (!(r->cmos[REG_B] & 2))
			hour = hour % 12 + (byte & 0x80 ? 12 : 0);
		tm.tm_hour = hour % 24;
		break;
	case 7:
		tm.tm_mday = CLAMP(value, 1, 31);
		break;
	case 8:
		tm.tm_mon = CLAMP(value, 1, 12) - 1;
		break;
	case 9:
		tm.tm_year = tm.tm_year / 100 * 100 + value % 100;
		break;
	case CENTURY:
		tm.tm_year =
		    tm.tm_year % 100 + (CLAMP(value, 19, 29) - 19) * 100;
		break;
	default:
		return; /* the day of the week follows the date */
	}
	r->offset = timegm(&tm) - time(NULL);
}

static uint64_t period_us(const struct rtc *r)
{
	unsigned rate = r->cmos[REG_A] & 15;

	if (!(r->cmos[REG_B] & 0x40) || rate == 0)
		return 0;
	if (rate <= 2)
		rate += 7;
	/* 500 us is the fastest we serve: a guest's periodic interrupt must
	 * not become the host's load */
	return MAX(500, 1000000ull * (1u << (rate - 1)) / 32768);
}

static void rearm(struct rtc *r)
{
	uint64_t every = period_us(r);

	if (!every && r->cmos[REG_B] & 0x30)
		every = 250000; /* seconds are compared, a quarter is near */
	ioloop_arm(r->timer, every, every);
}

static bool alarm_field(const struct rtc *r, unsigned alarm, unsigned index)
{
	return r->cmos[alarm] >= 0xc0 || r->cmos[alarm] == clock_byte(r, index);
}

static void tick(void *data, uint32_t events)
{
	struct rtc *r = data;
	struct tm tm;
	uint8_t flags = 0;
	time_t second;

	ioloop_drain(r->timer);
	pthread_mutex_lock(&r->lock);
	if (period_us(r))
		flags |= 0x40;
	now(r, &tm);
	second = timegm(&tm);
	if (second != r->last_seen) {
		r->last_seen = second;
		flags |= 0x10;
		if (alarm_field(r, 1, 0) && alarm_field(r, 3, 2) &&
		    alarm_field(r, 5, 4))
			flags |= 0x20;
	}
	r->cmos[REG_C] |= flags;
	if (flags & r->cmos[REG_B] & 0x70) {
		r->cmos[REG_C] |= 0x80;
		irq_line(r->device.vm->irqs, RTC_IRQ, r->user, true);
	}
	pthread_mutex_unlock(&r->lock);
}

static uint64_t rtc_read(void *device, uint64_t offset, unsigned size)
{
	struct rtc *r = device;
	uint8_t value;

	if (offset == 0)
		return 0xff;
	if (is_clock(r->index))
		return clock_byte(r, r->index);
	value = r->cmos[r->index];
	if (r->index == REG_C) {
		r->cmos[REG_C] = 0;
		irq_line(r->device.vm->irqs, RTC_IRQ, r->user, false);
	} else if (r->index == REG_D) {
		value = 0x80; /* the battery is good */
	} else if (r->index == REG_A) {
		value &= 0x7f; /* never in the middle of an update */
	}
	return value;
}

static void rtc_write(void *device, uint64_t offset, unsigned size,
		      uint64_t value)
{
	struct rtc *r = device;

	if (offset == 0) {
		r->index = value & 0x7f;
	} else if (is_clock(r->index)) {
		set_clock(r, r->index, (uint8_t)value);
	} else if (r->index != REG_C && r->index != REG_D) {
		r->cmos[r->index] = (uint8_t)value;
		if (r->index == REG_A || r->index == REG_B)
			rearm(r);
	}
}

static const struct bus_ops rtc_bus = {rtc_read, rtc_write};

static void rtc_reset(struct device *device)
{
	struct rtc *r = (struct rtc *)device;
	const struct guest_mem *mem = device->vm->mem;
	uint64_t low = guest_low_end(mem),
		 high = guest_high_end(mem) - HIGH_RAM;
	uint64_t above_1m = (low - (1 << 20)) >> 10, above_16m;

	above_16m = low > 16 << 20 ? (low - (16 << 20)) >> 16 : 0;
	pthread_mutex_lock(&r->lock);
	memset(r->cmos, 0, sizeof r->cmos);
	r->cmos[REG_A] = 0x26;
	r->cmos[REG_B] = 0x02;
	r->cmos[0x15] = 640 & 0xff;
	r->cmos[0x16] = 640 >> 8;
	above_1m = MIN(above_1m, 65535);
	r->cmos[0x17] = r->cmos[0x30] = (uint8_t)above_1m;
	r->cmos[0x18] = r->cmos[0x31] = (uint8_t)(above_1m >> 8);
	above_16m = MIN(above_16m, 65535);
	r->cmos[0x34] = (uint8_t)above_16m;
	r->cmos[0x35] = (uint8_t)(above_16m >> 8);
	r->cmos[0x5b] = (uint8_t)(high >> 16);
	r->cmos[0x5c] = (uint8_t)(high >> 24);
	r->cmos[0x5d] = (uint8_t)(high >> 32);
	r->cmos[0x5f] = (uint8_t)(device->vm->config.cpus - 1);
	ioloop_arm(r->timer, 0, 0);
	irq_line(device->vm->irqs, RTC_IRQ, r->user, false);
	pthread_mutex_unlock(&r->lock);
}

static void rtc_destroy(struct device *device)
{
	struct rtc *r = (struct rtc *)device;

	ioloop_remove(&r->source);
	if (r->timer >= 0)
		close(r->timer);
	pthread_mutex_destroy(&r->lock);
	g_free(r);
}

static const struct device_ops rtc_ops = {
    .reset = rtc_reset,
    .destroy = rtc_destroy,
};

bool chip_rtc_add(struct vm *vm, GError **error)
{
	struct rtc *r = g_new0(struct rtc, 1);

	r->device.ops = &rtc_ops;
	pthread_mutex_init(&r->lock, NULL);
	r->user = irq_line_user(vm->irqs, RTC_IRQ);
	chip_register(vm, &r->device);
	r->timer = ioloop_timerfd();
	r->source = (struct iosource){.fd = r->timer, .ready = tick, .data = r};
	if (r->timer < 0 || !ioloop_add(vm->io, &r->source, EPOLLIN)) {
		fault_set(error, FAULT_BUSY, NULL, "No timer for the clock");
		return false;
	}
	rtc_reset(&r->device);
	bus_add(&vm->pio, &(struct bus_range){.base = 0x70,
					      .length = 2,
					      .ops = &rtc_bus,
					      .device = r,
					      .lock = &r->lock});
	return true;
}
