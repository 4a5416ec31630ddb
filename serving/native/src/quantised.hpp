// The product of gemm.hpp from 8-bit weights and 8-bit inputs, summed in integers.
//
//     weights  one scale an output; panels as in gemm.hpp, but of d = PER_DOT k side by side:
//              [k / d, PANEL, d]
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

#include "bytes.hpp"

constexpr int DOTS = GROUP / PER_DOT;
constexpr int BYTE_ROWS = WIDTH == 16 ? 7 : 6;  // at once in registers
constexpr int BYTE_STEP = 2 * WIDTH * PER_DOT;  // bytes of a panel that a dot takes

struct PackedBytes {
    const int8_t* weight;  // [panels, groups * DOTS, PANEL, PER_DOT], OFFSET added
    const float* scale;    // [panels * PANEL]
    const float* bias;     // likewise
    int n, groups;

    int panels() const { return (n + 2 * WIDTH - 1) / (2 * WIDTH); }
    const int8_t* panel(int index) const {
        return weight + size_t(index) * groups * DOTS * BYTE_STEP;
    }
};

// M rows against a panel: sums, without the weights' scales. Rows from two places as in gemm.hpp.
template <int M, bool PREFETCH>
static inline void sum_groups(
    const ByteGroup* in, size_t stride, int groups, const int8_t* weight, const int8_t* ahead,
    Vec (*sums)[M]) {
    constexpr int HALF = M / 2;
    const ByteGroup* upper = in + HALF * stride;
    Vec totals[2][M];
#pragma GCC unroll 8
    for (int m = 0; m < M; m++)
#pragma GCC unroll 2
        for (int v = 0; v < 2; v++) totals[v][m] = Vec{};
    for (int g = 0; g < groups; g++, in++, upper++, ahead += DOTS * BYTE_STEP) {
        asm("" : "+r"(upper));
        auto row = [&](int m) { return m < HALF ? in + m * stride : upper + (m - HALF) * stride; };
        IntVec whole[2][M];
#pragma GCC unroll 8
        for (int m = 0; m < M; m++)
#pragma GCC unroll 2
            for (int v = 0; v < 2; v++) whole[v][m] = row(m)->start - IntVec{};
#pragma GCC unroll 16
        for (int d = 0; d < DOTS; d++, weight += BYTE_STEP) {
            if (PREFETCH && d * BYTE_STEP % 64 == 0)
                for (int line = 0; line < BYTE_STEP; line += 64)
                    __builtin_prefetch(ahead + d * BYTE_STEP + line, 0, 2);
            IntVec parts[2];
#pragma GCC unroll 2
            for (int v = 0; v < 2; v++) parts[v] = load_weights(weight + v * WIDTH * PER_DOT);
#pragma GCC unroll 8
            for (int m = 0; m < M; m++) {
                int32_t inputs;
                std::memcpy(&inputs, row(m)->data + d * PER_DOT, sizeof inputs);
#pragma GCC unroll 2
                for (int v = 0; v < 2; v++) whole[v][m] = dot(whole[v][m], parts[v], inputs);
            }
        }
#pragma GCC unroll 8
        for (int m = 0; m < M; m++) {
            Vec base = broadcast(row(m)->base);
#pragma GCC unroll 2
            for (int v = 0; v < 2; v++)
                totals[v][m] += (Vec)whole[v][m] - base;
        }
    }
#pragma GCC unroll 8
    for (int m = 0; m < M; m++)
#pragma GCC unroll 2
        for (int v = 0; v < 2; v++) sums[v][m] = totals[v][m];
}

template <int M, bool PREFETCH>
static void group_bytes(
    const Bytes& in, int first, const PackedBytes& by, int panel, Vec (*result)[2]) {
    const int8_t *weight = by.panel(panel), *ahead = by.panel(panel + 1);
    Vec sums[2][M];
    sum_groups<M, PREFETCH>(in.row(first), in.stride(), by.groups, weight, ahead, sums);
    const float* scale = by.scale + size_t(panel) * 2 * WIDTH;
    const float* bias = by.bias + size_t(panel) * 2 * WIDTH;
#pragma GCC unroll 8
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
