/* cpuid.h - what the guest's CPUs say they are.
 * Starts from what KVM says it supports and only takes away or describes
 * topology: one socket of `cpus` cores. Threads: any (pure). */
#pragma once

#include <linux/kvm.h>

/* Rewrites table in place for the CPU `index` of `cpus`. Room for 256. */
void cpuid_describe(struct kvm_cpuid2 *table, unsigned index, unsigned cpus);
