// SPDX-License-Identifier: MIT
// Draws the charts of a study's page, one for each canvas, in their order. Colours come from the
// page's style, so that they follow the theme and the printer.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const finite = (v) => v !== null && Number.isFinite(v);
  const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
  const number = (v) => (v !== 0 && (Math.abs(v) < 1e-3 || Math.abs(v) >= 1e5)
    ? Number(v).toExponential(1).replace(".0e", "e").replace("e+", "e") : short.format(v));

  // One standard error up and down, behind the points.
  const errorBars = {
    id: "errorBars",
    beforeDatasetsDraw(chart) {
      const { ctx, chartArea } = chart;
      ctx.save();
      ctx.beginPath();
      ctx.rect(chartArea.left, chartArea.top, chartArea.width, chartArea.height);
      ctx.clip();
      ctx.lineWidth = 1.4;
      chart.data.datasets.forEach((set, i) => {
        ctx.strokeStyle = set.borderColor;
        chart.getDatasetMeta(i).data.forEach((element, j) => {
          const { y, error } = set.data[j];
          if (!finite(error) || !finite(y)) return;
          const scale = chart.scales.y;
          const low = scale.type === "logarithmic" ? Math.max(y - error, scale.min) : y - error;
          const top = scale.getPixelForValue(y + error), bottom = scale.getPixelForValue(low);
          ctx.beginPath();
          ctx.moveTo(element.x, top), ctx.lineTo(element.x, bottom);
          ctx.moveTo(element.x - 4, top), ctx.lineTo(element.x + 4, top);
          ctx.moveTo(element.x - 4, bottom), ctx.lineTo(element.x + 4, bottom);
          ctx.stroke();
        });
      });
      ctx.restore();
    },
  };

  function points(chart, line) {
    return line.x
      .map((x, i) => ({ x: chart.bars ? chart.places[x] : x, y: line.y[i], error: line.error[i] }))
      .filter((p) => finite(p.y) && !(chart.log_x && p.x <= 0) && !(chart.log_y && p.y <= 0));
  }

  function dataset(chart, line) {
    const dots = line.x.length <= 12 && !line.dashed;
    return {
      label: line.label, colour: line.colour, data: points(chart, line), borderWidth: 2.2,
      borderDash: line.dashed ? [6, 4] : [], pointRadius: dots ? 3.5 : 0, pointHitRadius: 8,
      borderJoinStyle: "round", maxBarThickness: 42,
    };
  }

  // Takes the colours of the page as it is now. `chart` is a chart or what one is made from.
  function paint(chart) {
    for (const set of chart.data.datasets) {
      const c = css(`--c${set.colour % 6}`);
      set.borderColor = set.pointBackgroundColor = set.pointBorderColor = c;
      set.backgroundColor = chart.config?.type === "bar" || chart.type === "bar" ? `${c}b0` : c;
    }
    for (const scale of Object.values(chart.options.scales)) {
      scale.ticks.color = css("--quiet");
      scale.grid.color = css("--grid");
    }
  }

  function range(sets, key) {
    const values = sets.flatMap((set) => set.data.flatMap((p) =>
      key === "y" && finite(p.error) ? [p.y + p.error, Math.max(p.y - p.error, p.y / 2)] : [p[key]]));
    if (!values.length) return {};
    return { min: Math.min(...values) / 1.15, max: Math.max(...values) * 1.15 };
  }

  function numeric(log, limits) {
    // The wider a logarithmic axis, the fewer labels a decade has room for.
    const decades = log && limits.max ? Math.log10(limits.max / limits.min) : 0;
    const shown = decades > 3 ? [1] : decades > 1.3 ? [1, 2, 5] : [1, 2, 3, 5, 7];
    const step = Math.max(1, Math.ceil(decades / 7));  // decades from label to label
    return {
      type: log ? "logarithmic" : "linear", ...(log ? limits : {}), grid: { drawBorder: false },
      ticks: { maxRotation: 0, autoSkip: !log, autoSkipPadding: 14, maxTicksLimit: log ? 200 : 7,
        callback(value) {
          if (!log) return number(value);
          // The limits themselves are not round.
          const [digits, power] = Number(value).toExponential(6).split("e");
          const round = Math.abs(digits - Math.round(digits)) < 1e-6;
          if (!round || !shown.includes(Math.round(digits)) || power % step) return null;
          return number(Number(`${Math.round(digits)}e${power}`));
        } },
    };
  }

  function places(chart) {
    return {
      type: "linear", min: -0.3, max: chart.places.length - 0.7, grid: { drawBorder: false },
      afterBuildTicks: (axis) => { axis.ticks = chart.places.map((_, value) => ({ value })); },
      ticks: { maxRotation: 0, autoSkip: false, callback: (value) => chart.places[value] },
    };
  }

  function xAxis(chart, sets) {
    if (chart.bars) {
      return { type: "category", labels: chart.places, grid: { display: false },
        ticks: { autoSkip: false, maxRotation: 40 } };
    }
    return chart.places.length ? places(chart)
      : numeric(chart.log_x, chart.log_x ? range(sets, "x") : {});
  }

  function draw(chart, canvas) {
    const sets = chart.lines.map((line) => dataset(chart, line));
    const y = numeric(chart.log_y, chart.log_y ? range(sets, "y") : {});
    if (!chart.log_y) {
      y.beginAtZero = chart.bars;
      y.suggestedMax = range(sets, "y").max;  // with the error bars
    }
    const at = (x) => (chart.bars ? x : chart.places.length ? chart.places[x] : number(x));
    const config = {
      type: chart.bars ? "bar" : "line",
      data: { datasets: sets },
      plugins: [errorBars],
      options: {
        animation: false, maintainAspectRatio: false,
        interaction: { mode: "nearest", axis: "x", intersect: false },
        scales: { x: xAxis(chart, sets), y },
        plugins: {
          legend: { display: false },
          tooltip: { callbacks: {
            title: (items) => (items.length ? `${chart.x_name} ${at(items[0].raw.x)}` : ""),
            label: ({ dataset: set, raw }) => ` ${set.label}: ${number(raw.y)}`
              + (finite(raw.error) ? ` ± ${number(raw.error)}` : ""),
          } },
        },
      },
    };
    paint(config);
    return new Chart(canvas, config);
  }

  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  const canvases = document.querySelectorAll("canvas");
  const all = data.map((chart, i) => draw(chart, canvases[i]));
  const repaint = () => all.forEach((chart) => { chart.resize(); paint(chart); chart.update("none"); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  matchMedia("print").addEventListener("change", repaint);
  addEventListener("beforeprint", repaint);
  addEventListener("afterprint", repaint);
})();
