// SPDX-License-Identifier: MIT
// Batches of training samples, and where they come from.
#pragma once

#include <functional>

#include "core/tensor.h"
#include "layers/transfer.h"
#include "multilevel/mesh.h"

namespace telescope {

/// A batch of samples on one mesh: what the network sees and what it should say.
struct Samples {
  Tensor input;   ///< [N,H,W,C], degraded images
  Tensor target;  ///< [N,H',W',C']
  Tensor time;    ///< [N], what conditions the network; may be undefined
  Tensor ids;     ///< i64 [N], names every sample within its step: pairs share their dropout by it
  /// What was drawn for the input, [N,H,W,C], where it is made anew on every mesh; else undefined.
  Tensor noise = {};
  Tensor mask = {};  ///< the same for what is missing of the input: 1 where it is seen, else 0

  std::int64_t size() const { return input.extent(0); }
};

/// The same samples, noise included, on the next coarser mesh: input and target restricted.
Samples restrict(const Samples& samples, Restriction restriction);

/// Brings samples from the next finer mesh to mesh `to`. Not recorded on the tape.
using Coarsening = std::function<Samples(const Samples& samples, Mesh to)>;
/// restrict() on every mesh, as in arXiv:2501.12739.
Coarsening coarsening(Restriction restriction);
/// The same samples, given on mesh `from`, on mesh `to`, which is no finer.
Samples coarsen(const Samples& samples, Mesh from, Mesh to, const Coarsening& coarsening);

/// Rows [first, first + count).
Samples rows(const Samples& samples, std::int64_t first, std::int64_t count);
/// Both batches in one, a before b.
Samples join(const Samples& a, const Samples& b);

/// Asks for `count` fresh samples for one level of one step.
struct Draw {
  Mesh level;
  std::int64_t count = 0;
  std::int64_t step = 0;
};

/// Where a trainer takes its samples from. A draw depends on the draw alone (and on the seed of the
/// source): runs reproduce and resume by it.
class SampleSource {
 public:
  virtual ~SampleSource() = default;
  /// `draw.count` samples on mesh 0; ids are filled in by the trainer.
  virtual Samples draw(const Draw& draw) = 0;
  /// Says that this draw comes soon, so that pictures can be decoded meanwhile.
  virtual void prepare(const Draw&) {}
};

/// Losses [N] of the samples of a batch, differentiable: f_l(x_i; theta) for samples on mesh l.
using SampleLoss = std::function<Tensor(const Samples& samples)>;

}  // namespace telescope
