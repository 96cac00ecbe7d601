// SPDX-License-Identifier: MIT
#include "models/time_embedding.h"

#include "golden/networks.h"
#include "layers/embedding.h"

using namespace telescope;
using namespace telescope::test;

GOLDEN_OP("timestep_embedding") {
  const std::int64_t dim = c.attrs()["dim"];
  Tensor y = sinusoidal_embedding(c.input("t"), dim / 2, false);
  if (dim % 2) {
    const std::int64_t n = y.extent(0);
    const Tensor padded = Tensor::zeros({n, dim}, y.dtype(), y.device());
    for (std::int64_t i = 0; i < n; ++i) {
      padded.rows(i, 1).reshape({dim}).rows(0, dim - 1).copy_from(y.rows(i, 1).reshape({dim - 1}));
    }
    y = padded;
  }
  c.check("out.y", y);
}

GOLDEN_OP("time_embedding") {
  TimeEmbedding net({}, c.attrs()["embed_dim"], c.attrs()["hidden_dim"]);
  NamedTensors values;
  for (const auto& p : net.parameters()) values.push_back({p.name, c.input(p.name)});
  set_parameters(net, values);
  const Tensor t = c.input("t").set_requires_grad();
  const Tensor y = net(t);
  c.check("out.y", y);
  y.backward(c.seed("out.y"));
  c.check_gradient("in.t", t.grad());
  for (const auto& [name, tensor] : net.parameters()) {
    c.check_gradient("in." + name, tensor.grad());
  }
}
