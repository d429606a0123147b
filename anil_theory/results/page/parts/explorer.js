/* The sliders: they read a question from the page, and draw the bounds and the recommended N of that question. */

(function () {
  const root = document.getElementById("explorer");
  if (!root) return;

  const BREATH = 15; /* milliseconds between two drawings */
  const MOST_STEPS = 1000;
  const MOST_SEARCHED = 512;
  const TITLES = { ww: "w, w", wphi: "w, phi", phiw: "phi, w", phiphi: "phi, phi" };
  const NAMES = ["mu", "L", "rho", "tau", "M", "alpha", "c", "N"];
  const field = (name) => root.querySelector(`[name="${name}"]`);

  /* A slider moves evenly in the logarithm; the leftmost place of rho and tau is 0. */
  function valueOf(name) {
    const slider = field(name);
    const place = Number(slider.value);
    if (slider.dataset.zero !== undefined && place === Number(slider.min)) return 0;
    const value = Math.pow(10, place);
    return name === "N" ? Math.round(value) : value;
  }

  function digits(value) {
    if (!Number.isFinite(value)) return value > 0 ? "too large to compute here" : "-";
    if (value !== 0 && (Math.abs(value) >= 1e5 || Math.abs(value) < 1e-3)) return value.toExponential(2);
    return String(Number(value.toPrecision(4)));
  }

  function question() {
    const convex = field("geometry").value === "strongly-convex";
    const asked = { eps: Number(field("eps").value), D0: Number(field("D0").value) };
    for (const name of NAMES) asked[name] = valueOf(name);
    if (!convex) asked.mu = null;
    else asked.mu = Math.min(asked.mu, asked.L);
    if (field("paper").checked) asked.alpha = null;
    else if (convex) asked.alpha = Math.min(asked.alpha, 1 / asked.L);
    return asked;
  }

  function show(asked) {
    const setting = at(asked, asked.N);
    for (const name of NAMES) {
      const shown = name in setting && setting[name] !== null ? digits(setting[name]) : "not assumed";
      root.querySelector(`output[for="${name}"]`).textContent = shown;
    }
    field("mu").disabled = asked.mu === null;
    field("c").disabled = asked.mu !== null || asked.alpha !== null;
    field("alpha").disabled = asked.alpha === null;
    const limited = asked.mu !== null && asked.alpha !== null && valueOf("alpha") > 1 / asked.L;
    root.querySelector(".remark").textContent = limited
      ? "alpha is held at 1/L: beyond it Proposition 2 says nothing."
      : "";
    fillTable(setting);
    for (const block of BLOCKS) drawBlock(block, asked);
    showPlan(asked);
  }

  function fillTable(setting) {
    for (const kind of KINDS) {
      const bounds = blockBounds(setting, kind);
      for (const block of BLOCKS) {
        root.querySelector(`td[data-block="${block}"][data-kind="${kind}"]`).textContent = digits(bounds[block]);
      }
    }
  }

  function showPlan(asked) {
    const place = root.querySelector(".plan");
    if (!(asked.eps > 0 && asked.D0 > 0)) {
      place.textContent = "eps and D0 must be numbers above 0.";
      return;
    }
    const best = cheapestPlan(asked, MOST_SEARCHED);
    const here = planAt(asked, asked.N);
    place.textContent =
      `Recommended N = ${best.N} (of 1 to ${MOST_SEARCHED}): B = ${digits(best.B)} tasks, K = ${digits(best.K)} outer ` +
      `steps of ${digits(best.beta)}, ${digits(best.cost)} oracle calls in all. ` +
      `At N = ${asked.N} the guarantee costs ${digits(here.cost / best.cost)} times as many.`;
    place.dataset.recommended = best.N;
  }

  /* Some 50 numbers of steps, each twice as dense as the eye needs. */
  function stepsShown() {
    const found = new Set();
    for (let i = 0; i <= 48; i += 1) found.add(Math.round(Math.pow(MOST_STEPS, i / 48)));
    return [...found];
  }

  const WIDTH = 320;
  const HEIGHT = 200;
  const LEFT = 52;
  const BOTTOM = 30;
  const svg = (name, attributes, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };

  function drawBlock(block, asked) {
    const chart = root.querySelector(`svg[data-block="${block}"]`);
    chart.replaceChildren();
    const curves = {};
    const heights = [];
    for (const kind of KINDS) {
      curves[kind] = stepsShown().map((N) => [N, blockBounds(at(asked, N), kind)[block]]);
      for (const [, value] of curves[kind]) {
        if (value > 1e-12 && value < 1e30) heights.push(Math.log10(value));
      }
    }
    const low = Math.max(Math.floor(Math.min(...heights)), -12);
    const high = Math.max(Math.ceil(Math.max(...heights)), low + 1);
    const x = (N) => LEFT + ((WIDTH - LEFT - 8) * Math.log10(N)) / Math.log10(MOST_STEPS);
    const y = (value) => {
      const part = (Math.log10(value) - low) / (high - low);
      return 10 + (HEIGHT - 10 - BOTTOM) * (1 - Math.min(Math.max(part, -0.02), 1.02));
    };
    drawAxes(chart, x, y, low, high);
    chart.append(svg("line", { x1: x(asked.N), x2: x(asked.N), y1: 10, y2: HEIGHT - BOTTOM, class: "here" }));
    for (const kind of KINDS) {
      const points = curves[kind].filter(([, value]) => value > 0 && !Number.isNaN(value));
      const path = points.map(([N, value]) => `${x(N).toFixed(1)},${y(Math.min(value, 1e300)).toFixed(1)}`);
      chart.append(svg("polyline", { points: path.join(" "), class: `curve ${kind}` }));
    }
  }

  function drawAxes(chart, x, y, low, high) {
    const stride = Math.ceil((high - low) / 5);
    for (let decade = low; decade <= high; decade += stride) {
      const height = y(Math.pow(10, decade));
      chart.append(svg("line", { x1: LEFT, x2: WIDTH - 8, y1: height, y2: height, class: "grid" }));
      const label = decade >= -3 && decade <= 4 ? String(Number(Math.pow(10, decade).toPrecision(2))) : `1e${decade}`;
      chart.append(svg("text", { x: LEFT - 5, y: height + 4, "text-anchor": "end" }, label));
    }
    for (const N of [1, 10, 100, 1000]) {
      chart.append(svg("text", { x: x(N), y: HEIGHT - BOTTOM + 15, "text-anchor": N === 1000 ? "end" : "middle" }, N));
    }
    chart.append(svg("text", { x: (LEFT + WIDTH) / 2, y: HEIGHT - 2, "text-anchor": "middle" }, "N"));
  }

  let waiting = false;
  function later() {
    if (waiting) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      show(question());
    }, BREATH);
  }

  root.addEventListener("input", later);
  root.addEventListener("change", later);
  show(question());
})();
