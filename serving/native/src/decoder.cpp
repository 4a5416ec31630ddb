// A decoder of the Llama family, run as one call a step: all layers, all sequences, all threads.
//
//     x -> norm -> qkv -> rope -> cache -> attention -> +x -> norm -> gate, up -> silu * -> down -> +x
//
// Every arrow is a phase that all threads share (team.hpp). Buffers are rows of a padded width, a
// multiple of PANEL and of GROUP, whose padding is zero: no loop has a tail. Before a product of
// 8-bit weights its input rows become bytes (quantised.hpp).
#include <chrono>

#include "attention.hpp"
#include "matrix.hpp"
#include "team.hpp"

namespace {

constexpr int NORM_ROWS = 4;           // rows of a task in the row-wise phases
constexpr int ATTENTION_QUERIES = 48;  // query heads x tokens of an attention task

constexpr int ALIGN = std::max(PANEL, GROUP);

int padded(int n) { return (n + ALIGN - 1) / ALIGN * ALIGN; }

struct Buffer {
    std::vector<float> data;
    int width = 0;

    void resize(int rows, int columns) {
        width = padded(columns);
        if (data.size() < size_t(rows) * width) data.resize(size_t(rows) * width);
    }
    float* row(int index) { return data.data() + size_t(index) * width; }
};

// Where a step's time goes; named in library.py.
enum Phase { ROWS_PHASE, QKV_PHASE, ATTENTION_PHASE, OUTPUT_PHASE, MLP_PHASE, HEAD_PHASE, PHASES };

class Decoder {
  public:
    Decoder(const KwShape& shape, const KwLayer* layers, const float* norm, const KwMatrix& head,
            const KwMatrix& embeddings)
        : shape_(shape),
          layers_(layers, layers + shape.layers),
          norm_(norm),
          head_{head, shape.vocabulary, shape.hidden},
          embeddings_{embeddings, shape.vocabulary, shape.hidden},
          team_(shape.threads) {}

    // Seconds of each phase are added to `seconds` [PHASES] from now on; null for no clock.
    void time(double* seconds) { seconds_ = seconds; }

    void forward(const KwBatch& batch) {
        batch_ = &batch;
        resize();
        last_ = std::chrono::steady_clock::now();
        team_.run([this](int thread) {
            embed();
            for (const KwLayer& layer : layers_) block(layer, thread);
            sample(thread);
        });
    }

  private:
    using Clock = std::chrono::steady_clock;

    void resize() {
        int rows = batch_->rows;
        x_.resize(rows, shape_.hidden);
        normed_.resize(rows, shape_.hidden);
        qkv_.resize(rows, (shape_.heads + 2 * shape_.kv_heads) * shape_.dim);
        attended_.resize(rows, shape_.heads * shape_.dim);
        inner_.resize(rows, shape_.intermediate + WIDTH);
        bytes_.resize(rows, std::max({shape_.hidden, shape_.heads * shape_.dim, shape_.intermediate}));
        tasks_.clear();
        const int most = std::max(1, ATTENTION_QUERIES / (shape_.heads / shape_.kv_heads));
        for (int s = 0; s < batch_->sequences; s++)
            for (int from = 0; from < batch_->count[s]; from += most)
                tasks_.push_back({s, from, std::min(most, batch_->count[s] - from)});
    }

