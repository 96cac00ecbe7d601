// SPDX-License-Identifier: MIT
#include "models/time_embedding.h"

#include "layers/embedding.h"
#include "layers/pointwise.h"
#include "layers/structure.h"

namespace telescope {

TimeEmbedding::TimeEmbedding(const Place& at, std::int64_t dim, std::int64_t hidden)
    : Module(at),
      dim_(dim),
      fc1_(child("fc1"), 1, hidden),
      fc2_(child("fc2"), hidden, hidden),
      fc3_(child("fc3"), hidden, dim - dim / 2) {
  TELESCOPE_CHECK(dim >= 4 && (dim / 2) % 2 == 0, "TimeEmbedding",
                  "half of the dimension must be even and at least 2, got dimension {}", dim);
}

Tensor TimeEmbedding::operator()(const Tensor& t) const {
  TELESCOPE_CHECK(t.rank() == 1, "TimeEmbedding", "expected times of shape [N], got {}", t.shape());
  const Tensor waves = sinusoidal_embedding(t, dim_ / 4);
  const Tensor learned = fc3_(relu(fc2_(relu(fc1_(t.reshape({t.extent(0), 1}))))));
  return concat_channels({waves, learned});
}

TimestepEmbedding::TimestepEmbedding(const Place& at, std::int64_t dim)
    : Module(at),
      dim_(dim),
      first_(child("0"), dim, 4 * dim),
      second_(child("2"), 4 * dim, 4 * dim) {
  TELESCOPE_CHECK(dim % 2 == 0, "TimestepEmbedding", "expected an even dimension, got {}", dim);
}

Tensor TimestepEmbedding::operator()(const Tensor& t) const {
  return second_(silu(first_(sinusoidal_embedding(t, dim_ / 2, /*sine_first=*/false))));
}

}  // namespace telescope
