#include "display/codec/codec.h"

static int limit = CODEC_AVX2;

static enum codec_isa detect(void)
{
#if CODEC_X86
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
	    __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt"))
		return CODEC_AVX2;
	return CODEC_SSE2;
#else
	return CODEC_PORTABLE;
#endif
}

enum codec_isa codec_isa(void)
{
	static int found = -1; /* every thread finds the same */
	int isa = __atomic_load_n(&found, __ATOMIC_RELAXED);
	if (isa < 0) {
		isa = detect();
		__atomic_store_n(&found, isa, __ATOMIC_RELAXED);
	}
	int most = __atomic_load_n(&limit, __ATOMIC_RELAXED);
	return isa < most ? isa : most;
}

void codec_isa_limit(enum codec_isa most)
{
	__atomic_store_n(&limit, (int)most, __ATOMIC_RELAXED);
}
