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

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "simd.hpp"

constexpr int GROUP = 32;
constexpr int QUAD = 4;
constexpr int QUADS = GROUP / QUAD;
constexpr int BYTE_ROWS = WIDTH == 16 ? 7 : 4;  // at once in registers
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

typedef int8_t ByteVec __attribute__((vector_size(WIDTH)));

static inline int groups_of(int k) { return (k + GROUP - 1) / GROUP; }

// GROUP numbers of a row as bytes. All of it in one place: the product walks along several rows, and
// three addresses for each would not fit the registers.
struct ByteGroup {
    int8_t data[GROUP];
    float scale;
    int32_t excess;  // what OFFSET adds too much to the group's sum
};

// Rows of numbers as bytes.
struct Bytes {
    Array<ByteGroup> groups;
    int stride = 0;  // groups of a row, of whatever product: one row's never reach into another's

    // Room for `rows` of up to k numbers.
    void resize(int rows, int k) {
        stride = groups_of(k);
        size_t count = size_t(rows) * stride;
        if (groups.size() < count) groups.resize(count);
    }

    const ByteGroup* row(int index) const { return groups.data() + size_t(index) * stride; }

    // Keep k numbers, padded with zeros to a whole number of groups, as row `row`.
    void quantise(const float* in, int k, int row) {
        const Vec unbounded = broadcast(std::numeric_limits<float>::infinity());
        const auto add = [](IntVec left, IntVec right) { return left + right; };
        for (int g = 0, many = groups_of(k); g < many; g++) {
            ByteGroup& group = groups[size_t(row) * stride + g];
            const float* values = in + size_t(g) * GROUP;
            Vec highest = {};
            for (int i = 0; i < GROUP; i += WIDTH) {
                Vec value = load(values + i), size = value < -value ? -value : value;
                size = size < unbounded ? size : unbounded;  // NaN too: its scale spoils the row
                highest = larger(size, highest);
            }
            float peak = fold(highest, larger)[0];
            // A group this near to nothing counts as nothing: its inverse would not be a number.
            float inverse = peak > 1e-30f ? 127.0f / peak : 0.0f;
            IntVec total = {};
            for (int i = 0; i < GROUP; i += WIDTH) {
                IntVec whole = nearest(load(values + i) * inverse);
                total += whole;
                ByteVec bytes = __builtin_convertvector(whole, ByteVec);
                std::memcpy(&group.data[i], &bytes, sizeof bytes);
            }
            group.scale = peak * (1.0f / 127.0f);
            group.excess = -OFFSET * fold(total, add)[0];
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

// M rows against a panel: sums, without the weights' scales. Rows from two places as in gemm.hpp.
template <int M, bool PREFETCH>
static inline void sum_groups(
    const ByteGroup* in, size_t stride, int groups, const int8_t* weight, const int8_t* ahead,
    Vec (*sums)[M]) {
    constexpr int HALF = M / 2;
    const ByteGroup* upper = in + HALF * stride;
    Vec totals[2][M] = {};
    for (int g = 0; g < groups; g++, in++, upper++) {
        asm("" : "+r"(upper));
        auto row = [&](int m) { return m < HALF ? in + m * stride : upper + (m - HALF) * stride; };
        IntVec whole[2][M];
#pragma GCC unroll 8
        for (int m = 0; m < M; m++)
            for (int v = 0; v < 2; v++) whole[v][m] = row(m)->excess - IntVec{};
#pragma GCC unroll 8
        for (int q = 0; q < QUADS; q++, weight += BYTE_STEP) {
            if (PREFETCH) {
                for (int line = 0; line < BYTE_STEP; line += 64) __builtin_prefetch(ahead + line, 0, 2);
                ahead += BYTE_STEP;
            }
            IntVec parts[2];
            for (int v = 0; v < 2; v++) parts[v] = load_ints(weight + v * WIDTH * QUAD);
#pragma GCC unroll 8
            for (int m = 0; m < M; m++) {
                int32_t quad;
                std::memcpy(&quad, row(m)->data + q * QUAD, QUAD);
#pragma GCC unroll 2
                for (int v = 0; v < 2; v++) whole[v][m] = dot(whole[v][m], parts[v], quad);
            }
        }
#pragma GCC unroll 8
        for (int m = 0; m < M; m++) {
            Vec scale = broadcast(row(m)->scale);
#pragma GCC unroll 2
            for (int v = 0; v < 2; v++)
                totals[v][m] += __builtin_convertvector(whole[v][m], Vec) * scale;
        }
    }
    for (int v = 0; v < 2; v++)
        for (int m = 0; m < M; m++) sums[v][m] = totals[v][m];
}

template <int M, bool PREFETCH>
static void group_bytes(
    const Bytes& in, int first, const PackedBytes& by, int panel, Vec (*result)[2]) {
    const int8_t *weight = by.panel(panel), *ahead = by.panel(panel + 1);
    Vec sums[2][M];
    sum_groups<M, PREFETCH>(in.row(first), in.stride, by.groups, weight, ahead, sums);
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
