// SPDX-License-Identifier: MIT
// Transfer between meshes: linear maps from images [n, h, w, c] to images [n, out_h, out_w, c], the
// same in every channel, and their adjoints.
#pragma once

#include <cstdint>

#include "core/device.h"
#include "core/dtype.h"
#include "kernels/transfer/stencil.h"

namespace telescope::kernels {

/// x is [n, h, w, c], y is [n, out_h, out_w, c], both row-major. In an adjoint the roles of the
/// arrays change, the shape does not.
struct TransferShape {
  std::int64_t n = 0, h = 0, w = 0, c = 0, out_h = 0, out_w = 0;

  std::int64_t in_size() const { return n * h * w * c; }
  std::int64_t out_size() const { return n * out_h * out_w * c; }
};

/// y[n,i,j,:] = x[n,2i,2j,:], where 2 out_h <= h + 1, 2 out_w <= w + 1. Reads and writes each
/// output element once.
template <class T>
void inject(const Stream& stream, const TransferShape& shape, const T* x, T* y);
/// dx[n,2i,2j,:] = dy[n,i,j,:], 0 elsewhere; overwrites. Nothing is saved.
template <class T>
void inject_adjoint(const Stream& stream, const TransferShape& shape, const T* dy, T* dx);

/// y[n,i,j,:] = factor times the sum of the 2x2 pixels x[n,2i..2i+1,2j..2j+1,:], where 2 out_h <=
/// h, 2 out_w <= w: the mean with factor 1/4. 4 flop for each output element.
template <class T>
void pool2x2(const Stream& stream, const TransferShape& shape, Wide<T> factor, const T* x, T* y);
/// dx[n,p,q,:] = factor dy[n,p/2,q/2,:] (whole-number division), 0 in rows and columns that pool2x2
/// leaves out; overwrites. With factor 1 it is nearest interpolation by 2. Nothing is saved.
template <class T>
void pool2x2_adjoint(const Stream& stream, const TransferShape& shape, Wide<T> factor, const T* dy,
                     T* dx);

/// y[n,i,j,:] = sum over k, l of rows(i,k) columns(j,l) x[n,k,l,:]; rows takes h points to out_h
/// and columns w to out_w. Its adjoint is resample with both stencils transposed: the gather by
/// transposed lists sums in a fixed order. 2 (h-taps w/out_w + w-taps) flop for each output
/// element.
template <class T>
void resample(const Stream& stream, const TransferShape& shape, const Stencil& rows,
              const Stencil& columns, const T* x, T* y);

}  // namespace telescope::kernels
