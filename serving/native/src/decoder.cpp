// A decoder of the Llama family, run as one call a step: all layers, all sequences, all threads.
//
//     x -> norm -> qkv -> rope -> cache -> attention -> +x -> norm -> gate, up -> silu * -> down -> +x
//
// Every arrow is a phase that all threads share (team.hpp). Buffers are rows of a padded width, a
// multiple of PANEL, whose padding is zero: no loop has a tail.
#include "attention.hpp"
#include "gemm.hpp"
#include "team.hpp"

namespace {

constexpr int NORM_ROWS = 4;           // rows of a task in the row-wise phases
constexpr int ATTENTION_QUERIES = 48;  // query heads x tokens of an attention task

int padded(int n) { return (n + PANEL - 1) / PANEL * PANEL; }

struct Buffer {
    std::vector<float> data;
    int width = 0;

    void resize(int rows, int columns) {
        width = padded(columns);
        if (data.size() < size_t(rows) * width) data.resize(size_t(rows) * width);
    }
    float* row(int index) { return data.data() + size_t(index) * width; }
};

}  // namespace

// The records below are mirrored by ctypes structures in decoder.py.
extern "C" {

struct KwShape {
    int32_t hidden, heads, kv_heads, dim, intermediate, vocabulary, rotary, layers, threads;
    int32_t block_size;
    float epsilon;
};

struct KwLayer {
    const float *input_norm, *post_norm, *q_norm, *k_norm;  // the last two may be null
    const float *qkv, *qkv_bias, *output, *output_bias, *gate_up, *down;
    float *keys, *values;
    float scale;
    int32_t window;
};

struct KwBatch {
    int32_t rows, sequences, samples;
    const float *embeddings;                        // [rows, hidden]
    const float *cosine, *sine;                     // [rows, rotary]
    const int64_t *slots;                           // [rows]
    const int32_t *first, *count, *cached, *table;  // [sequences]; table: offset into tables
    const int32_t *tables;
    const int32_t *sample_rows;                     // [samples]
    float *logits;                                  // [samples, vocabulary]
};

}

namespace {

class Decoder {
  public:
    Decoder(const KwShape& shape, const KwLayer* layers, const float* norm, const float* head)
        : shape_(shape), layers_(layers, layers + shape.layers), norm_(norm), team_(shape.threads) {
        head_ = Packed{head, nullptr, shape.vocabulary, shape.hidden};
    }

    void forward(const KwBatch& batch) {
        batch_ = &batch;
        resize();
        team_.run([this] {
            embed();
            for (const KwLayer& layer : layers_) block(layer);
            sample();
        });
    }

  private:
    void resize() {
        int rows = batch_->rows;
        x_.resize(rows, shape_.hidden);
        normed_.resize(rows, shape_.hidden);
        qkv_.resize(rows, (shape_.heads + 2 * shape_.kv_heads) * shape_.dim);
        attended_.resize(rows, shape_.heads * shape_.dim);
        inner_.resize(rows, shape_.intermediate + WIDTH);
        tasks_.clear();
        const int most = std::max(1, ATTENTION_QUERIES / (shape_.heads / shape_.kv_heads));
        for (int s = 0; s < batch_->sequences; s++)
            for (int from = 0; from < batch_->count[s]; from += most)
                tasks_.push_back({s, from, std::min(most, batch_->count[s] - from)});
    }

    template <class Work>
    void rows(int count, Work work) {
        team_.each((count + NORM_ROWS - 1) / NORM_ROWS, [&](int task) {
            int end = std::min(count, (task + 1) * NORM_ROWS);
            for (int row = task * NORM_ROWS; row < end; row++) work(row);
        });
    }

    void embed() {
        rows(batch_->rows, [&](int row) {
            const float* from = batch_->embeddings + size_t(row) * shape_.hidden;
            std::copy(from, from + shape_.hidden, x_.row(row));
            std::fill(x_.row(row) + shape_.hidden, x_.row(row) + x_.width, 0.0f);
        });
    }

    void normalise(const float* in, const float* weight, int n, int width, float* out) const {
        Vec squares = {};
        for (int i = 0; i < width; i += WIDTH) squares += load(in + i) * load(in + i);
        float inverse = 1.0f / std::sqrt(sum(squares) / n + shape_.epsilon);
        for (int i = 0; i < width; i += WIDTH)
            store(out + i, load(in + i) * inverse * load(weight + i));
    }

    void block(const KwLayer& layer) {
        int heads = shape_.heads, kv = shape_.kv_heads, dim = shape_.dim;
        norm_rows(layer.input_norm);
        product(normed_, {layer.qkv, layer.qkv_bias, (heads + 2 * kv) * dim, shape_.hidden}, qkv_);
        rows(batch_->rows, [&](int row) { rotate_and_keep(layer, row); });
        attention(layer);
        add_product(attended_, {layer.output, layer.output_bias, shape_.hidden, heads * dim});
        norm_rows(layer.post_norm);
        gated(layer.gate_up);
        add_product(inner_, {layer.down, nullptr, shape_.hidden, shape_.intermediate});
    }

    void norm_rows(const float* weight) {
        rows(batch_->rows, [&](int row) {
            normalise(x_.row(row), weight, shape_.hidden, x_.width, normed_.row(row));
        });
    }

