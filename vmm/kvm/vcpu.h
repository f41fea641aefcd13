/* vcpu.h - a virtual CPU and the thread that runs it.
 *
 * A vCPU is parked (its thread waits, its state may be read and set) or runs.
 * Before it parks it completes the exit it is in, so its registers are whole.
 *
 * Threads: create, state and free on the main loop while parked; the rest on
 * its own thread. Errors: faults at creation; at run time a CPU that cannot
 * go on asks for VM_WISH_INTERNAL_ERROR and parks. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct vm;
struct vcpu;
struct kvm_cpuid2;

struct vcpu *vcpu_new(struct vm *vm, unsigned index,
		      const struct kvm_cpuid2 *supported, GError **error);
/* The thread starts parked. */
bool vcpu_start(struct vcpu *vcpu, GError **error);
/* Joins the thread (vm->quit is set before) and frees. */
void vcpu_free(struct vcpu *vcpu);
/* Makes it leave the guest soon; any thread. */
void vcpu_kick(struct vcpu *vcpu);

/* Power-on state, as it was when created. */
void vcpu_reset(struct vcpu *vcpu);
/* Tells the guest's watchdog that it was stopped; before it runs on. */
void vcpu_tell_paused(struct vcpu *vcpu);

/* Where the boot CPU begins. */
struct vcpu_entry {
	enum { ENTRY_PROTECTED, ENTRY_LONG } mode;
	uint64_t rip, rsi, rbx, rsp;
	uint64_t gdt, page_table; /* of ENTRY_LONG; gdt of both */
};
bool vcpu_set_entry(struct vcpu *vcpu, const struct vcpu_entry *entry);

/* Exits counted by reason, for x-oriel-stats. */
#define VCPU_EXITS_MAX 64
const uint64_t *vcpu_exits(const struct vcpu *vcpu);
