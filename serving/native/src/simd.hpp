// Vectors of floats in the compiler's own extension: one source for AVX2, AVX-512 and NEON.
#pragma once
#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>
#include <vector>

#if defined(__AVX__)
#include <immintrin.h>
#endif

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

// Lane i becomes what `join` makes of all lanes of values[i], which are spoilt.
template <int APART = 1, class AnyVec, class Join>
static inline AnyVec fold_each(AnyVec (&values)[WIDTH], Join join) {
    if constexpr (APART == WIDTH) {
        return values[0];
    } else {
        // Lane i is `left` or `right`, as i says; numbers from WIDTH on are lanes of `right`.
        const IntVec lanes = lane_numbers(), odd = (lanes & APART) != 0;
        const IntVec own = odd ? lanes + WIDTH : lanes, other = own ^ APART;
#pragma GCC unroll 8
        for (int i = 0; i < WIDTH; i += 2 * APART) {
            AnyVec left = values[i], right = values[i + APART];
            values[i] = join(__builtin_shuffle(left, right, own), __builtin_shuffle(left, right, other));
        }
        return fold_each<2 * APART>(values, join);
    }
}

template <class AnyVec>
static inline AnyVec larger(AnyVec left, AnyVec right) {
    return left > right ? left : right;
}

static inline float sum(Vec value) {
    return fold(value, [](Vec left, Vec right) { return left + right; })[0];
}

// Whether any lane of what a comparison gave is true.
static inline bool any(IntVec truth) {
#if defined(__AVX512F__)
    return _mm512_test_epi32_mask((__m512i)truth, (__m512i)truth) != 0;
#elif defined(__AVX__)
    return _mm256_movemask_ps((__m256)truth) != 0;
#else
    return fold(truth, [](IntVec left, IntVec right) { return left | right; })[0] != 0;
#endif
}

// 2^x as 2^n * 2^r, n whole, r of at most 1/2: a polynomial in r whose largest relative error is least
// (fitted by Lawson's iteration), n added to the exponent. Wrong by less than 2e-7 of the result,
// by 1.1e-4 with DEGREE 3, for what becomes a bf16. Results too small for a normal number may be zero;
// -infinity gives exactly zero.
template <int DEGREE = 5>
static inline Vec exp2(Vec x) {
#if defined(__AVX512F__)
    x = (Vec)_mm512_max_ps((__m512)broadcast(-200.0f), (__m512)x);  // the second where it is NaN
    Vec whole = (Vec)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
    const Vec least = broadcast(-125.5f);
    const IntVec nothing = x < least;  // false for NaN, which stays one
    x = x > broadcast(127.0f) ? broadcast(127.0f) : x;
    x = nothing ? least : x;
    // Rounds to the nearest integer: 1.5 * 2^23 leaves no bits for a fraction, and the build does not
    // reassociate.
    const Vec magic = broadcast(12582912.0f);
    Vec whole = (x + magic) - magic;
#endif
    Vec r = x - whole, p;
    if constexpr (DEGREE == 3) {
        p = broadcast(5.500893294811249e-2f);
        p = p * r + 2.4221095442771912e-1f;
        p = p * r + 6.932829022407532e-1f;
    } else {
        static_assert(DEGREE == 5);
        p = broadcast(1.326472731307149e-3f);
        p = p * r + 9.671512991189957e-3f;
        p = p * r + 5.550733581185341e-2f;
        p = p * r + 2.4022242426872253e-1f;
        p = p * r + 6.931470036506653e-1f;
    }
    p = p * r + 1.0f;
#if defined(__AVX512F__)
    return (Vec)_mm512_scalef_ps((__m512)p, (__m512)whole);
#else
    IntVec bits;
    std::memcpy(&bits, &p, sizeof bits);
    bits += __builtin_convertvector(whole, IntVec) << 23;
    std::memcpy(&p, &bits, sizeof bits);
    return nothing ? Vec{} : p;
#endif
}

constexpr float LOG2_E = 1.44269504088896341f;
