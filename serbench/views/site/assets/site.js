// Sorting, filters in the address, charts and the comparison of two entries. Without it all pages are complete.
"use strict";
(() => {
  const root = document.currentScript.getAttribute("src").replace("assets/site.js", "");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  // Browsers from before 2023 cannot read the data of charts; tables have the same numbers.
  if ("DecompressionStream" in self) document.documentElement.classList.add("charts-shown");

  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const made = (tag, text, attributes = {}) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };

  /** Data that were packed by `packed` of figures.py. */
  function unpacked(text) {
    const bytes = Uint8Array.from(atob(text), each => each.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(stream).json();
  }
  const scripts = new Map();
  /** Load a script of the site, once. */
  function loaded(path) {
    if (!scripts.has(path)) {
      scripts.set(path, new Promise((done, failed) => {
        const script = made("script", undefined, { src: root + path });
        script.addEventListener("load", done);
        script.addEventListener("error", () => failed(new Error(`${path} was not loaded`)));
        document.head.append(script);
      }));
    }
    return scripts.get(path);
  }

  // What scrolls sideways can be reached with the keyboard.
  const reached = (box, name) => Object.entries({ tabindex: "0", role: "region", "aria-label": name }).forEach(each => box.setAttribute(...each));
  for (const table of all("table")) reached(table.parentElement, table.caption.textContent);
  for (const box of all("pre")) box.setAttribute("tabindex", "0");

  // The address: what follows "#" holds the filters and the order, or the two entries.
  const address = () => new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
  function remember(values) {
    const kept = new URLSearchParams(Object.entries(values).filter(([, value]) => value));
    const hash = kept.size || location.hash.includes("=") ? `#${kept}` : location.hash;
    history.replaceState(null, "", hash || location.pathname);
    for (const link of all("a.choice")) link.hash = String(kept);
  }

  // Tables: a click on the name of a column sorts by it.
  const units = { k: 1e3, M: 1e6, G: 1e9 };
  /** The number at the start of a text, such as "22.7–30.1" or "1.2M"; NaN if there is none. */
  function leading(text) {
    const [, number, unit] = /^([+-]?[\d.,]+(?:e[+-]\d+)?)([kMG]?)/.exec(text) ?? [];
    return number === undefined ? NaN : Number(number.replaceAll(",", "")) * (units[unit] ?? 1);
  }
  function valueOf(cell, isText) {
    const value = cell.dataset.value ?? cell.textContent.trim();
    if (value === "" || value === "–") return null;
    const number = isText ? Number(value.replaceAll(",", "")) : leading(value);
    return Number.isNaN(number) ? value : number;
  }
  const { compare: ordered } = new Intl.Collator("en", { numeric: true });
  function compared(one, other) {
    if (one === null || other === null) return (one === null) - (other === null);
    return typeof one === "number" && typeof other === "number" ? one - other : ordered(String(one), String(other));
  }
  function sort(table, column, descending) {
    const body = table.tBodies[0];
    const isText = table.tHead.rows[0].cells[column].classList.contains("t");
    const rows = [...body.rows].map((row, place) => [valueOf(row.cells[column], isText), place, row]);
    rows.sort(([one, first], [other, second]) => {
      const known = one !== null && other !== null;
      return (descending && known ? -1 : 1) * compared(one, other) || first - second;
    });
    body.append(...rows.map(([, , row]) => row));
    all("thead th", table).forEach((heading, place) => {
      if (place === column) heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else heading.removeAttribute("aria-sort");
    });
  }
  const named = heading => heading.textContent.trim();
  for (const table of all("table")) {
    if (table.tBodies[0].rows.length < 2) continue;
    all("thead th", table).forEach((heading, column) => {
      const button = made("button", named(heading), { type: "button" });
      heading.replaceChildren(button);
      button.addEventListener("click", () => {
        const first = !heading.classList.contains("t") && named(heading) !== "#" ? "descending" : "ascending";
        const before = heading.getAttribute("aria-sort");
        const order = before === null ? first : before === "ascending" ? "descending" : "ascending";
        if (table.classList.contains("leaderboard")) orderAll(named(heading), order);
        else sort(table, column, order === "descending");
      });
    });
  }

  // The first page: rows that fit the filters, in all rankings.
  const filters = document.getElementById("filters");
  const tables = all("table.leaderboard");
  const facets = filters ? all("select", filters) : [];
  let order = null;
  function orderAll(name, direction) {
    order = { name, direction };
    for (const table of tables) {
      const column = all("thead th", table).findIndex(heading => named(heading) === name);
      if (column >= 0) sort(table, column, direction === "descending");
    }
    rememberFilters();
  }
  function rememberFilters() {
    const values = Object.fromEntries(facets.map(select => [select.name, select.value]));
    remember({ ...values, search: filters.search.value, sort: order?.name, order: order?.direction });
  }
  const values = filters && JSON.parse(document.getElementById("facets").textContent);
  function filter() {
    const words = filters.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = facets.filter(select => select.value)
      .map(select => [Object.keys(values).indexOf(select.name), String(values[select.name].indexOf(select.value))]);
    let shown = 0, total = 0;
    for (const table of tables) {
      const parts = all(`.ranking[data-ranking="${table.dataset.ranking}"]`);
      let here = 0;
      for (const row of table.tBodies[0].rows) {
        row.facets ??= (row.dataset.facets ?? "").split(" ");
        row.words ??= row.textContent.toLowerCase();
        const fits = wanted.every(([place, value]) => row.facets[place] === value) && words.every(word => row.words.includes(word));
        row.hidden = !fits;
        here += fits;
        total += 1;
      }
      shown += here;
      for (const part of parts) {
        part.hidden = here === 0;
        for (const figure of all("figure", part)) if (here && figure.drawn) draw(figure);
      }
    }
    document.getElementById("shown").textContent = `${shown} of ${total} rows are shown.`;
  }
  function readFilters() {
    const values = address();
    for (const select of facets) {
      const value = values.get(select.name) ?? "";
      select.value = [...select.options].some(option => option.value === value) ? value : "";
    }
    filters.search.value = values.get("search") ?? "";
    if (values.get("sort")) orderAll(values.get("sort"), values.get("order") ?? "ascending");
    filter();
    rememberFilters();
  }
  let waiting;
  function later(action) {
    clearTimeout(waiting);
    waiting = setTimeout(action, 120);
  }
  if (filters) {
    filters.hidden = false;
    filters.addEventListener("submit", event => event.preventDefault());
    filters.addEventListener("input", () => later(() => { filter(); rememberFilters(); }));
    filters.addEventListener("reset", () => later(() => {
      order = null;
      for (const table of tables) sort(table, 1, false);
      for (const heading of all("table.leaderboard [aria-sort]")) heading.removeAttribute("aria-sort");
      filter();
      rememberFilters();
    }));
    const share = document.getElementById("share");
    share.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(location.href);
        share.textContent = "The address is copied";
      } catch {
        prompt("The address of this view:", location.href);
      }
    });
    addEventListener("hashchange", readFilters);

    // Two ticked entries lead to their comparison.
    const chosen = [];
    const bar = document.getElementById("chosen");
    for (const row of all("table.leaderboard tbody tr")) {
      const box = made("input", undefined, { type: "checkbox", "aria-label": `Compare entry ${row.dataset.entry}` });
      row.cells[0].prepend(box);
      box.addEventListener("change", () => {
        const entry = row.dataset.entry;
        if (box.checked) chosen.push(entry);
        else chosen.splice(chosen.indexOf(entry), 1);
        while (chosen.length > 2) {
          const first = chosen.shift();
          for (const other of all(`tr[data-entry="${first}"] input:checked`)) other.checked = false;
        }
        bar.hidden = chosen.length === 0;
        const [a, b] = chosen;
        bar.replaceChildren(b === undefined || a === b
          ? made("span", `Entry ${a}: choose another entry to compare it with.`)
          : made("a", `Compare entries ${a} and ${b}`, { href: `${root}compare.html#a=${a}&b=${b}` }));
      });
    }
  }

  // Charts are drawn when they come into view, with an interpreter that needs no evaluation of code.
  function draw(figure) {
    const target = figure.querySelector(".drawing");
    const { chart, title, columns } = figure.content;
    const { specification, fields } = self.serbenchCharts[chart];
    const spec = structuredClone(specification);
    if (title.text) spec.title = title;
    figure.drawn = true;
    const ranking = figure.closest(".ranking")?.dataset.ranking;
    const table = ranking && tables.find(each => each.dataset.ranking === ranking);
    const shown = table && new Set(all("tbody tr:not([hidden])", table).map(row => Number(row.dataset.entry)));
    spec.datasets = {};
    Object.entries(fields).forEach(([name, names], which) => {
      const values = columns[which];
      const rows = (values[0] ?? []).map((_, place) => Object.fromEntries(names.map((field, each) => [field, values[each][place]])));
      spec.datasets[name] = shown ? rows.filter(row => !("entry" in row) || shown.has(row.entry)) : rows;
    });
    spec.config = { ...self.serbenchThemes[dark.matches ? "dark" : "light"] };
    const wide = target.clientWidth;
    figure.wide = wide;
    fit(spec, wide);
    const options = { mode: "vega-lite", ast: true, actions: false, renderer: "svg", defaultStyle: false, logLevel: 1, tooltip: { disableDefaultStyle: true } };
    self.vegaEmbed(target, spec, options).then(({ view }) => {
      view.addEventListener("click", (_, item) => {
        const entry = item?.datum?.entry;
        if (Number.isInteger(entry)) location.href = `${root}entries/${entry}.html`;
      });
    });
  }
  /** Fit a chart into a width in pixels. */
  function fit(spec, wide) {
    if (typeof spec.width === "number") {
      spec.width = Math.min(wide, Math.max(spec.width + 160, 300));
      spec.autosize = { type: "fit-x", contains: "padding" };
    }
    if (spec.hconcat && wide < 620) {
      spec.vconcat = spec.hconcat;
      delete spec.hconcat;
    }
    if (wide < 480) spec.config.legend = { ...spec.config.legend, columns: 1 };
    if (spec.concat) spec.columns = Math.max(1, Math.floor(wide / 260));
    // The wheel scrolls the page; with the control key it zooms.
    for (const each of [spec, ...(spec.layer ?? [])]) {
      for (const param of each.params ?? []) {
        if (param.bind === "scales") param.select = { ...(param.select.type ? param.select : { type: param.select }), zoom: "wheel![event.ctrlKey]" };
      }
    }
  }
  const figures = all("figure");
  if (figures.length && "DecompressionStream" in self) {
    const seen = new IntersectionObserver(entries => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        seen.unobserve(target);
        Promise.all([loaded("assets/vega.js"), loaded(`assets/charts/${target.content.chart}.js`)]).then(() => draw(target));
      }
    }, { rootMargin: "400px" });
    unpacked(document.getElementById("charts").textContent).then(contents => figures.forEach((figure, place) => {
      figure.content = contents[place];
      const { text, subtitle = [] } = figure.content.title;
      // The figure has a description, and the table has the numbers.
      figure.setAttribute("role", "img");
      figure.setAttribute("aria-label", `${[text, ...subtitle].join("; ")}. A table below has the same numbers.`);
      figure.append(made("div", undefined, { class: "drawing", "aria-hidden": "true" }));
      seen.observe(figure);
    }));
    const again = () => figures.filter(figure => figure.drawn).forEach(draw);
    dark.addEventListener("change", again);
    let resizing;
    addEventListener("resize", () => {
      clearTimeout(resizing);
      resizing = setTimeout(() => figures.filter(figure => figure.drawn && figure.wide !== figure.querySelector(".drawing").clientWidth).forEach(draw), 150);
    });
  }

  // The comparison of two entries.
  const form = document.getElementById("compare");
  let comparison;
  const signed = hundredths => `${hundredths < 0 ? "−" : "+"}${(Math.abs(hundredths) / 100).toFixed(1)}`;
  function pairOf({ groups }, a, b) {
    for (const { entries, scores, below, further, p } of groups) {
      const places = [entries.indexOf(a), entries.indexOf(b)];
      if (places.includes(-1)) continue;
      if (!below) return { alike: true };
      const [first, second] = places[0] < places[1] ? places : [places[1], places[0]];
      const pair = first * entries.length - first * (first + 1) / 2 + second - first - 1;
      const ends = [below[pair], below[pair] + further[pair]];
      const [down, up] = places[0] < places[1] ? ends : ends.reverse();
      const difference = (scores[places[0]] - scores[places[1]]) / 100;
      return { alike: true, difference, from: difference - down, to: difference + up, p: p[pair] };
    }
    return { alike: false };
  }
  function verdictOf(a, b) {
    if (a === b) return "Choose two different entries.";
    const found = pairOf(comparison, a, b);
    if (!found.alike) return "These entries were tested by different protocols, so that their scores cannot be compared.";
    if (found.difference === undefined) return "For these speakers no interval of a difference can be estimated.";
    const text = `UA of entry ${a} minus UA of entry ${b}: ${signed(found.difference)} points (95 % interval ${signed(found.from)} to ${signed(found.to)}, p = ${(found.p / 1000).toFixed(3)}).`;
    if (found.from <= 0 && found.to >= 0) return `${text} They are not distinguishable.`;
    return `${text} Entry ${found.difference > 0 ? a : b} has the higher UA.`;
  }
  function compare() {
    const [a, b] = [Number(form.a.value), Number(form.b.value)];
    const { entries, labels, texts } = comparison;
    document.getElementById("verdict").textContent = verdictOf(a, b);
    const [one, other] = [entries[a], entries[b]];
    const table = made("table");
    const head = made("tr");
    head.append(made("th", "", { scope: "col" }));
    for (const each of [a, b]) {
      const heading = made("th", undefined, { scope: "col" });
      heading.append(made("a", entries[each].name, { href: `${root}entries/${each}.html` }));
      head.append(heading);
    }
    head.cells[0].textContent = "value";
    const rows = labels.map((label, place) => [label, texts[one.facts[place]], texts[other.facts[place]]]);
    for (const emotion of new Set([...one.emotions, ...other.emotions])) {
      const both = [one, other].map(each => each.recalls[each.emotions.indexOf(emotion)]?.toFixed(1) ?? "–");
      rows.push([`recall of ${texts[emotion]}, %`, ...both]);
    }
    const top = made("thead"), body = made("tbody");
    top.append(head);
    for (const [name, ...values] of rows) {
      const row = made("tr");
      row.append(made("th", name, { scope: "row" }), ...values.map(value => made("td", value)));
      body.append(row);
    }
    table.append(made("caption", "Both entries beside each other"), top, body);
    const place = document.getElementById("comparison");
    place.replaceChildren(table);
    reached(place, "Comparison");
    place.hidden = false;
    remember({ a: form.a.value, b: form.b.value });
  }
  if (form) {
    const read = () => {
      const values = address();
      for (const [name, otherwise] of [["a", 0], ["b", Math.min(1, form.b.length - 1)]]) {
        form[name].value = values.get(name);
        if (form[name].selectedIndex < 0) form[name].selectedIndex = otherwise;
      }
      compare();
    };
    loaded("data/compare.js").then(() => unpacked(self.serbenchCompare)).then(data => {
      comparison = data;
      const datasets = data.labels.indexOf("dataset");
      for (const select of [form.a, form.b]) {
        select.append(...Object.entries(data.entries).map(([entry, { name, facts }]) =>
          made("option", `${name}, ${data.texts[facts[datasets]]}`, { value: entry })));
      }
      form.hidden = false;
      form.addEventListener("change", compare);
      addEventListener("hashchange", read);
      read();
    });
  }
  if (filters) readFilters();
})();
