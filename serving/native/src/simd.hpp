// Vectors of floats in the compiler's own extension: one source for AVX2, AVX-512 and NEON.
#pragma once
#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>
#include <vector>

#if defined(__AVX512F__)
constexpr int WIDTH = 16;
#elif defined(__AVX__)
constexpr int WIDTH = 8;
#else
constexpr int WIDTH = 4;
#endif

typedef float Vec __attribute__((vector_size(WIDTH * 4)));
typedef int32_t IntVec __attribute__((vector_size(WIDTH * 4)));

// Memory that begins with a cache line: a vector across two of them is read at half the speed.
template <class T>
struct LineAllocator {
    using value_type = T;
    static constexpr std::align_val_t LINE{64};

    T* allocate(size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), LINE)); }
    void deallocate(T* memory, size_t) { ::operator delete(memory, LINE); }
    bool operator==(const LineAllocator&) const { return true; }
    bool operator!=(const LineAllocator&) const { return false; }
};

template <class T>
using Array = std::vector<T, LineAllocator<T>>;

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

static inline IntVec lane_numbers() {
    IntVec numbers;
    for (int i = 0; i < WIDTH; i++) numbers[i] = i;
    return numbers;
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

// Every lane becomes what `join` makes of all lanes.
template <class AnyVec, class Join>
static inline AnyVec fold(AnyVec value, Join join) {
    const IntVec lanes = lane_numbers();
    for (int apart = WIDTH / 2; apart > 0; apart /= 2)
        value = join(value, __builtin_shuffle(value, lanes ^ apart));
    return value;
}

static inline Vec larger(Vec left, Vec right) { return left > right ? left : right; }

static inline float sum(Vec value) {
    return fold(value, [](Vec left, Vec right) { return left + right; })[0];
}

// 2^x by Cephes' scheme: x = n + r, a polynomial of degree 6 in r, n added to its exponent bits.
// Relative error below 2e-7; arguments are clamped to where the result is a normal number.
static inline Vec exp2(Vec x) {
    x = x > broadcast(127.0f) ? broadcast(127.0f) : x;
    x = x < broadcast(-125.0f) ? broadcast(-125.0f) : x;
    // Rounds to the nearest integer, see above; holds because the build does not reassociate.
    const Vec magic = broadcast(12582912.0f);
    Vec whole = (x + magic) - magic;
    Vec r = x - whole;
    Vec p = broadcast(1.535336188319500e-4f);
    p = p * r + 1.339887440266574e-3f;
    p = p * r + 9.618437357674640e-3f;
    p = p * r + 5.550332471162809e-2f;
    p = p * r + 2.402264791363012e-1f;
    p = p * r + 6.931472028550421e-1f;
    p = p * r + 1.0f;
    IntVec bits;
    std::memcpy(&bits, &p, sizeof bits);
    bits += __builtin_convertvector(whole, IntVec) << 23;
    std::memcpy(&p, &bits, sizeof bits);
    return p;
}

constexpr float LOG2_E = 1.44269504088896341f;
