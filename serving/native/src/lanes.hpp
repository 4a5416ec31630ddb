// What a 32-bit lane of a weight, an input or a cache holds, and how two of them are multiplied.
//
//     Floats   one float
//     Halves   two neighbouring bf16: products of both are added to one float
//
// All loops over lanes are written once. A sum of halves is one chain over pairs in order, as a sum
// of floats is over floats: the same bits in any company. bf16 is a float's upper half.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

#include "simd.hpp"

typedef uint32_t BitVec __attribute__((vector_size(WIDTH * 4)));
typedef uint16_t HalfVec __attribute__((vector_size(WIDTH * 2)));

static inline BitVec bits_of(Vec value) {
    BitVec bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline Vec of_bits(BitVec bits) {
    Vec value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

// Rounded to the nearest bf16, to the even one of two; what is not a number stays none.
static inline HalfVec to_halves(Vec value) {
#if defined(__AVX512BF16__)
    return (HalfVec)_mm512_cvtneps_pbh((__m512)value);
#endif
    BitVec bits = bits_of(value);
    BitVec rounded = bits + 0x7fff + ((bits >> 16) & 1);
    rounded = value == value ? rounded : bits | 0x400000;
    return __builtin_convertvector(rounded >> 16, HalfVec);
}

struct Floats {
    static constexpr int PER_LANE = 1;
    static constexpr int EXP2_DEGREE = 5;

    // sum + lanes * the lane at `input`
    static Vec add(Vec sum, Vec lanes, const float* input) {
        return sum + broadcast(*input) * lanes;
    }

    // Numbers [index, index + WIDTH) of `lanes`.
    static void put(float* lanes, int index, Vec values) { store(lanes + index, values); }

    // Number `part` of each of `count` lanes, from numbers one behind the other.
    static void interleave(const float* from, int count, int, float* to) {
        std::memcpy(to, from, size_t(count) * sizeof(float));
    }

    static Vec first_only(Vec lanes) { return lanes; }
};

struct Halves {
    static constexpr int PER_LANE = 2;
    static constexpr int EXP2_DEGREE = 3;

    static Vec add(Vec sum, Vec lanes, const float* input) {
        uint32_t pair;  // may look like any float: its bits must pass through no arithmetic
        std::memcpy(&pair, input, sizeof pair);
        BitVec left = bits_of(lanes), right = pair - BitVec{};
#if defined(__AVX512BF16__)
        return (Vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)left, (__m512bh)right);
#else
        sum += of_bits(left << 16) * of_bits(right << 16);
        return sum + of_bits(left & 0xffff0000) * of_bits(right & 0xffff0000);
#endif
    }

    static void put(float* lanes, int index, Vec values) {
        HalfVec halves = to_halves(values);
        std::memcpy(lanes + index / 2, &halves, sizeof halves);
    }

    static void interleave(const float* from, int count, int part, float* to) {
        const char* half = reinterpret_cast<const char*>(from);
        char* lane = reinterpret_cast<char*>(to) + 2 * part;
        for (int i = 0; i < count; i++) std::memcpy(lane + 4 * size_t(i), half + 2 * size_t(i), 2);
    }

    static float get(const float* lanes, int index) {
        uint16_t half;
        std::memcpy(&half, reinterpret_cast<const char*>(lanes) + size_t(index) * 2, 2);
        uint32_t bits = uint32_t(half) << 16;
        float value;
        std::memcpy(&value, &bits, sizeof value);
        return value;
    }

    // With nothing in place of each lane's second number: it may be memory that nobody wrote.
    static Vec first_only(Vec lanes) { return of_bits(bits_of(lanes) & 0xffff); }
};
