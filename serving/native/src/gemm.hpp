// Matrix product for few rows: out[M, N] = in[M, K] * weight[N, K]^T, weights packed in panels.
//
//     packed:  panel 0                      panel 1
//              k = 0: PANEL columns' weights | k = 0: ...
//              k = 1: PANEL columns' weights | k = 1: ...
//
// k counts lanes (lanes.hpp): floats, or pairs of halves.
//
// A panel is walked once for each group of up to ROWS rows, whose sums stay in registers; the
// first walk brings it from memory, the others find it in cache, while the next panel is
// prefetched. Each output is one chain of multiply-adds over k in order, whatever M is: a row's
// result does not depend on the rows beside it, not in the last bit.
#pragma once
#include <algorithm>
#include <cstddef>

#include "lanes.hpp"

constexpr int PANEL = 2 * WIDTH;
// Rows x 2 sums, 2 weights, 1 input: 15 of 16 registers, or 31 of the 32 of AVX-512.
constexpr int ROWS = WIDTH == 16 ? 14 : 6;

struct Packed {
    const float* weight;  // [panels, k, PANEL] lanes
    const float* bias;    // [panels * PANEL], or null
    int n;                // outputs, padding not counted
    int k;                // lanes

    int panels() const { return (n + PANEL - 1) / PANEL; }
    const float* panel(int index) const { return weight + size_t(index) * k * PANEL; }
};

static inline void pack(const float* weight, int n, int k, float* packed) {
    for (int first = 0; first < n; first += PANEL)
        for (int i = 0; i < k; i++)
            for (int column = 0; column < PANEL; column++, packed++)
                *packed = first + column < n ? weight[size_t(first + column) * k + i] : 0.0f;
}

// One group of rows against one panel. PREFETCH is a template's, since a branch in the loop costs
// a third of its speed.
template <class Kind, int M, bool PREFETCH>
static void group(
    const float* in, int stride, const float* panel, int k, const float* bias, const char* ahead,
    Vec (*sums)[2]) {
    constexpr size_t STEP = PANEL * sizeof(float);
    // Rows are found from two places: from one, their addresses would need too many registers.
    constexpr int HALF = M / 2;
    const float* upper = in + size_t(HALF) * stride;
    Vec low[M], high[M];
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) {
        low[m] = bias ? load(bias) : Vec{};
        high[m] = bias ? load(bias + WIDTH) : Vec{};
    }
    for (int i = 0; i < k; i++, panel += PANEL, in++, upper++) {
        asm("" : "+r"(upper));  // or the compiler makes one place of both again
        if (PREFETCH) {
            for (size_t line = 0; line < STEP; line += 64) __builtin_prefetch(ahead + line, 0, 2);
            ahead += STEP;
        }
        Vec first = load(panel), second = load(panel + WIDTH);
#pragma GCC unroll 16
        for (int m = 0; m < M; m++) {
            const float* value =
                m < HALF ? in + size_t(m) * stride : upper + size_t(m - HALF) * stride;
            low[m] = Kind::add(low[m], first, value);
            high[m] = Kind::add(high[m], second, value);
        }
    }
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) {
        sums[m][0] = low[m];
        sums[m][1] = high[m];
    }
}

// Rows [first, end) of `in` against one panel; `emit(row, low, high)` takes each row's sums.
// Groups are of nearly equal size. `stride`: lanes of a row.
template <class Kind, class Emit>
static inline void multiply(
    const float* in, int stride, int first, int end, const Packed& by, int panel, Emit emit) {
    const float* bias = by.bias ? by.bias + size_t(panel) * PANEL : nullptr;
    int groups = (end - first + ROWS - 1) / ROWS;
    // Prefetching behind the last panel is harmless: a prefetch never faults.
    const char* ahead = reinterpret_cast<const char*>(by.panel(panel + 1));
    bool prefetch = true;
    for (; groups > 0; groups--) {
        int rows = (end - first + groups - 1) / groups;
        const float* from = in + size_t(first) * stride;
        Vec sums[ROWS][2];
        as_constant<ROWS>(rows, [&](auto size) {
            if (prefetch)
                group<Kind, size(), true>(from, stride, by.panel(panel), by.k, bias, ahead, sums);
            else
                group<Kind, size(), false>(from, stride, by.panel(panel), by.k, bias, ahead, sums);
        });
        for (int m = 0; m < rows; m++) emit(first + m, sums[m][0], sums[m][1]);
        prefetch = false;
        first += rows;
    }
}

// How a product is cut into tasks: panels in runs, rows in blocks that fit the second cache.
struct Tiles {
    int panels, run, runs, rows, block, blocks;

    // `bytes`: of one row of the inputs.
    Tiles(int panels_in, size_t bytes, int rows_in, int threads) : panels(panels_in), rows(rows_in) {
        constexpr size_t CACHED_BYTES = 256 * 1024;
        block = std::max(ROWS, int(CACHED_BYTES / bytes) / ROWS * ROWS);
        if (rows <= 2 * block) block = std::max(1, rows);
        blocks = (rows + block - 1) / block;
        run = std::max(1, panels / (threads * 8));
        runs = (panels + run - 1) / run;
    }

    int tasks() const { return runs * blocks; }

    // Calls each(first row, end row, panel) for the panels of a task.
    template <class Each>
    void task(int index, Each each) const {
        int first = index / runs * block, end = std::min(rows, first + block);
        int begin = index % runs * run, stop = std::min(panels, begin + run);
        for (int panel = begin; panel < stop; panel++) each(first, end, panel);
    }
};
