// Vectors of floats in the compiler's own extension: one source for AVX2, AVX-512 and NEON.
#pragma once
#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__AVX512F__)
constexpr int WIDTH = 16;
#elif defined(__AVX__)
constexpr int WIDTH = 8;
#else
constexpr int WIDTH = 4;
#endif

typedef float Vec __attribute__((vector_size(WIDTH * 4)));
typedef int32_t IntVec __attribute__((vector_size(WIDTH * 4)));

static inline Vec load(const float* from) {
    Vec value;
    std::memcpy(&value, from, sizeof value);  // an unaligned load, said portably
    return value;
}

static inline void store(float* to, Vec value) { std::memcpy(to, &value, sizeof value); }

// value - 0 is value for every float, -0 among them, so that the compiler may leave it out.
static inline Vec broadcast(float value) { return value - Vec{}; }

static inline IntVec load_ints(const void* from) {
    IntVec value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

// To the nearest integer, for numbers below 2^22: adding 1.5 * 2^23 leaves no bits for a fraction.
static inline IntVec nearest(Vec value) {
    const Vec magic = broadcast(12582912.0f);
    return __builtin_convertvector((value + magic) - magic, IntVec);
}

// Calls work(integral_constant<value>), for a value of 1 to MOST: a loop of fixed length inside.
template <int MOST, class Work>
static inline void as_constant(int value, Work work) {
    if constexpr (MOST > 1)
        if (value < MOST) return as_constant<MOST - 1>(value, work);
    work(std::integral_constant<int, MOST>{});
}

static inline float sum(Vec value) {
    float total = 0;
    for (int i = 0; i < WIDTH; i++) total += value[i];
    return total;
}

// e^x by Cephes' scheme: x = n ln 2 + r, a polynomial of degree 6 in r, then 2^n by its exponent
// bits. Relative error below 2e-7; arguments are clamped to where the result is a normal number.
static inline Vec exp(Vec x) {
    x = x > broadcast(88.0f) ? broadcast(88.0f) : x;
    x = x < broadcast(-87.0f) ? broadcast(-87.0f) : x;
    Vec scaled = x * 1.44269504088896341f;
    // Adding and taking away 1.5 * 2^23 rounds to the nearest integer; the volatile-free form
    // holds because the build does not allow reassociation.
    const Vec magic = broadcast(12582912.0f);
    Vec whole = (scaled + magic) - magic;
    Vec r = x - whole * 0.693359375f;
    r = r - whole * -2.12194440e-4f;
    Vec p = broadcast(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    IntVec bits = (__builtin_convertvector(whole, IntVec) + 127) << 23;
    Vec power;
    std::memcpy(&power, &bits, sizeof power);
    return p * power;
}
