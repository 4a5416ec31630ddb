// What crosses the border to Python; library.py mirrors these records by ctypes structures.
#pragma once
#include <cstdint>

extern "C" {

struct KwShape {
    int32_t hidden, heads, kv_heads, dim, intermediate, vocabulary, rotary, layers, threads;
    int32_t block_size, cache_bits;  // of a number in the cache: 32 or 16
    float epsilon;
};

// A packed weight: 32 bits a number (float), 16 (bf16) or 8 (bytes with a scale an output).
struct KwMatrix {
    const void *weight;
    const float *scale, *bias;  // of bytes alone; null: none
    int32_t bits;
};

struct KwLayer {
    const float *input_norm, *post_norm, *q_norm, *k_norm;  // the last two may be null
    KwMatrix qkv, output, gate_up, down;
    float *keys, *values;  // lanes
    float scale;
    int32_t window;
};

struct KwBatch {
    int32_t rows, sequences, samples;
    const int64_t *ids;                             // [rows]
    const float *cosine, *sine;                     // [rows, rotary]
    const int64_t *slots;                           // [rows]
    const int32_t *first, *count, *cached, *table;  // [sequences]; table: offset into tables
    const int32_t *tables;
    const int32_t *sample_rows;                     // [samples]
    float *logits;                                  // [samples, vocabulary]
    float *peaks;                                   // [samples]: the highest logit; NaN if one is
    int32_t *likeliest;                             // [samples]: its token, the first of equals
};

}
