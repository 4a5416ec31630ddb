// The kernels as Python calls them; library.py says the same by ctypes.
#include "decoder.hpp"

extern "C" {

int kw_width() { return WIDTH; }
int kw_group() { return GROUP; }
int kw_offset() { return OFFSET; }
int kw_per_dot() { return PER_DOT; }

// `weight` [n, k] into panels; `packed` has room for n rounded up to PANEL.
void kw_pack(const float* weight, int n, int k, float* packed) { pack(weight, n, k, packed); }

// `embeddings` may be the head itself.
Decoder* kw_decoder(const KwShape* shape, const KwLayer* layers, const float* norm,
                    const KwMatrix* head, const KwMatrix* embeddings) {
    return new Decoder(*shape, layers, norm, *head, *embeddings);
}

void kw_time(Decoder* decoder, double* seconds) { decoder->time(seconds); }

void kw_forward(Decoder* decoder, const KwBatch* batch) { decoder->forward(*batch); }

void kw_free(Decoder* decoder) { delete decoder; }
}
