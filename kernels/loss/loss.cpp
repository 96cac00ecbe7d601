// SPDX-License-Identifier: MIT
#include "kernels/loss/loss.h"

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(template <class T>
                          void loss(const Stream&, Loss loss, std::int64_t n, std::int64_t m,
                                    const T* y, const T* target, T* value);
                          template <class T>
                          void loss_backward(const Stream&, Loss loss, std::int64_t n,
                                             std::int64_t m, const T* y, const T* target,
                                             const T* dvalue, T* dy, T* dtarget);)

std::string_view name_of(Loss loss) { return loss == Loss::mse ? "mse_loss" : "l1_loss"; }

template <class T>
void loss(const Stream& stream, Loss loss, std::int64_t n, std::int64_t m, const T* y,
          const T* target, T* value) {
  const Scope scope(name_of(loss), 3 * n * m, 2 * n * m * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, loss, loss, n, m, y, target, value);
}

template <class T>
void loss_backward(const Stream& stream, Loss loss, std::int64_t n, std::int64_t m, const T* y,
                   const T* target, const T* dvalue, T* dy, T* dtarget) {
  const std::int64_t arrays = 2 + (dy != nullptr) + (dtarget != nullptr);
  const Scope scope(loss == Loss::mse ? "mse_loss_backward" : "l1_loss_backward", 2 * n * m,
                    arrays * n * m * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, loss_backward, loss, n, m, y, target, dvalue, dy, dtarget);
}

#define TELESCOPE_INSTANTIATE(T)                                                                   \
  template void loss(const Stream&, Loss, std::int64_t, std::int64_t, const T*, const T*, T*);     \
  template void loss_backward(const Stream&, Loss, std::int64_t, std::int64_t, const T*, const T*, \
                              const T*, T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels
