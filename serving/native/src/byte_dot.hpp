// Sums of products of bytes, by what the processor has for it.
//
//                  PER_DOT  weights                inputs
//     VNNI         4        bytes, OFFSET added    bytes
//     elsewhere    2        bytes, made 16 bits    16 bits
//
// VNNI multiplies unsigned bytes by signed ones: OFFSET makes weights unsigned, and a sum starts from what
// that adds too much. Before VNNI the instruction for bytes adds products in 16 bits, which do not always
// fit; the one for 16 bits always does. A weight is made 16 bits once for several rows.
#pragma once
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "simd.hpp"

// What a lane of a sum takes at once, weights and inputs.
#if defined(__AVX512VNNI__) || (defined(__AVXVNNI__) && !defined(__AVX512F__))
constexpr int PER_DOT = 4, OFFSET = 128;
typedef int8_t ByteInput;
#else
constexpr int PER_DOT = 2, OFFSET = 0;
typedef int16_t ByteInput;
#endif

// PER_DOT weights for each lane, as `dot` wants them.
static inline IntVec load_weights(const int8_t* from) {
    if constexpr (PER_DOT == 4) return load_ints(from);
#if defined(__AVX512BW__)
    return (IntVec)_mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i*)from));
#elif defined(__AVX2__) && !defined(__AVX512F__)
    return (IntVec)_mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)from));
#else
    int8_t __attribute__((vector_size(WIDTH * 2))) bytes;
    std::memcpy(&bytes, from, sizeof bytes);
    typedef int16_t Wide __attribute__((vector_size(WIDTH * 4)));
    return (IntVec)__builtin_convertvector(bytes, Wide);
#endif
}

// To each lane's sum add its PER_DOT weights times as many inputs: 32 bits, the same for all lanes.
static inline IntVec dot(IntVec sum, IntVec weights, int32_t inputs) {
#if defined(__AVX512VNNI__)
    return (IntVec)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)weights, _mm512_set1_epi32(inputs));
#elif defined(__AVXVNNI__) && !defined(__AVX512F__)
    return (IntVec)_mm256_dpbusd_avx_epi32(
        (__m256i)sum, (__m256i)weights, _mm256_set1_epi32(inputs));
#else
#if defined(__AVX512BW__)
    sum += (IntVec)_mm512_madd_epi16((__m512i)weights, _mm512_set1_epi32(inputs));
#elif defined(__AVX2__) && !defined(__AVX512F__)
    sum += (IntVec)_mm256_madd_epi16((__m256i)weights, _mm256_set1_epi32(inputs));
#elif defined(__SSE2__) && !defined(__AVX__)
    sum += (IntVec)_mm_madd_epi16((__m128i)weights, _mm_set1_epi32(inputs));
#else
    sum += ((weights << 16) >> 16) * int32_t(int16_t(inputs)) + (weights >> 16) * (inputs >> 16);
#endif
#if defined(__SSE2__)
    // Or the compiler, free to sum integers in any order, keeps all products of a group and sums at its end.
    asm("" : "+v"(sum));
#endif
    return sum;
#endif
}
