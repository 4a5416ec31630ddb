// Sums of products of bytes, by what the processor has for it.
#pragma once
#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "simd.hpp"

constexpr int QUAD = 4;  // bytes of a lane

// dot(sum, weights, quad): to each lane's sum add its four weights times the four inputs of `quad`.
// VNNI multiplies unsigned bytes by signed ones: weights are kept with OFFSET added, and a sum
// starts from what that adds too much.
#if defined(__AVX512VNNI__)
constexpr int OFFSET = 128;
static inline IntVec dot(IntVec sum, IntVec weights, int32_t quad) {
    return (IntVec)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)weights, _mm512_set1_epi32(quad));
}
#elif defined(__AVXVNNI__) && !defined(__AVX512F__)
constexpr int OFFSET = 128;
static inline IntVec dot(IntVec sum, IntVec weights, int32_t quad) {
    return (IntVec)_mm256_dpbusd_avx_epi32(
        (__m256i)sum, (__m256i)weights, _mm256_set1_epi32(quad));
}
#elif defined(__AVX2__)
constexpr int OFFSET = 0;
// The sign moves from the weight to the input, so that one side is unsigned. Two products of at
// most 127 * 127 fit 16 bits: nothing saturates.
static inline __m256i dot_half(__m256i weights, __m256i inputs) {
    __m256i pairs = _mm256_maddubs_epi16(
        _mm256_abs_epi8(weights), _mm256_sign_epi8(inputs, weights));
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}
static inline IntVec dot(IntVec sum, IntVec weights, int32_t quad) {
    __m256i inputs = _mm256_set1_epi32(quad);
    __m256i parts[WIDTH / 8];
    std::memcpy(parts, &weights, sizeof weights);
    for (auto& part : parts) part = dot_half(part, inputs);
    IntVec products;
    std::memcpy(&products, parts, sizeof products);
    return sum + products;
}
#else
constexpr int OFFSET = 0;
static inline IntVec dot(IntVec sum, IntVec weights, int32_t quad) {
    for (int left = 24; left >= 0; left -= 8)
        sum += ((weights << left) >> 24) * (int32_t(uint32_t(quad) << left) >> 24);
    return sum;
}
#endif