    void product(Buffer& in, const Packed& by, Buffer& out) {
        Tiles tiles(by, batch_->rows, team_.size());
        team_.each(tiles.tasks(), [&](int task) {
            tiles.task(task, in.row(0), in.width, by, [&](int row, int panel, Vec low, Vec high) {
                float* to = out.row(row) + size_t(panel) * PANEL;
                store(to, low);
                store(to + WIDTH, high);
            });
        });
    }

    void add_product(Buffer& in, const Packed& by) {
        Tiles tiles(by, batch_->rows, team_.size());
        team_.each(tiles.tasks(), [&](int task) {
            tiles.task(task, in.row(0), in.width, by, [&](int row, int panel, Vec low, Vec high) {
                float* to = x_.row(row) + size_t(panel) * PANEL;
                store(to, load(to) + low);
                store(to + WIDTH, load(to + WIDTH) + high);
            });
        });
    }

    // A panel holds WIDTH gates and the WIDTH ups beside them.
    void gated(const float* weight) {
        int panels = (shape_.intermediate + WIDTH - 1) / WIDTH;
        Packed by{weight, nullptr, panels * PANEL, shape_.hidden};
        Tiles tiles(by, batch_->rows, team_.size());
        team_.each(tiles.tasks(), [&](int task) {
            tiles.task(task, normed_.row(0), normed_.width, by,
                       [&](int row, int panel, Vec gate, Vec up) {
                           Vec silu = gate / (1.0f + exp(-gate));
                           store(inner_.row(row) + size_t(panel) * WIDTH, silu * up);
                       });
        });
    }

    void rotate_and_keep(const KwLayer& layer, int row) {
        int dim = shape_.dim, kv = shape_.kv_heads;
        float* query = qkv_.row(row);
        float* key = query + size_t(shape_.heads) * dim;
        float* value = key + size_t(kv) * dim;
        for (int h = 0; h < shape_.heads + kv; h++) {
            float* head = query + size_t(h) * dim;
            const float* weight = h < shape_.heads ? layer.q_norm : layer.k_norm;
            if (weight) normalise(head, weight, dim, dim, head);
            rotate(head, row);
        }
        Cache cache = cache_of(layer);
        for (int h = 0; h < kv; h++)
            cache.write(batch_->slots[row], h, key + size_t(h) * dim, value + size_t(h) * dim);
    }

    void rotate(float* head, int row) const {
        int half = shape_.rotary / 2;
        const float* cosine = batch_->cosine + size_t(row) * shape_.rotary;
        const float* sine = batch_->sine + size_t(row) * shape_.rotary;
        for (int i = 0; i < half; i++) {
            float low = head[i], high = head[i + half];
            head[i] = low * cosine[i] - high * sine[i];
            head[i + half] = high * cosine[i + half] + low * sine[i + half];
        }
    }

    Cache cache_of(const KwLayer& layer) const {
        return {layer.keys, layer.values, shape_.kv_heads, shape_.dim, shape_.block_size};
    }

    // Heads outside, sequences inside: the prefix that sequences share stays in cache.
    void attention(const KwLayer& layer) {
        int dim = shape_.dim, group = shape_.heads / shape_.kv_heads, many = int(tasks_.size());
        Cache cache = cache_of(layer);
        team_.each(many * shape_.kv_heads, [&](int index) {
            static thread_local Scratch scratch;
            int head = index / many;
            const Task& task = tasks_[index % many];
            int row = batch_->first[task.sequence] + task.from;
            size_t offset = size_t(head) * group * dim;
            attend(cache, batch_->tables + batch_->table[task.sequence], head,
                   batch_->cached[task.sequence] + task.from, task.count,
                   qkv_.row(row) + offset, qkv_.width, group, layer.scale, layer.window,
                   attended_.row(row) + offset, attended_.width, scratch);
        });
    }

    void sample() {
        int count = batch_->samples, vocabulary = shape_.vocabulary;
        rows(count, [&](int row) {
            normalise(x_.row(batch_->sample_rows[row]), norm_, shape_.hidden, x_.width,
                      normed_.row(row));
        });
        Tiles tiles(head_, count, team_.size());
        team_.each(tiles.tasks(), [&](int task) {
            tiles.task(task, normed_.row(0), normed_.width, head_,
                       [&](int row, int panel, Vec low, Vec high) {
                           float sums[PANEL];
                           store(sums, low);
                           store(sums + WIDTH, high);
                           int first = panel * PANEL, end = std::min(vocabulary, first + PANEL);
                           std::copy(sums, sums + end - first,
                                     batch_->logits + size_t(row) * vocabulary + first);
                       });
        });
    }

    struct Task {
        int sequence, from, count;
    };

    const KwShape shape_;
    const std::vector<KwLayer> layers_;
    const float* norm_;
    Packed head_;
    Team team_;
    Buffer x_, normed_, qkv_, attended_, inner_;
    std::vector<Task> tasks_;
    const KwBatch* batch_ = nullptr;
};

}  // namespace

extern "C" {

int kw_width() { return WIDTH; }

// `weight` [n, k] into panels; `packed` has room for n rounded up to PANEL.
void kw_pack(const float* weight, int n, int k, float* packed) { pack(weight, n, k, packed); }

Decoder* kw_decoder(
    const KwShape* shape, const KwLayer* layers, const float* norm, const float* head) {
    return new Decoder(*shape, layers, norm, head);
}

void kw_forward(Decoder* decoder, const KwBatch* batch) { decoder->forward(*batch); }

void kw_free(Decoder* decoder) { delete decoder; }
}
