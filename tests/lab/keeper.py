"""Holds an empty KVM machine for as long as the outer machine runs.

Linux patches its scheduler's code when the first machine is made and when the
last one goes, and KVM its own for a CPU whose APIC is off. Debian's QEMU 7.2
may go on with a translation of code that is patched while it is translated:
whoever comes by then executes, for ever, a breakpoint that is not in memory
any more. With this machine there is nothing to patch."""
import fcntl, os, time

CREATE_VM, CREATE_IRQCHIP, CREATE_VCPU = 0xae01, 0xae60, 0xae41

kvm = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
machine = fcntl.ioctl(kvm, CREATE_VM, 0)
fcntl.ioctl(machine, CREATE_IRQCHIP, 0)
cpu = fcntl.ioctl(machine, CREATE_VCPU, 0)
while True:
    time.sleep(3600)