    // The phases since the last mark were `phase`.
    void mark(Phase phase, int thread) {
        if (seconds_ == nullptr || thread != 0) return;
        Clock::time_point now = Clock::now();
        seconds_[phase] += std::chrono::duration<double>(now - last_).count();
        last_ = now;
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
            embeddings_.column(int(batch_->ids[row]), x_.row(row));
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

    void block(const KwLayer& layer, int thread) {
        int heads = shape_.heads, kv = shape_.kv_heads, dim = shape_.dim;
        norm_rows(layer.input_norm, layer.qkv);
        mark(ROWS_PHASE, thread);
        product({layer.qkv, (heads + 2 * kv) * dim, shape_.hidden});
        mark(QKV_PHASE, thread);
        rows(batch_->rows, [&](int row) { rotate_and_keep(layer, row); });
        mark(ROWS_PHASE, thread);
        attention(layer);
        mark(ATTENTION_PHASE, thread);
        add_product(attended_, {layer.output, shape_.hidden, heads * dim});
        mark(OUTPUT_PHASE, thread);
        norm_rows(layer.post_norm, layer.gate_up);
        mark(ROWS_PHASE, thread);
        gated(layer.gate_up);
        add_product(inner_, {layer.down, shape_.hidden, shape_.intermediate});
        mark(MLP_PHASE, thread);
    }

    // Rows of x, normalised, in the form that the product by `next` wants.
    void norm_rows(const float* weight, const KwMatrix& next) {
        rows(batch_->rows, [&](int row) {
            normalise(x_.row(row), weight, shape_.hidden, x_.width, normed_.row(row));
            if (next.scale) bytes_.quantise(normed_.row(row), shape_.hidden, row);
        });
    }

    // emit(row, panel, low, high) for each panel of `rows` rows; bytes are there already.
    template <class Emit>
    void each_product(Buffer& in, const Matrix& by, int rows, Emit emit) {
        size_t bytes = by.in_bytes() ? size_t(by.k) : by.k * sizeof(float);
        Tiles tiles((by.n + PANEL - 1) / PANEL, bytes, rows, team_.size());
        team_.each(tiles.tasks(), [&](int task) {
            tiles.task(task, [&](int first, int end, int panel) {
                auto kept = [&](int row, Vec low, Vec high) { emit(row, panel, low, high); };
                if (by.in_bytes())
                    multiply(bytes_, first, end, by.bytes(), panel, kept);
                else
                    multiply(in.row(0), in.width, first, end, by.floats(), panel, kept);
            });
        });
    }

    void product(const Matrix& by) {
        each_product(normed_, by, batch_->rows, [&](int row, int panel, Vec low, Vec high) {
            float* to = qkv_.row(row) + size_t(panel) * PANEL;
            store(to, low);
            store(to + WIDTH, high);
        });
    }

    void add_product(Buffer& in, const Matrix& by) {
        if (by.in_bytes())
            rows(batch_->rows, [&](int row) { bytes_.quantise(in.row(row), by.k, row); });
        each_product(in, by, batch_->rows, [&](int row, int panel, Vec low, Vec high) {
            float* to = x_.row(row) + size_t(panel) * PANEL;
            store(to, load(to) + low);
            store(to + WIDTH, load(to + WIDTH) + high);
        });
    }

    // A panel holds WIDTH gates and the WIDTH ups beside them.
    void gated(const KwMatrix& weight) {
        int panels = (shape_.intermediate + WIDTH - 1) / WIDTH;
        Matrix by{weight, panels * PANEL, shape_.hidden};
        each_product(normed_, by, batch_->rows, [&](int row, int panel, Vec gate, Vec up) {
            Vec silu = gate / (1.0f + exp(-gate));
            store(inner_.row(row) + size_t(panel) * WIDTH, silu * up);
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

    void sample(int thread) {
        int count = batch_->samples, vocabulary = shape_.vocabulary;
        rows(count, [&](int row) {
            const float* from = x_.row(batch_->sample_rows[row]);
            normalise(from, norm_, shape_.hidden, x_.width, normed_.row(row));
            if (head_.in_bytes()) bytes_.quantise(normed_.row(row), shape_.hidden, row);
        });
        each_product(normed_, head_, count, [&](int row, int panel, Vec low, Vec high) {
            float sums[PANEL];
            store(sums, low);
            store(sums + WIDTH, high);
            int first = panel * PANEL, end = std::min(vocabulary, first + PANEL);
            std::copy(sums, sums + end - first, batch_->logits + size_t(row) * vocabulary + first);
        });
        mark(HEAD_PHASE, thread);
    }

    struct Task {
        int sequence, from, count;
    };

    const KwShape shape_;
    const std::vector<KwLayer> layers_;
    const float* norm_;
    const Matrix head_, embeddings_;
    Team team_;
    Buffer x_, normed_, qkv_, attended_, inner_;
    Bytes bytes_;
    std::vector<Task> tasks_;
    const KwBatch* batch_ = nullptr;
    double* seconds_ = nullptr;
    Clock::time_point last_;
};

}  // namespace

extern "C" {

int kw_width() { return WIDTH; }
int kw_group() { return GROUP; }
int kw_offset() { return OFFSET; }

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
