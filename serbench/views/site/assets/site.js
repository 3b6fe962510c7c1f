// Sorting, filters in the address, charts and the comparison of two entries. Without it all pages are complete.
"use strict";
(() => {
  const root = document.currentScript.getAttribute("src").replace("assets/site.js", "");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  document.documentElement.classList.add("js");

  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const made = (tag, text, attributes = {}) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };

  // The address: what follows "#" holds the filters and the order, or the two entries.
  const address = () => new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
  function remember(values) {
    const kept = new URLSearchParams(Object.entries(values).filter(([, value]) => value));
    const hash = kept.size || location.hash.includes("=") ? `#${kept}` : location.hash;
    history.replaceState(null, "", hash || location.pathname);
    for (const link of all("a.choice")) link.hash = String(kept);
  }

  // Tables: a click on the name of a column sorts by it.
  function valueOf(row, column) {
    const cell = row.cells[column];
    const value = cell.dataset.value ?? cell.textContent.trim();
    const number = Number(value.replaceAll(",", ""));
    return value === "" ? null : Number.isNaN(number) ? value : number;
  }
  function compared(one, other) {
    if (one === null || other === null) return (one === null) - (other === null);
    return typeof one === "number" && typeof other === "number" ? one - other : String(one).localeCompare(String(other));
  }
  function sort(table, column, descending) {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row, place) => [valueOf(row, column), place, row]);
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
  for (const table of all("table.sortable")) {
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
        row.facets ??= row.dataset.facets.split(" ");
        row.words ??= row.textContent.toLowerCase();
        const fits = wanted.every(([place, value]) => row.facets[place] === value) && words.every(word => row.words.includes(word));
        row.hidden = !fits;
        here += fits;
        total += 1;
      }
      shown += here;
      for (const part of parts) {
        part.hidden = here === 0;
        for (const figure of all(".chart", part)) if (here && figure.drawn) draw(figure);
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
    const spec = structuredClone(self.serbenchCharts[figure.dataset.chart]);
    figure.content ??= JSON.parse(figure.querySelector("script").textContent);
    const { title, data } = figure.content;
    if (title.text) spec.title = title;
    figure.drawn = true;
    const ranking = figure.closest(".ranking")?.dataset.ranking;
    const table = ranking && tables.find(each => each.dataset.ranking === ranking);
    const shown = table && new Set(all("tbody tr:not([hidden])", table).map(row => Number(row.dataset.entry)));
    const rowsOf = ([fields, ...rows]) => rows.map(row => Object.fromEntries(row.map((value, place) => [fields[place], value])));
    spec.datasets = Object.fromEntries(Object.entries(data).map(([name, table]) => [name, rowsOf(table)]).map(([name, rows]) =>
      [name, shown ? rows.filter(row => !("entry" in row) || shown.has(row.entry)) : rows]));
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
  const figures = all(".chart");
  if (figures.length) {
    const seen = new IntersectionObserver(entries => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        seen.unobserve(entry.target);
        draw(entry.target);
      }
    }, { rootMargin: "400px" });
    const start = () => figures.forEach(figure => seen.observe(figure));
    if (self.vegaEmbed) start();
    else addEventListener("DOMContentLoaded", start);
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
  const signed = hundredths => `${hundredths < 0 ? "−" : "+"}${(Math.abs(hundredths) / 100).toFixed(1)}`;
  function pairOf({ groups }, a, b) {
    for (const { entries, pairs } of groups) {
      const places = [entries.indexOf(a), entries.indexOf(b)];
      if (places.includes(-1)) continue;
      if (!pairs.length) return { alike: true };
      const [low, high] = places[0] < places[1] ? places : [places[1], places[0]];
      const start = 4 * (low * entries.length - low * (low + 1) / 2 + high - low - 1);
      const [difference, from, to, p] = pairs.slice(start, start + 4);
      return places[0] < places[1] ? { alike: true, difference, from, to, p } : { alike: true, difference: -difference, from: -to, to: -from, p };
    }
    return { alike: false };
  }
  function verdictOf(a, b) {
    if (a === b) return "Choose two different entries.";
    const found = pairOf(self.serbenchCompare, a, b);
    if (!found.alike) return "These entries were tested by different protocols, so that their scores cannot be compared.";
    if (found.difference === undefined) return "For these speakers no interval of a difference can be estimated.";
    const text = `UA of entry ${a} minus UA of entry ${b}: ${signed(found.difference)} points (95 % interval ${signed(found.from)} to ${signed(found.to)}, p = ${(found.p / 1000).toFixed(3)}).`;
    if (found.from <= 0 && found.to >= 0) return `${text} They are not distinguishable.`;
    return `${text} Entry ${found.difference > 0 ? a : b} has the higher UA.`;
  }
  function compare() {
    const [a, b] = [Number(form.a.value), Number(form.b.value)];
    const { entries } = self.serbenchCompare;
    document.getElementById("verdict").textContent = verdictOf(a, b);
    const [one, other] = [entries[a], entries[b]];
    const table = made("table");
    const head = made("tr");
    head.append(made("th", "", { scope: "col" }));
    for (const each of [one, other]) {
      const heading = made("th", undefined, { scope: "col" });
      heading.append(made("a", each.name, { href: root + each.path }));
      head.append(heading);
    }
    head.cells[0].textContent = "value";
    const { labels, texts } = self.serbenchCompare;
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
    form.hidden = false;
    form.addEventListener("change", compare);
    addEventListener("hashchange", read);
    addEventListener("DOMContentLoaded", read);
  }
  if (filters) readFilters();
})();
