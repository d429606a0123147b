/* The bounds of Propositions 2 and 3 and the cost of an accuracy, at one setting.
   The closed forms are `formulas`, generated from the table; here are the sequences that they take and the search for
   the cheapest N. A test compares all of it with the Python functions at random settings. */

/* A product in which 0 wins over infinity: a constant that is 0 removes its term, however large the rest is. */
function times(...factors) {
  let product = 1;
  for (const factor of factors) {
    if (factor === 0) return 0;
    product *= factor;
  }
  return product;
}

/* The sum of term(m) for m < count. */
function sum(count, term) {
  let total = 0;
  for (let m = 0; m < count; m += 1) total += term(m);
  return total;
}

const KINDS = ["sharp", "refined", "explicit", "order"];
const BLOCKS = ["ww", "wphi", "phiw", "phiphi"];
const HALVINGS = 60;
const LARGEST_STEP = 1e300;

/* What every kind needs of a setting: { mu (or null), L, rho, tau, M, alpha, N }. */
function contraction(setting) {
  const { mu, L, alpha } = setting;
  if (mu === null) return formulas.expanding({ L, alpha });
  return Math.max(formulas.contracting({ alpha, mu }), 0);
}

function mixedNorm(setting, kind) {
  const { mu, L } = setting;
  return kind === "explicit" || mu === null ? L : formulas.mixed_norm({ L, mu });
}

function partialSums(r, N) {
  const S = [0];
  for (let m = 0; m < N; m += 1) S.push(r * S[m] + 1);
  return S;
}

function carriedFactors(r, N) {
  const carried = new Array(N);
  let power = 1;
  for (let m = N - 1; m >= 0; m -= 1) {
    carried[m] = power;
    power *= r;
  }
  return carried;
}

/* max a s + b over a^2 + b^2 <= rho^2, b <= tau. */
function crossSensitivity(s, rho, tau) {
  const size = Math.hypot(s, 1);
  if (rho <= tau * size) return rho * size;
  const kept = Math.min(rho, tau);
  return s * Math.sqrt(rho - kept) * Math.sqrt(rho + kept) + kept;
}

/* max a s^2 + 2 b s + d over a^2 + b^2 <= rho^2, b^2 + d^2 <= tau^2, through its dual: every x gives an upper bound. */
function ownSensitivity(s, rho, tau) {
  const dual = (x) => rho * s * Math.hypot(s, 2 * x) + tau * Math.hypot(1, 2 * (1 - x) * s);
  let low = 0;
  let high = 1;
  for (let step = 0; step < HALVINGS; step += 1) {
    const x = (low + high) / 2;
    const slope = (rho * x) / Math.hypot(s, 2 * x) - (tau * (1 - x) * s) / Math.hypot(1, 2 * (1 - x) * s);
    if (slope > 0) high = x;
    else low = x;
  }
  return Math.min(dual((low + high) / 2), dual(0), dual(1));
}

function sharpMoves(setting, r, cbar) {
  const { mu, L, alpha, N } = setting;
  const s = [0];
  for (let m = 0; m < N; m += 1) {
    s.push(mu === null ? s[m] + alpha * L * Math.hypot(1, s[m]) : r * s[m] + alpha * cbar);
  }
  return s;
}

function sharpBlocks(setting) {
  const { L, rho, tau, M, alpha, N } = setting;
  const r = contraction(setting);
  const s = sharpMoves(setting, r, mixedNorm(setting, "sharp"));
  const { ww, cross, phiphi } = formulas.sharp_constants({
    L, M, N, alpha, r, rho,
    S: partialSums(r, N),
    carried: carriedFactors(r, N),
    n: s.map((move) => Math.hypot(1, move)),
    X: s.map((move) => crossSensitivity(move, rho, tau)),
    Y: s.map((move) => ownSensitivity(move, rho, tau)),
  });
  return { ww, wphi: cross, phiw: cross, phiphi };
}

