// What every file may use of the machine: fixed-size integers, memory moves and the C mathematics, declared by hand. No standard header
// beyond stdint and stddef is included anywhere: their inline functions and templates would be compiled once for each instruction set under
// one name, and the linker might keep the copy that an older processor cannot run.
#pragma once
#include <stddef.h>
#include <stdint.h>

#if defined(__wasm__)
#define FLAMBEAU_MATH(name) __attribute__((import_module("math"), import_name(#name)))
#else
#define FLAMBEAU_MATH(name)
#endif

extern "C" {
void* memcpy(void* to, const void* from, size_t bytes);
void* memset(void* to, int value, size_t bytes);
// In WASM these are imported from the host's Math; they serve float64 and the rarer float32 functions.
FLAMBEAU_MATH(exp) double exp(double);
FLAMBEAU_MATH(exp2) double exp2(double);
FLAMBEAU_MATH(expm1) double expm1(double);
FLAMBEAU_MATH(log) double log(double);
FLAMBEAU_MATH(log2) double log2(double);
FLAMBEAU_MATH(log10) double log10(double);
FLAMBEAU_MATH(log1p) double log1p(double);
FLAMBEAU_MATH(sin) double sin(double);
FLAMBEAU_MATH(cos) double cos(double);
FLAMBEAU_MATH(tan) double tan(double);
FLAMBEAU_MATH(asin) double asin(double);
FLAMBEAU_MATH(acos) double acos(double);
FLAMBEAU_MATH(atan) double atan(double);
FLAMBEAU_MATH(sinh) double sinh(double);
FLAMBEAU_MATH(cosh) double cosh(double);
FLAMBEAU_MATH(tanh) double tanh(double);
FLAMBEAU_MATH(asinh) double asinh(double);
FLAMBEAU_MATH(acosh) double acosh(double);
FLAMBEAU_MATH(atanh) double atanh(double);
FLAMBEAU_MATH(atan2) double atan2(double, double);
FLAMBEAU_MATH(pow) double pow(double, double);
FLAMBEAU_MATH(fmod) double fmod(double, double);
}

// Tells the compiler that a loop over arrays that may be one and the same (never shifted against each other) can be vectorized.
#if defined(__clang__)
#define FLAMBEAU_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define FLAMBEAU_INDEPENDENT _Pragma("GCC ivdep")
#endif
// The opposite, where size counts more than speed.
#if defined(__wasm__)
#define FLAMBEAU_SCALAR _Pragma("clang loop vectorize(disable)")
#else
#define FLAMBEAU_SCALAR
#endif
// Rounds a product before it is added to something: the compiler may not fuse the two.
#if defined(__wasm__)
#define FLAMBEAU_ROUNDED(value)
#else
#define FLAMBEAU_ROUNDED(value) asm("" : "+m"(value))
#endif
#define FLAMBEAU_INLINE static inline __attribute__((always_inline))
#define FLAMBEAU_NOINLINE __attribute__((noinline))
