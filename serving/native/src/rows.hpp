// Rows of numbers, and what is done to one of them alone.
#pragma once
#include <algorithm>
#include <cmath>

#include "quantised.hpp"
#include "simd.hpp"

constexpr int ALIGN = std::max(2 * WIDTH, GROUP);

static inline int padded(int n) { return (n + ALIGN - 1) / ALIGN * ALIGN; }

// Rows of a padded width, whose padding is zero: no loop has a tail.
struct Buffer {
    Array<float> data;
    int width = 0;

    void resize(int rows, int columns) {
        width = padded(columns);
        if (data.size() < size_t(rows) * width) data.resize(size_t(rows) * width);
    }
    float* row(int index) { return data.data() + size_t(index) * width; }
};


// RMSNorm of n numbers, of which `width` lie in memory; `out` may be `in`.
static inline void normalise(
    const float* in, const float* weight, int n, int width, float epsilon, float* out) {
    Vec squares = {};
    for (int i = 0; i < width; i += WIDTH) squares += load(in + i) * load(in + i);
    float inverse = 1.0f / std::sqrt(sum(squares) / n + epsilon);
    for (int i = 0; i < width; i += WIDTH) store(out + i, load(in + i) * inverse * load(weight + i));
}

// Rotary embedding of the first `rotary` numbers of a head, halves against each other.
static inline void rotate(float* head, const float* cosine, const float* sine, int rotary) {
    int half = rotary / 2, i = 0;
    for (; i + WIDTH <= half; i += WIDTH) {
        Vec low = load(head + i), high = load(head + i + half);
        store(head + i, low * load(cosine + i) - high * load(sine + i));
        store(head + i + half, high * load(cosine + i + half) + low * load(sine + i + half));
    }
    for (; i < half; i++) {
        float low = head[i], high = head[i + half];
        head[i] = low * cosine[i] - high * sine[i];
        head[i + half] = high * cosine[i + half] + low * sine[i + half];
    }
}
