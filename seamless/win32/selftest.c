#include "seamless/win32/selftest.h"
int selftest_run(void)
{
	return 1;
}
