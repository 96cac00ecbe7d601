// SPDX-License-Identifier: MIT
// What `telescope study transfer` shows, and what it says about it.
#include <algorithm>
#include <cmath>

#include "apps/image.h"
#include "apps/study_transfer.h"
#include "apps/text.h"
#include "layers/pointwise.h"

namespace telescope::app {
namespace {

using All = std::vector<RestrictionFigures>;
constexpr double levels_of_grey = 127.5;  // in 1 of [-1, 1]
constexpr int finest_colour = 5;

std::string text(const RestrictionFigures& figures) { return std::string(name_of(figures.kind)); }
std::string text(const Interpolator& back) {
  const std::string factor = back.factor == 1 ? "" : fmt::format("{:g} ", back.factor);
  return factor + std::string(name_of(back.kind));
}
std::string size_of_mesh(const Tensor& picture) { return fmt::format("{}²", picture.extent(1)); }

std::size_t meshes_of(const All& all) { return all.front().pictures.size(); }

// Every pixel of a coarse picture as large as it is on mesh 0.
Image enlarged(const Tensor& picture, std::int64_t size) {
  const Image small = to_image(picture.to(DType::f32));
  Image large(static_cast<int>(size), static_cast<int>(size));
  const int zoom = large.width / small.width;
  for (int y = 0; y < large.height; ++y) {
    for (int x = 0; x < large.width; ++x) {
      std::copy_n(small.pixel(y / zoom, x / zoom), 3, large.pixel(y, x));
    }
  }
  return large;
}

Image middle(const Image& image, int size) {
  Image part(size, size);
  const int top = (image.height - size) / 2, left = (image.width - size) / 2;
  for (int y = 0; y < size; ++y) {
    std::copy_n(image.pixel(top + y, left), std::size_t(size) * 3, part.pixel(y, 0));
  }
  return part;
}

StudySection picture_section(const All& all) {
  StudySection section{.title = "The picture on every mesh"};
  for (const RestrictionFigures& figures : all) {
    std::vector<Image> row;
    std::string sizes;
    for (const Tensor& picture : figures.pictures) {
      row.push_back(enlarged(picture, figures.pictures[0].extent(1)));
      sizes += (sizes.empty() ? "" : ", ") + size_of_mesh(picture);
    }
    section.pictures.push_back(
        {.png = encode_png(contact_sheet({row})), .caption = text(figures) + ": " + sizes});
  }
  return section;
}

ChartLine power_line(const Spectrum& spectrum, const std::string& label, int colour) {
  ChartLine line{.label = label, .colour = colour};
  for (std::size_t k = 1; k < spectrum.power.size(); ++k) {
    line.x.push_back(static_cast<double>(k));
    line.y.push_back(spectrum.power[k]);
  }
  return line;
}

StudySection spectrum_section(const All& all) {
  StudySection section{
      .title = "Its spectrum",
      .text =
          "Mean power over rings of one spatial frequency. A mesh holds frequencies up to half "
          "its pixels; what the picture has beyond is folded back onto them, unless the "
          "restriction has taken it out before."};
  for (std::size_t l = 1; l < meshes_of(all); ++l) {
    Chart chart{.title = "power on mesh " + size_of_mesh(all.front().pictures[l]),
                .x_name = "cycles a picture",
                .log_x = true,
                .log_y = true};
    for (std::size_t i = 0; i < all.size(); ++i) {
      chart.lines.push_back(power_line(all[i].spectra[l], text(all[i]), static_cast<int>(i)));
    }
    chart.lines.push_back(power_line(all.front().spectra.front(), "mesh 0", finest_colour));
    chart.lines.back().dashed = true;
    section.charts.push_back(chart);
  }
  return section;
}

// Against the finest mesh, at the frequencies that both meshes have.
StudySection response_section(const All& all) {
  StudySection section{.title = "Its spectrum, divided by that of mesh 0",
                       .text =
                           "Above 1: folded back. Below 1: smoothed "
                           "away, although the mesh could hold it."};
  for (std::size_t l = 1; l < meshes_of(all); ++l) {
    Chart chart{.title = "mesh " + size_of_mesh(all.front().pictures[l]) + " against mesh 0",
                .x_name = "cycles a picture",
                .log_y = true};
    for (std::size_t i = 0; i < all.size(); ++i) {
      ChartLine line = power_line(all[i].spectra[l], text(all[i]), static_cast<int>(i));
      for (std::size_t k = 0; k < line.y.size(); ++k) {
        line.y[k] /= all[i].spectra.front().power[k + 1];
      }
      chart.lines.push_back(line);
    }
    section.charts.push_back(chart);
  }
  return section;
}

StudySection folded_section(const All& all) {
  StudySection section{
      .title = "What folds back",
      .text =
          "Left: R x on mesh 1. Right: R of what the picture has at frequencies that mesh 1 "
          "cannot hold, four times as strong, grey for nothing. It is on mesh 1 for nothing but "
          "folding."};
  for (const RestrictionFigures& figures : all) {
    const Tensor strong = scale(figures.folded, 4);
    section.pictures.push_back(
        {.png = encode_png(contact_sheet(
             {{to_image(figures.pictures[1].to(DType::f32)), to_image(strong.to(DType::f32))}})),
         .caption = fmt::format("{}: {:.1f}% of the variance on mesh 1", text(figures),
                                100 * figures.folded_share)});
  }
  return section;
}

StudySection round_trip_section(const All& all) {
  StudySection section{
      .title = "There and back: P R x - x",
      .text =
          "The middle of the picture, restricted to mesh 1 and brought back, less what it was; "
          "twice as strong, grey for nothing. Edges that only thicken are what a coarse mesh "
          "cannot show; edges with a light and a dark side say that the picture has moved."};
  std::vector<std::vector<std::string>> rows = {{"restriction"}};
  for (const RoundTrip& trip : all.front().round_trips) rows[0].push_back(text(trip.back));
  for (const RestrictionFigures& figures : all) {
    std::vector<Image> images;
    auto& cells = rows.emplace_back();
    cells = {text(figures)};
    std::string names;
    for (const RoundTrip& trip : figures.round_trips) {
      const Image whole = to_image(scale(trip.difference, 2).to(DType::f32));
      images.push_back(middle(whole, std::min(whole.width, 128)));
      names += (names.empty() ? "" : ", ") + text(trip.back);
      cells.push_back(fmt::format("{:.2f}", levels_of_grey * trip.rms));
    }
    section.pictures.push_back({.png = encode_png(contact_sheet({images})),
                                .caption = text(figures) + ", back by " + names});
  }
  section.tables = {{.caption =
                         "Root mean square of P R x - x, in levels of grey of 255, without the two "
                         "outermost rows and columns.",
                     .rows = rows}};
  return section;
}

std::vector<std::vector<std::string>> table_of(const All& all) {
  std::vector<std::vector<std::string>> rows = {{"restriction"}};
  for (std::size_t l = 1; l < meshes_of(all); ++l) {
    rows[0].push_back("noise on " + size_of_mesh(all.front().pictures[l]));
  }
  rows[0].insert(rows[0].end(),
                 {"folded on mesh 1", "best way back", "P R x - x", "adjoint off by"});
  for (const RestrictionFigures& figures : all) {
    auto& cells = rows.emplace_back();
    cells = {text(figures)};
    for (std::size_t l = 1; l < figures.noise.size(); ++l) {
      cells.push_back(fmt::format("{:.3f}", figures.noise[l]));
    }
    const auto& trips = figures.round_trips;
    const auto best = std::min_element(trips.begin(), trips.end(),
                                       [](const auto& a, const auto& b) { return a.rms < b.rms; });
    cells.push_back(fmt::format("{:.1f}%", 100 * figures.folded_share));
    cells.push_back(text(best->back));
    cells.push_back(fmt::format("{:.2f}", levels_of_grey * best->rms));
    cells.push_back(fmt::format("{:.1e}", figures.adjoint_error));
  }
  return rows;
}

// "1.00 after injection, 0.50 after mean and 0.38 after full-weighting"
template <class Value>
std::string listed(const All& all, Value value) {
  std::vector<std::string> words;
  for (const RestrictionFigures& figures : all) {
    words.push_back(value(figures) + " after " + text(figures));
  }
  return enumerate(words);
}

std::string lesson_of_trips(const All& all) {
  const RestrictionFigures *at = nullptr, *worst_at = nullptr;
  const RoundTrip *best = nullptr, *worst = nullptr;
  for (const RestrictionFigures& figures : all) {
    for (const RoundTrip& trip : figures.round_trips) {
      if (best == nullptr || trip.rms < best->rms) best = &trip, at = &figures;
      if (worst == nullptr || trip.rms > worst->rms) worst = &trip, worst_at = &figures;
    }
  }
  return fmt::format(
      "There and back again the picture is closest with {} and {} ({:.1f} of 255 "
      "levels of grey off, root mean square) and farthest with {} and {} ({:.1f}).",
      text(*at), text(best->back), levels_of_grey * best->rms, text(*worst_at), text(worst->back),
      levels_of_grey * worst->rms);
}

std::vector<std::string> lessons(const All& all) {
  const auto noise = [](const RestrictionFigures& f) { return fmt::format("{:.2f}", f.noise[1]); };
  const auto share = [](const RestrictionFigures& f) {
    return fmt::format("{:.1f}%", 100 * f.folded_share);
  };
  double adjoint = 0;
  for (const RestrictionFigures& figures : all) adjoint = std::max(adjoint, figures.adjoint_error);
  return {
      "Noise of deviation 1 has the deviation " + listed(all, noise) +
          " on mesh 1: what a network is told of the noise stays true only where it stays 1.",
      "Of the picture's variance on mesh 1, " + listed(all, share) +
          " is folded from frequencies that the mesh cannot hold.",
      lesson_of_trips(all),
      fmt::format("Every adjoint is one: <R u, v> = <u, R' v> to {:.0e} of |R u| |v|.", adjoint)};
}

Figures figures_of(const All& all) {
  Figures out{.columns = {"restriction", "mesh", "quantity", "of", "value"}};
  for (const RestrictionFigures& f : all) {
    const auto add = [&](std::int64_t mesh, const char* quantity, CsvCell of, double value) {
      out.rows.push_back({text(f), mesh, std::string(quantity), std::move(of), value});
    };
    for (std::size_t l = 0; l < f.pictures.size(); ++l) {
      const auto mesh = static_cast<std::int64_t>(l);
      add(mesh, "noise deviation", {}, f.noise[l]);
      for (std::size_t k = 0; k < f.spectra[l].power.size(); ++k) {
        add(mesh, "power", static_cast<std::int64_t>(k), f.spectra[l].power[k]);
      }
    }
    add(1, "folded share", {}, f.folded_share);
    add(1, "adjoint error", {}, f.adjoint_error);
    for (const RoundTrip& trip : f.round_trips) add(0, "round trip rms", text(trip.back), trip.rms);
  }
  return out;
}

}  // namespace

Findings findings(const All& all) {
  Findings out{.lessons = lessons(all), .table = table_of(all), .figures = figures_of(all)};
  StudySection numbers{.title = "In numbers"};
  numbers.tables = {{.caption = "Noise: deviation of R^l z where z has 1. Folded: share of the "
                                "variance on mesh 1 that comes from frequencies it cannot hold. "
                                "P R x - x: root mean square in levels of grey of 255, with the "
                                "prolongation that leaves least. Adjoint: |<R u, v> - <u, R' v>| / "
                                "(|R u| |v|) for random u and v, in f64.",
                     .rows = out.table}};
  out.sections = {picture_section(all),  numbers,
                  spectrum_section(all), response_section(all),
                  folded_section(all),   round_trip_section(all)};
  return out;
}

}  // namespace telescope::app