function summedBlocks(setting, kind) {
  const { L, rho, tau, M, alpha, N } = setting;
  const r = contraction(setting);
  const cbar = mixedNorm(setting, kind);
  const S = partialSums(r, N);
  const rate = alpha * cbar;
  const x = S.map((moved) => (kind === "explicit" ? 1 + rate * moved : Math.hypot(1, rate * moved)));
  const carried = carriedFactors(r, N);
  const blocks = formulas.block_constants({ L, M, N, S, alpha, carried, cbar, r, rho, tau, x });
  if (kind === "refined") blocks.wphi = blocks.phiw = Math.min(blocks.wphi, blocks.phiw);
  return blocks;
}

function printedOrders(setting) {
  const { mu, L, N } = setting;
  if (mu === null) return formulas.proposition_3({ N });
  return formulas.proposition_2({ L, N, mu, q: contraction(setting) });
}

/* The four block constants of one kind. */
function blockBounds(setting, kind) {
  if (kind === "order") return printedOrders(setting);
  return kind === "sharp" ? sharpBlocks(setting) : summedBlocks(setting, kind);
}

/* The inner step size of a question: its own, or that of the paper at N steps. */
function innerStep(question, N) {
  if (question.alpha !== null) return question.alpha;
  return question.mu === null ? question.c / (N * question.L) : question.mu / question.L / question.L;
}

function at(question, N) {
  return { ...question, N, alpha: innerStep(question, N) };
}

/* The weight of the proof at which both blocks ask for the same step. */
function evenWeight({ ww, cross, phiphi }) {
  if (cross === 0) return 1;
  const top = Math.max(ww, phiphi, cross);
  const gap = Math.abs(ww - phiphi) / top;
  const total = gap + Math.sqrt(gap * gap + 4 * (cross / top) * (cross / top));
  const mixed = (2 * cross) / top;
  return phiphi > ww ? total / mixed : mixed / total;
}

/* Outer step sizes, B and K with which Theorem 1 or 2 guarantees eps at N steps, and their oracle calls. */
function planAt(question, N) {
  const setting = at(question, N);
  const { M, alpha, eps, D0 } = setting;
  const r = contraction(setting);
  const blocks = summedBlocks(setting, "refined");
  const found = { ww: blocks.ww, cross: blocks.wphi, phiphi: blocks.phiphi };
  const S_N = partialSums(r, N)[N];
  const sizes = {
    sigma_w: formulas.sigma_w({ M, N, r }),
    sigma_phi: formulas.sigma_phi({ M, S_N, alpha, cbar: mixedNorm(setting, "refined") }),
  };
  const c = evenWeight(found);
  const smoothness_w = formulas.weighted_smoothness_w({ L_ww: found.ww, L_x: found.cross, c });
  const smoothness_phi = formulas.weighted_smoothness_phi({ L_phiphi: found.phiphi, L_x: found.cross, c });
  const top = Math.max(smoothness_w, smoothness_phi);
  if (!Number.isFinite(top)) return { N, alpha, beta: 0, c, K: Infinity, B: Infinity, cost: Infinity };
  /* In the unit 1/top both steps are 1: the square of a small step would be 0, and take its term with it. */
  const steps = { beta_w: 1, beta_phi: 1 };
  const Lambda_w = smoothness_w / top;
  const Lambda_phi = smoothness_phi / top;
  const decay = formulas.decay({ D_0: D0 * top, ...steps });
  const noise_w = formulas.noise_w({ Lambda_w, sigma_w: sizes.sigma_w, ...steps });
  const noise_phi = formulas.noise_phi({ Lambda_phi, sigma_phi: sizes.sigma_phi, ...steps });
  const half = (value) => Math.max(1, Math.ceil((2 * value) / eps));
  const K = Math.max(half(decay.w), half(decay.phi));
  const B = Math.max(half(noise_w.w + noise_phi.w), half(noise_w.phi + noise_phi.phi));
  const calls = formulas.anil({ B, N, n_phi: 1, n_w: 1 });
  const perStep = calls.gradient_w + calls.gradient_phi + calls.hessian_w + calls.mixed;
  return { N, alpha, beta: Math.min(1 / top, LARGEST_STEP), c, K, B, cost: perStep * K };
}

/* The plan with the smallest cost among N = 1..most, the smaller N among equals. */
function cheapestPlan(question, most) {
  let best = planAt(question, 1);
  for (let N = 2; N <= most; N += 1) {
    const plan = planAt(question, N);
    if (plan.cost < best.cost) best = plan;
  }
  return best;
}
