#if defined(__GLIBC__) || defined(__linux__)
#include <malloc.h>
#endif

// Whether this processor runs what this library was compiled for; called before anything else in it.
extern "C" __attribute__((visibility("default"))) int ddspfx_runs_here() {
#if defined(__x86_64__) && defined(__AVX512F__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("fma");
#elif defined(__x86_64__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return 1;
#endif
}

// XLA asks for fresh memory for every large array. The C library hands it back to the system each time, and the
// system clears it page by page when it comes again, which costs more than most kernels: so it is kept, up to 2 GiB.
extern "C" __attribute__((visibility("default"))) void ddspfx_keep_memory() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, 0x7fffffff);
  mallopt(M_TOP_PAD, 64 << 20);  // else threads' heaps, of 64 MiB each, are given back whenever one is empty
#endif
}
