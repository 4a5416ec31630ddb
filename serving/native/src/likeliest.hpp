// The highest of many numbers and where it is, found on the way while they are computed.
#pragma once
#include <limits>

#include "simd.hpp"

// In each lane the highest number so far, the one with the lowest index of equals; NaN beats all.
struct Likeliest {
    Vec values = broadcast(-std::numeric_limits<float>::infinity());
    IntVec indices = IntVec{} + std::numeric_limits<int32_t>::max();

    // Numbers of indices [first, first + WIDTH), of which those from `end` on do not count.
    void see(Vec numbers, int first, int end) {
        IntVec at = lane_numbers() + first;
        IntVec better = (numbers > values) | ((numbers == values) & (at < indices));
        better = (better | (numbers != numbers)) & (at < end);
        values = better ? numbers : values;
        indices = better ? at : indices;
    }

    // The highest of all lanes and what `value` and `index` were before.
    void into(float& value, int32_t& index) const {
        for (int i = 0; i < WIDTH; i++) {
            bool better = values[i] > value || (values[i] == value && indices[i] < index);
            if (better || values[i] != values[i]) {
                value = values[i];
                index = indices[i];
            }
        }
    }
};
