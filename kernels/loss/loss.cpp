// SPDX-License-Identifier: MIT
#include "kernels/loss/loss.h"

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(template <class T>
                          void loss(const Stream&, Loss loss, std::int64_t n, std::int64_t m,
                                    const T* y, const Wide<T>* target, Wide<T>* value);
                          template <class T>
                          void loss_backward(const Stream&, Loss loss, std::int64_t n,
                                             std::int64_t m, const T* y, const Wide<T>* target,
                                             const Wide<T>* dvalue, T* dy, Wide<T>* dtarget);)

std::string_view name_of(Loss loss) { return loss == Loss::mse ? "mse_loss" : "l1_loss"; }

template <class T>
void loss(const Stream& stream, Loss loss, std::int64_t n, std::int64_t m, const T* y,
          const Wide<T>* target, Wide<T>* value) {
  const Scope scope(name_of(loss), 3 * n * m, n * m * std::int64_t{sizeof(T) + sizeof(Wide<T>)});
  TELESCOPE_DISPATCH(stream, loss, loss, n, m, y, target, value);
}

template <class T>
void loss_backward(const Stream& stream, Loss loss, std::int64_t n, std::int64_t m, const T* y,
                   const Wide<T>* target, const Wide<T>* dvalue, T* dy, Wide<T>* dtarget) {
  const std::int64_t of_y = (1 + (dy != nullptr)) * std::int64_t{sizeof(T)};
  const std::int64_t of_target = (1 + (dtarget != nullptr)) * std::int64_t{sizeof(Wide<T>)};
  const Scope scope(loss == Loss::mse ? "mse_loss_backward" : "l1_loss_backward", 2 * n * m,
                    n * m * (of_y + of_target));
  TELESCOPE_DISPATCH(stream, loss_backward, loss, n, m, y, target, dvalue, dy, dtarget);
}

#define TELESCOPE_INSTANTIATE(T)                                                                \
  template void loss(const Stream&, Loss, std::int64_t, std::int64_t, const T*, const Wide<T>*, \
                     Wide<T>*);                                                                 \
  template void loss_backward(const Stream&, Loss, std::int64_t, std::int64_t, const T*,        \
                              const Wide<T>*, const Wide<T>*, T*, Wide<T>*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels
