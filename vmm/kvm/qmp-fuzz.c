/* qmp-fuzz.c - bytes of a QMP client, on a machine without KVM. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/kvm/fake-vm.h"
#include "vmm/kvm/qmp-server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char hello[] = "{\"execute\":\"qmp_capabilities\"}";
	static struct vm *vm;
	static struct qmp_server *server;
	char answer[4096];
	int pair[2];

	if (!vm) {
		vm = fake_vm_new();
		fake_vm_add(vm, "virtio-net,id=card,mac=52:54:00:00:00:01");
		server = qmp_server_new(vm, NULL, NULL);
	}
	if (size > 65536 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return 0;
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	qmp_server_attach(server, pair[1]);
	/* half of the inputs are negotiated, the rest begin from nothing */
	if (size && data[0] & 1 && write(pair[0], hello, sizeof hello - 1) < 0)
		abort();
	if (write(pair[0], data, size) < 0)
		abort();
	shutdown(pair[0], SHUT_WR);
	for (int i = 0; i < 64 && g_main_context_iteration(NULL, FALSE); i++)
		while (read(pair[0], answer, sizeof answer) > 0)
			;
	close(pair[0]);
	while (g_main_context_iteration(NULL, FALSE))
		;
	return 0;
}
