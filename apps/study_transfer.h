// SPDX-License-Identifier: MIT
// What restrictions and prolongations do to a picture, to its spectrum and to noise.
#pragma once

#include "apps/spectrum.h"
#include "apps/study_findings.h"
#include "layers/transfer.h"

namespace telescope::app {

/// A prolongation with its factor: 4 times an adjoint keeps constants away from the border.
struct Interpolator {
  Prolongation kind = Prolongation::nearest;
  double factor = 1;
};

/// P R x - x on the finest mesh.
struct RoundTrip {
  Interpolator back = {};
  double rms = 0;  ///< without the two outermost rows and columns
  Tensor difference;
};

struct RestrictionFigures {
  Restriction kind = Restriction::injection;
  std::vector<Tensor> pictures = {};   ///< R^l x by mesh, from mesh 0 on
  std::vector<Spectrum> spectra = {};  ///< of them, windowed
  std::vector<double> noise = {};      ///< deviation of R^l z, z normal of deviation 1, by mesh
  Tensor folded = {};                  ///< R (x - low_pass(x)): what mesh 1 cannot hold
  double folded_share = 0;             ///< its mean square in that of R x less its mean
  double adjoint_error = 0;            ///< |<R u, v> - <u, R^T v>| / (|R u| |v|) in f64
  std::vector<RoundTrip> round_trips = {};  ///< with every prolongation, over mesh 1
};

/// `picture` is [1,N,N,3] in [-1, 1], f32. Error unless N is at least 8 and can be
/// halved levels - 1 times.
std::vector<RestrictionFigures> study_transfer(const Tensor& picture,
                                               const std::vector<Restriction>& restrictions,
                                               int levels, std::uint64_t seed);

Findings findings(const std::vector<RestrictionFigures>& figures);

}  // namespace telescope::app
