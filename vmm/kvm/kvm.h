/* kvm.h - what is asked of /dev/kvm before a machine is built.
 * Threads: main loop. Errors: faults that name the missing piece. */
#pragma once

#include <glib.h>
#include <linux/kvm.h>

/* Opens /dev/kvm and checks its version and every capability the machine
 * cannot do without. -1 and a fault. */
int kvm_open(GError **error);
/* Creates the VM with irqchip, PIT and the addresses some hosts need. */
int kvm_create_vm(int kvm, GError **error);
/* -1 and a fault, or the descriptor */
int kvm_create_vcpu(int vm, unsigned index, GError **error);
/* supported CPUID; g_free */
struct kvm_cpuid2 *kvm_supported_cpuid(int kvm, GError **error);
