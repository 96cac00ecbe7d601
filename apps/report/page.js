// SPDX-License-Identifier: MIT
// Draws the charts of a report: a group of curves (validation loss, gradient norms, ...) shares one
// legend and is drawn against work units, seconds, FLOP and steps, or in a panel for each strategy.
// Several seeds are a line, their mean, and a band from the lowest to the highest. Colours come from
// page.css, so that they follow the theme and the printer; dashes tell curves apart where colours do not.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const dashes = [[], [7, 4], [2, 3], [10, 3, 2, 3], [4, 2], [1, 2]];
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const colour = (i) => css(`--c${i % 6}`);
  const finite = (v) => v !== null && Number.isFinite(v);
  const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
  const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
  const number = (v) => (v !== 0 && Math.abs(v) < 1e-4 ? v.toExponential(2) : short.format(v));
  const readable = (v) => (Math.abs(v) >= 1e15 ? v.toExponential(1) : Math.abs(v) >= 1000 ? compact.format(v) : number(v));
  const units = { work_units: "work units", seconds: "seconds", flop: "FLOP", steps: "steps" };
  const all = [];

  // Mean over a window that looks back: what the eye would follow through the noise.
  function smooth(points, window) {
    let sum = 0, from = 0;
    return points.map((p, i) => {
      sum += p.y;
      if (i - from >= window) sum -= points[from++].y;
      return { x: p.x, y: sum / (i - from + 1) };
    });
  }

  function points(curve, axis, values, logX, logY) {
    return (curve[axis] || [])
      .map((x, i) => ({ x, y: values[i] }))
      .filter((p) => finite(p.x) && finite(p.y) && !(logX && p.x <= 0) && !(logY && p.y <= 0));
  }

  // The curves of one canvas: all, or those of its panel.
  function datasets(group, axis, panel) {
    const sets = [];
    for (const curve of group.curves) {
      const index = group.labels.indexOf(curve.label);
      if (group.hidden.has(index) || curve.panel !== panel) continue;
      const raw = points(curve, axis, curve.value, group.logX, group.logY);
      const look = { index, label: curve.label, borderJoinStyle: "round", pointHitRadius: 8 };
      const noisy = raw.length > 150;
      if (curve.low && !noisy) {
        for (const [values, fill] of [[curve.low, false], [curve.high, "-1"]]) {
          sets.push({ ...look, data: points(curve, axis, values, group.logX, group.logY), band: true, fill,
            borderWidth: 0, pointRadius: 0, pointHitRadius: 0, order: 3 });
        }
      }
      if (noisy) {
        // Behind the mean, without a tooltip.
        sets.push({ ...look, data: raw, faint: true, borderWidth: 1, pointRadius: 0, order: 2 });
      }
      sets.push({ ...look, data: noisy ? smooth(raw, Math.ceil(raw.length / 40)) : raw, order: 1,
        borderWidth: 2.2, borderDash: dashes[index % 6], pointRadius: raw.length > 25 ? 0 : 2.5 });
    }
    const xs = sets.flatMap((set) => set.data.map((p) => p.x));
    if (group.target && xs.length) {
      const ends = [Math.min(...xs), Math.max(...xs)].map((x) => ({ x, y: group.target }));
      sets.push({ label: "target", data: ends, rule: true, borderWidth: 1, borderDash: [2, 2], pointRadius: 0 });
    }
    return sets;
  }

  // Takes the colours of the page as it is now. `chart` is a chart or what one is made from.
  function paint(chart) {
    for (const set of chart.data.datasets) {
      const c = set.rule ? css("--quiet") : colour(set.index);
      set.borderColor = set.faint ? `${c}38` : c;
      set.backgroundColor = set.band ? `${c}2b` : c;
      set.pointBackgroundColor = set.pointBorderColor = c;
    }
    for (const scale of Object.values(chart.options.scales)) {
      scale.ticks.color = scale.title.color = css("--quiet");
      scale.grid.color = css("--grid");
    }
  }

  // The range of all curves on one axis, with a little air on a logarithmic one, where four decades
  // up to the largest value are the most that is shown: the first steps would else fill the chart.
  // `shared`: also where the axis is linear, so that panels look alike.
  function range(sets, key, log, shared) {
    const values = sets.flatMap((set) => set.data.map((p) => p[key]));
    if (!values.length || !(log || shared)) return {};
    const largest = values.reduce((a, b) => Math.max(a, b));
    if (!log) return key === "x" ? { min: 0, max: largest } : { suggestedMin: 0, suggestedMax: largest };
    const max = values.reduce((a, b) => Math.max(a, b));
    const min = Math.max(values.reduce((a, b) => Math.min(a, b)), max / 1e4);
    return { min: min / 1.08, max: max * 1.08 };
  }

  function scale(log, ticks, limits) {
    // The wider a logarithmic axis, the fewer labels a decade has room for.
    const decades = log && limits.max ? Math.log10(limits.max / limits.min) : 0;
    const shown = decades > 2.5 ? [1] : decades > 1.3 ? [1, 2, 5] : decades > 0.5 ? [1, 2, 3, 5, 7]
      : [1, 2, 3, 4, 5, 6, 7, 8, 9];
    return {
      type: log ? "logarithmic" : "linear",
      ...limits,
      title: { display: false },
      grid: { drawBorder: false },
      ticks: { maxRotation: 0, maxTicksLimit: log ? 40 : ticks, autoSkip: !log, autoSkipPadding: 14,
        callback(value) {
          // Powers of ten and their multiples only: the limits themselves are not round.
          const [digits, power] = Number(value).toExponential(6).split("e");
          const round = Math.abs(digits - Math.round(digits)) < 1e-6;
          if (log && !(round && shown.includes(Math.round(digits)))) return null;
          if (log) value = Number(`${Math.round(digits)}e${power}`);
          return readable(value);
        } },
    };
  }

  function draw(group) {
    // Panels are there to be held against each other, so they share their axes.
    const shown = group.canvases.map((canvas) => datasets(group, canvas.dataset.axis, canvas.dataset.panel));
    const common = group.panels.length > 1 ? shown.flat() : null;
    group.canvases.forEach((canvas, at) => {
      const axis = canvas.dataset.axis;
      const old = Chart.getChart(canvas);
      if (old) all.splice(all.indexOf(old), 1), old.destroy();
      const sets = shown[at];
      const config = {
        type: "line",
        data: { datasets: sets },
        options: {
          animation: false, maintainAspectRatio: false, parsing: false,
          interaction: { mode: "nearest", axis: "x", intersect: false },
          scales: {
            x: scale(group.logX, 8, range(common || sets, "x", group.logX, common)),
            y: scale(group.logY, 7, range(common || sets, "y", group.logY, common)),
          },
          plugins: {
            legend: { display: false },
            tooltip: {
              filter: (item) => !item.dataset.faint && !item.dataset.band,
              callbacks: {
                title: (items) => items.length ? `${readable(items[0].parsed.x)} ${units[axis]}` : "",
                label: (item) => ` ${item.dataset.label}: ${number(item.parsed.y)}`,
              },
            },
          },
        },
      };
      paint(config);
      all.push(new Chart(canvas, config));
    });
  }

  // The line a curve is drawn with, as a small picture in its legend button.
  function sample(index) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 30 10");
    svg.setAttribute("aria-hidden", "true");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    const attributes = { x1: 1, x2: 29, y1: 5, y2: 5, "stroke-width": 3, stroke: `var(--c${index % 6})`,
      "stroke-dasharray": dashes[index % 6].join(" ") };
    for (const [key, value] of Object.entries(attributes)) line.setAttribute(key, value);
    svg.append(line);
    return svg;
  }

  function controls(group, box) {
    group.labels.forEach((label, index) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(sample(index), label);
      button.setAttribute("aria-pressed", "true");
      button.addEventListener("click", () => {
        if (!group.hidden.delete(index)) group.hidden.add(index);
        button.setAttribute("aria-pressed", String(!group.hidden.has(index)));
        draw(group);
      });
      box.append(button);
    });
    const gap = document.createElement("span");
    gap.className = "gap";
    box.append(gap);
    for (const [key, text] of [["logX", "log x"], ["logY", "log y"]]) {
      const label = document.createElement("label");
      const input = document.createElement("input");
      input.type = "checkbox";
      input.checked = group[key];
      input.addEventListener("change", () => { group[key] = input.checked; draw(group); });
      label.append(input, text);
      box.append(label);
    }
  }

  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  for (const section of document.querySelectorAll("section.charts")) {
    const { curves, target } = data[section.dataset.group];
    // Logarithmic where the figures span enough for it to tell more.
    const ends = curves.map((c) => c.work_units.at(-1)).filter((v) => v > 0);
    const values = curves.flatMap((c) => c.value).filter(finite);
    const group = {
      curves, target, hidden: new Set(), panels: [...new Set(curves.map((c) => c.panel))], labels: [...new Set(curves.map((c) => c.label))],
      logX: Math.max(...ends) > 4 * Math.min(...ends),
      logY: Math.min(...values) > 0 && Math.max(...values) > 2 * Math.min(...values),
      canvases: [],
    };
    for (const canvas of section.querySelectorAll("canvas")) {
      if (curves.some((c) => (c[canvas.dataset.axis] || []).length)) group.canvases.push(canvas);
      else canvas.closest("figure").remove();
    }
    // What it took to reach a loss is read off the first steps as much as off the last.
    if (section.dataset.group === "validation" && group.labels.length > 1) group.logX = true;
    controls(group, section.querySelector(".controls"));
    draw(group);
  }

  const repaint = () => all.forEach((chart) => { chart.resize(); paint(chart); chart.update("none"); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  matchMedia("print").addEventListener("change", repaint);
  addEventListener("beforeprint", repaint);
  addEventListener("afterprint", repaint);
})();
