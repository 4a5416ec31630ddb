// The product of gemm.hpp from 8-bit weights and 8-bit inputs, summed in integers.
//
//     weights  one scale an output; panels as in gemm.hpp, but four k side by side: [k / 4, PANEL, 4]
//     inputs   one scale for each GROUP of k of each row: one large value spoils its group alone
//
//     out = weight_scale * sum over groups (input_scale * sum over the group of int8 * int8)
//
// A group's sum is exact and groups are added in order, so a row's result does not depend on the
// rows beside it, and is the same on every processor but for the last rounding.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "simd.hpp"

constexpr int GROUP = 32;
constexpr int QUAD = 4;
constexpr int QUADS = GROUP / QUAD;
constexpr int BYTE_ROWS = WIDTH == 16 ? 6 : 4;  // at once in registers
constexpr int BYTE_STEP = 2 * WIDTH * QUAD;     // bytes of one quad of a panel

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

static inline int groups_of(int k) { return (k + GROUP - 1) / GROUP; }

// Rows of numbers as bytes, their groups' scales, and what OFFSET adds to each group's sum.
struct Bytes {
    std::vector<int8_t> data;
    std::vector<float> scales;
    std::vector<int32_t> excess;

    void resize(int rows, int k) {
        size_t count = size_t(rows) * groups_of(k);
        if (scales.size() >= count) return;
        data.resize(count * GROUP);
        scales.resize(count);
        excess.resize(count);
    }

    // Keep k numbers, padded with zeros to a whole number of groups, as row `row`.
    void quantise(const float* in, int k, int row) {
        const Vec unbounded = broadcast(std::numeric_limits<float>::infinity());
        for (int g = 0, groups = groups_of(k); g < groups; g++) {
            size_t at = size_t(row) * groups + g;
            const float* values = in + size_t(g) * GROUP;
            Vec highest = {};
            for (int i = 0; i < GROUP; i += WIDTH) {
                Vec value = load(values + i), size = value < -value ? -value : value;
                size = size < unbounded ? size : unbounded;  // NaN too: its scale spoils the row
                highest = size > highest ? size : highest;
            }
            float peak = 0;
            for (int i = 0; i < WIDTH; i++) peak = std::max(peak, highest[i]);
            // A group this near to nothing counts as nothing: its inverse would not be a number.
            float inverse = peak > 1e-30f ? 127.0f / peak : 0.0f;
            IntVec total = {};
            for (int i = 0; i < GROUP; i += WIDTH) {
                IntVec whole = nearest(load(values + i) * inverse);
                total += whole;
                for (int j = 0; j < WIDTH; j++) data[at * GROUP + i + j] = int8_t(whole[j]);
            }
            int32_t sum = 0;
            for (int i = 0; i < WIDTH; i++) sum += total[i];
            scales[at] = peak / 127.0f;
            excess[at] = -OFFSET * sum;
        }
    }
};

struct PackedBytes {
    const int8_t* weight;  // [panels, groups * QUADS, PANEL, QUAD], OFFSET added
    const float* scale;    // [panels * PANEL]
    const float* bias;     // likewise
    int n, groups;

    int panels() const { return (n + 2 * WIDTH - 1) / (2 * WIDTH); }
    const int8_t* panel(int index) const {
        return weight + size_t(index) * groups * QUADS * BYTE_STEP;
    }
};

// M rows against V vectors of a panel, from `weight` on: sums, without the weights' scales.
template <int M, int V, bool PREFETCH>
static inline void sum_groups(
    const Bytes& in, int first, int groups, const int8_t* weight, const int8_t* ahead,
    Vec (*sums)[M]) {
    const int8_t* data = in.data.data() + size_t(first) * groups * GROUP;
    const float* scales = in.scales.data() + size_t(first) * groups;
    const int32_t* excess = in.excess.data() + size_t(first) * groups;
    Vec totals[V][M] = {};
    for (int g = 0; g < groups; g++) {
        IntVec whole[V][M];
#pragma GCC unroll 8
        for (int m = 0; m < M; m++)
            for (int v = 0; v < V; v++) whole[v][m] = excess[m * groups + g] - IntVec{};
#pragma GCC unroll 8
        for (int q = 0; q < QUADS; q++, weight += BYTE_STEP) {
            if (PREFETCH) {
                for (int line = 0; line < BYTE_STEP; line += 64) __builtin_prefetch(ahead + line);
                ahead += BYTE_STEP;
            }
            IntVec parts[V];
            for (int v = 0; v < V; v++) parts[v] = load_ints(weight + v * WIDTH * QUAD);
#pragma GCC unroll 8
            for (int m = 0; m < M; m++) {
                int32_t quad;
                std::memcpy(&quad, data + (size_t(m) * groups + g) * GROUP + q * QUAD, QUAD);
#pragma GCC unroll 2
                for (int v = 0; v < V; v++) whole[v][m] = dot(whole[v][m], parts[v], quad);
            }
        }
#pragma GCC unroll 8
        for (int m = 0; m < M; m++) {
            Vec scale = broadcast(scales[m * groups + g]);
#pragma GCC unroll 2
            for (int v = 0; v < V; v++)
                totals[v][m] += __builtin_convertvector(whole[v][m], Vec) * scale;
        }
    }
    for (int v = 0; v < V; v++)
        for (int m = 0; m < M; m++) sums[v][m] = totals[v][m];
}

template <int M, bool PREFETCH>
static void group_bytes(
    const Bytes& in, int first, const PackedBytes& by, int panel, Vec (*result)[2]) {
    const int8_t *weight = by.panel(panel), *ahead = by.panel(panel + 1);
    Vec sums[2][M];
    // The first walk waits for memory, so both vectors at once. The others are held up by sums, in
    // floats and integers, that do not fit the registers: with AVX-512 one vector at a time is
    // half as fast again, without it reading the inputs twice costs more.
    if constexpr (PREFETCH || WIDTH < 16) {
        sum_groups<M, 2, PREFETCH>(in, first, by.groups, weight, ahead, sums);
    } else {
        sum_groups<M, 1, PREFETCH>(in, first, by.groups, weight, ahead, sums);
        weight += WIDTH * QUAD;
        sum_groups<M, 1, false>(in, first, by.groups, weight, ahead, sums + 1);
    }
    const float* scale = by.scale + size_t(panel) * 2 * WIDTH;
    const float* bias = by.bias + size_t(panel) * 2 * WIDTH;
    for (int m = 0; m < M; m++) {
        result[m][0] = sums[0][m] * load(scale) + load(bias);
        result[m][1] = sums[1][m] * load(scale + WIDTH) + load(bias + WIDTH);
    }
}

// Rows [first, end) of `in` against one panel; see the one of gemm.hpp.
template <class Emit>
static inline void multiply(
    const Bytes& in, int first, int end, const PackedBytes& by, int panel, Emit emit) {
    int groups = (end - first + BYTE_ROWS - 1) / BYTE_ROWS;
    bool prefetch = true;
    for (; groups > 0; groups--) {
        int rows = (end - first + groups - 1) / groups;
        Vec sums[BYTE_ROWS][2];
        as_constant<BYTE_ROWS>(rows, [&](auto size) {
            if (prefetch)
                group_bytes<size(), true>(in, first, by, panel, sums);
            else
                group_bytes<size(), false>(in, first, by, panel, sums);
        });
        for (int m = 0; m < rows; m++) emit(first + m, sums[m][0], sums[m][1]);
        prefetch = false;
        first += rows;
    }
}
