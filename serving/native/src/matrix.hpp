// A packed weight of any kind: floats, halves or bytes.
#pragma once
#include "gemm.hpp"
#include "quantised.hpp"
#include "records.hpp"

// A packed weight and what is known of its shape.
struct Matrix {
    KwMatrix of;
    int n, k;

    bool in_bytes() const { return of.bits == 8; }
    bool in_halves() const { return of.bits == 16; }

    Packed lanes() const {
        return {static_cast<const float*>(of.weight), of.bias, n, in_halves() ? (k + 1) / 2 : k};
    }
    PackedBytes bytes() const {
        return {static_cast<const int8_t*>(of.weight), of.scale, of.bias, n, groups_of(k)};
    }

    // Bytes of one row of inputs.
    size_t input_bytes() const {
        return in_bytes() ? groups_of(k) * sizeof(ByteGroup) : size_t(k) * of.bits / 8;
    }

    // The weights of one output, as an embedding: tied output heads keep no other copy.
    void column(int index, float* out) const {
        int panel = index / PANEL, column = index % PANEL;
        if (in_bytes()) {
            const int8_t* from = bytes().panel(panel) + column * PER_DOT;
            for (int i = 0; i < k; i++) {
                int8_t value = from[size_t(i / PER_DOT) * BYTE_STEP + i % PER_DOT];
                out[i] = int8_t(value ^ OFFSET) * of.scale[index];
            }
            return;
        }
        const float* from = lanes().panel(panel) + column;
        for (int i = 0; i < k; i++)
            out[i] = in_halves() ? Halves::get(from + size_t(i / 2) * PANEL, i % 2)
                                 : from[size_t(i) * PANEL];
    }
};
