/* The table of all rows: words, a statement and a verdict narrow it down. Without a script every row is there. */

(function () {
  const table = document.getElementById("every-row");
  if (!table) return;
  const form = document.getElementById("filter");
  const rows = [...table.tBodies[0].rows];
  const texts = rows.map((row) => row.textContent.toLowerCase());

  function narrow() {
    const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const statement = form.elements.statement.value;
    const verdict = form.elements.verdict.value;
    let shown = 0;
    rows.forEach((row, index) => {
      const kept =
        (!statement || row.dataset.statement === statement) &&
        (!verdict || row.dataset.verdict === verdict) &&
        words.every((word) => texts[index].includes(word));
      row.hidden = !kept;
      shown += kept;
    });
    document.getElementById("shown").textContent = `${shown} of ${rows.length} rows`;
  }

  form.addEventListener("input", narrow);
  form.addEventListener("submit", (event) => event.preventDefault());
  narrow();
})();
