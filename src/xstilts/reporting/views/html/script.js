"use strict";
/* Sorting, filtering, tooltips, other groups of languages and the plots of a cell. Names from results only ever become text nodes. */
(() => {
  const CHUNK = 100;
  const MANY_ROWS = 8;
  const P_VALUES = new Set(["p", "p_corrected"]);
  const SIGNED = new Set(["difference", "low", "high", "difference_without", "low_without", "high_without"]);
  const COUNTS = new Set(["seed", "seeds", "baseline_seeds", "languages", "seen_languages", "items", "clusters", "examples", "layer", "collapsed"]);
  const FLAGS = new Set(["source", "main", "seen"]);
  const UNKNOWN = "\u2013";
  const ITEMS = "test items only";

  const make = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children);
  const draw = (tag, attributes = {}, ...children) =>
    filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
  function filled(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Numbers, as xstilts.reporting.numbers writes them.
  function fixed(value, digits, signed = false) {
    if (value === null) return UNKNOWN;
    const text = Math.abs(value).toFixed(digits);
    const sign = Number(text) === 0 ? "" : value < 0 ? "\u2212" : signed ? "+" : "";
    return sign + text;
  }
  const probability = (p) => (p !== null && p < 0.001 ? "< 0.001" : fixed(p, 3));

  const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
  const itemsText = (items, clusters) => (!items ? "not compared" : clusters < items ? `${items} in ${counted(clusters, "cluster")}` : String(items));

  function unpacked({ values, names, runs }) {
    const whole = runs ? values.flatMap((value, place) => new Array(runs[place]).fill(value)) : values;
    return names ? whole.map((place) => (place === null ? null : names[place])) : whole;
  }
  const { tables: packedTables, group: firstGroup } = JSON.parse(document.getElementById("data").textContent);
  const tables = {};
  for (const [name, { rows, columns }] of Object.entries(packedTables)) {
    tables[name] = { rows, columns: new Map(Object.entries(columns).map(([title, packed]) => [title, unpacked(packed)])) };
  }
  const effect = (name, row) => tables.effects.columns.get(name)[row];

  // Which row tells of a choice, target, condition and group of languages.
  const cellOf = (row) => JSON.stringify(["target", "condition", "intermediate"].map((name) => effect(name, row)));
  const rowsOf = new Map();
  for (let row = 0; row < tables.effects.rows; row += 1) {
    const cell = cellOf(row);
    if (!rowsOf.has(cell)) rowsOf.set(cell, new Map());
    rowsOf.get(cell).set(effect("group", row), row);
  }
  const rowIn = (row, group) => rowsOf.get(cellOf(row)).get(group);

  const untested = (row) => (Math.min(effect("seeds", row), effect("baseline_seeds", row)) > 1 ? "nothing was learnt, not tested" : "one run, not tested");
  function withoutCollapsed(row) {
    if (!effect("collapsed", row)) return [];
    const [value, low, high] = ["difference_without", "low_without", "high_without"].map((name) => effect(name, row));
    const reach = low === null ? "" : ` [${fixed(low, 2, true)}, ${fixed(high, 2, true)}]`;
    const rest = value === null ? "" : `; without them ${fixed(value, 2, true)}${reach}, not tested`;
    return [`collapsed runs ${effect("collapsed", row)}${rest}`];
  }
  function details(row) {
    const many = effect("kind", row) === "language" ? "" : ` (${counted(effect("languages", row), "language")})`;
    const [low, high, p] = ["low", "high", "p"].map((name) => effect(name, row));
    const mark = effect("covers", row) === ITEMS ? "\u00b0" : "";
    const reach = low === null ? "" : `[${fixed(low, 2, true)}, ${fixed(high, 2, true)}]${mark}`;
    return [
      `${effect("intermediate", row)} \u2192 ${effect("target", row)}, ${effect("group", row)}${many}`,
      `difference ${fixed(effect("difference", row), 2, true)} ${reach}`.trim(),
      `score ${fixed(effect("score", row), 2)}, none ${fixed(effect("baseline", row), 2)}`,
      p === null ? untested(row) : `p ${probability(p)}, corrected ${probability(effect("p_corrected", row))}`,
      `seeds ${effect("seeds", row)}, test items ${itemsText(effect("items", row), effect("clusters", row))}`,
      ...withoutCollapsed(row),
      ...(effect("seen_languages", row) ? [`phase 2 trained in ${effect("seen_languages", row)} of ${effect("languages", row)}`] : []),
    ].join("\n");
  }

  // The part of a heading that names the intervals, as interval_heading of xstilts.reporting.tables.
  function intervalHeading(rows) {
    const covers = new Set(rows.map((row) => effect("covers", row)).filter(Boolean));
    if (covers.size === 1 && covers.has(ITEMS)) return `95 % intervals: ${ITEMS}`;
    if (covers.has(ITEMS)) return `95 % intervals, with \u00b0 ${ITEMS}`;
    return covers.size ? "95 % intervals" : "no intervals";
  }

  // Sorting and filtering, of tables that stand in the page and of those made here.
  const collator = new Intl.Collator("en", { numeric: true });
  function compared(one, other, direction) {
    if (one === null || other === null) return (one === null) - (other === null);
    return direction * (typeof one === "number" && typeof other === "number" ? one - other : collator.compare(one, other));
  }
  function sortableHeads(heads, sort) {
    heads.forEach((head, column) => {
      const button = make("button", { type: "button" });
      button.append(head.firstChild);
      head.prepend(button);
      button.addEventListener("click", () => {
        const direction = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
        sort(column, direction);
      });
    });
  }
  const NUMBER = /^(< )?[\u2212+]?\d+(\.\d+)?[\u2021\u00a7]*($| )/;
  const asNumber = (text) => Number.parseFloat(text.replace("\u2212", "-").replace("< ", ""));
  function sortableTable(table) {
    sortableHeads(all("thead tr:first-child th", table), (column, direction) => {
      const body = table.tBodies[0];
      const texts = [...body.rows].map((row) => row.cells[column].textContent.trim());
      const numeric = texts.every((text) => text === UNKNOWN || (NUMBER.test(text) && !/[a-z]/.test(text)));
      const keyed = [...body.rows].map((row, place) => {
        const text = texts[place];
        return [text === UNKNOWN ? null : numeric ? asNumber(text) : text, row];
      });
      keyed.sort(([one], [other]) => compared(one, other, direction));
      body.append(...keyed.map(([, row]) => row));
    });
  }
  function filterControl(what, found, filter) {
    const input = make("input", { type: "search", autocomplete: "off", spellcheck: "false" });
    const output = make("output");
    const update = () => {
      output.textContent = found(input.value.toLowerCase().split(/\s+/).filter(Boolean));
    };
    input.addEventListener("input", update);
    filter.append(make("label", {}, `Show ${what} with `, input), output);
    update();
  }
  function filteredTable(table) {
    const rows = [...table.tBodies[0].rows];
    if (rows.length < MANY_ROWS) return;
    const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
    const controls = make("div", { class: "controls" });
    table.parentElement.before(controls);
    filterControl("rows", (words) => {
      let shown = 0;
      for (const row of rows) {
        row.hidden = !words.every((word) => texts.get(row).includes(word));
        shown += !row.hidden;
      }
      return `${shown} of ${rows.length}`;
    }, controls);
  }

  // Tables with many rows: only those that are looked at are made.
  function shownValue(name, value) {
    if (value === null) return UNKNOWN;
    if (FLAGS.has(name)) return value ? "yes" : "no";
    if (typeof value === "string" || COUNTS.has(name)) return String(value);
    return P_VALUES.has(name) ? probability(value) : fixed(value, 2, SIGNED.has(name));
  }
  function bigTable(host) {
    const { rows, columns } = tables[host.dataset.table];
    const names = [...columns.keys()].filter((name) => columns.get(name).some((value) => value !== null && value !== ""));
    let order = Array.from({ length: rows }, (_, row) => row);
    let chosen = order;
    let shown = 0;
    let words = [];
    let texts = null;
    const body = make("tbody");
    const more = make("button", { type: "button", class: "button" });
    const isText = (name) => columns.get(name).some((value) => typeof value === "string");
    const heads = names.map((name) => make("th", { scope: "col", class: isText(name) ? "text" : "" }, name.replaceAll("_", " ")));
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), body);
    if (host.dataset.table === "effects") table.prepend(make("caption", {}, intervalHeading(order)));
    const box = make("div", { class: "box", role: "region", tabindex: "0", "aria-label": host.dataset.what }, table);
    const controls = make("div", { class: "controls" });

    function cell(name, row) {
      const value = columns.get(name)[row];
      const text = shownValue(name, value);
      if (name === names[0]) return make("th", { scope: "row" }, text);
      if (typeof value !== "string") return make("td", {}, text);
      return make("td", { class: text.length > 60 ? "text long" : "text" }, text);
    }
    function showMore() {
      const next = chosen.slice(shown, shown + CHUNK);
      body.append(...next.map((row) => make("tr", {}, ...names.map((name) => cell(name, row)))));
      shown += next.length;
      const left = chosen.length - shown;
      more.hidden = left === 0;
      more.textContent = `Show ${Math.min(CHUNK, left)} more of ${left}`;
    }
    function showAgain() {
      const has = (row) => words.every((word) => texts[row].includes(word));
      if (words.length && !texts) {
        texts = Array.from({ length: rows }, (_, row) => names.map((name) => shownValue(name, columns.get(name)[row])).join(" ").toLowerCase());
      }
      chosen = words.length ? order.filter(has) : order;
      body.replaceChildren();
      shown = 0;
      showMore();
    }
    sortableHeads(heads, (column, direction) => {
      const values = columns.get(names[column]);
      order = [...order].sort((one, other) => compared(values[one], values[other], direction));
      showAgain();
    });
    filterControl(host.dataset.what, (given) => {
      words = given;
      showAgain();
      return `${chosen.length} of ${rows}`;
    }, controls);
    more.addEventListener("click", showMore);
    host.append(controls, box, more);
  }

  // One tooltip for all cells; the title is for those who read without this program.
  const tip = document.getElementById("tip");
  function showTip(link) {
    tip.textContent = link.dataset.tip;
    tip.hidden = false;
    const around = link.getBoundingClientRect();
    const { width, height } = tip.getBoundingClientRect();
    const below = around.bottom + height + 8 < window.innerHeight;
    tip.style.left = `${Math.max(4, Math.min(around.left, window.innerWidth - width - 4))}px`;
    tip.style.top = `${Math.max(4, below ? around.bottom + 4 : around.top - height - 4)}px`;
  }
  const hideTip = () => {
    tip.hidden = true;
  };

  // The heat maps: other groups of languages, and the panel of a cell.
  const shownIn = new Map(all(".pivot td[data-row]").map((cell) => [Number(cell.dataset.row), cell]));
  let group = firstGroup;
  function showGroup(name) {
    group = name;
    for (const caption of all(".heat .group")) caption.textContent = name;
    for (const head of all(".heat th[aria-sort]")) head.removeAttribute("aria-sort");
    for (const cell of all(".heat tbody td[data-row]")) {
      const row = rowIn(Number(cell.dataset.row), name);
      const same = shownIn.get(row);
      const link = cell.firstElementChild;
      cell.className = same ? same.className : "";
      link.replaceChildren(...(same ? same.cloneNode(true).childNodes : [UNKNOWN]));
      link.dataset.tip = same ? details(row) : `no difference is known for ${name}`;
      link.removeAttribute("title");
    }
    for (const cell of all(".heat .baseline td")) {
      const row = rowIn(Number(cell.dataset.row), name);
      const same = shownIn.get(row);
      if (!same) {
        cell.textContent = UNKNOWN;
        continue;
      }
      const base = same.parentElement.querySelector(".base");
      cell.replaceChildren(base.textContent, " ", make("small", {}, base.dataset.count));
    }
  }
  function groupControl(host) {
    const kinds = new Map();
    for (const row of shownIn.keys()) {
      const kind = effect("kind", row);
      if (!kinds.has(kind)) kinds.set(kind, new Set());
      kinds.get(kind).add(effect("group", row));
    }
    const select = make("select", { id: "group" });
    for (const [kind, names] of kinds) {
      const options = [...names].map((name) => make("option", { value: name }, name));
      select.append(make("optgroup", { label: kind }, ...options));
    }
    select.value = group;
    select.addEventListener("change", () => showGroup(select.value));
    host.append(make("div", { class: "controls" }, make("label", { for: "group" }, "Languages ", select)));
  }

  const scoreOf = new Map();
  function seedDifferences(row) {
    const main = tables.scores.columns;
    const key = (...parts) => JSON.stringify(parts);
    if (!scoreOf.size) {
      for (let place = 0; place < tables.scores.rows; place += 1) {
        const parts = ["target", "condition", "intermediate", "seed", "language"].map((name) => main.get(name)[place]);
        if (main.get("main")[place]) scoreOf.set(key(...parts), main.get("value")[place]);
      }
    }
    const seeds = [...new Set(main.get("seed"))];
    const score = (choice, seed) =>
      scoreOf.get(key(effect("target", row), effect("condition", row), choice, seed, effect("group", row)));
    const differences = seeds.map((seed) => score(effect("intermediate", row), seed) - score("none", seed));
    return seeds.length > 1 ? differences.filter((value) => !Number.isNaN(value)) : [];
  }

  const ROW = 20;
  function plot(rows, whole, width) {
    const seeds = new Map(rows.map((row) => [row, seedDifferences(row)]));
    const values = rows.flatMap((row) => [...["difference", "low", "high"].map((name) => effect(name, row)), ...seeds.get(row)]);
    const known = [0, ...values.filter((value) => value !== null)];
    const [least, most] = [Math.min(...known), Math.max(...known)];
    const size = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50].find((step) => (most - least) / step <= width / 70) || 100;
    const [from, to] = [Math.floor(least / size) * size, Math.max(Math.ceil(most / size), Math.floor(least / size) + 1) * size];
    const left = Math.min(width / 3, 16 + 7 * Math.max(...rows.map((row) => effect("group", row).length)));
    const height = ROW * rows.length;
    const x = (value) => left + ((value - from) / (to - from)) * (width - left - 24);
    const vertical = (kind, value, bottom) => draw("line", { class: kind, x1: x(value), x2: x(value), y1: 4, y2: bottom });
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height + 44}`, width, height: height + 44, role: "img" });
    svg.append(draw("title", {}, `Difference to the baseline by language; ${intervalHeading(rows)}`));
    for (let tick = 0; tick <= Math.round((to - from) / size); tick += 1) {
      const value = from + tick * size;
      svg.append(vertical("axis", value, height + 8));
      svg.append(draw("text", { x: x(value), y: height + 22, "text-anchor": "middle" }, fixed(value, size < 1 ? 1 : 0, true)));
    }
    svg.append(vertical("zero-line", 0, height + 8));
    if (whole !== undefined) svg.append(vertical("whole", effect("difference", whole), height + 8));
    rows.forEach((row, place) => {
      const y = 16 + ROW * place;
      const [value, low, high] = ["difference", "low", "high"].map((name) => effect(name, row));
      const sign = value < 0 ? "loss" : "gain";
      svg.append(draw("text", { x: left - 10, y: y + 4, "text-anchor": "end" }, effect("group", row)));
      for (const one of seeds.get(row)) svg.append(draw("circle", { class: "seed", cx: x(one), cy: y, r: 2.5 }));
      if (low !== null) svg.append(draw("line", { class: `reach ${sign}`, x1: x(low), x2: x(high), y1: y, y2: y }));
      svg.append(draw("circle", { class: `dot ${sign}`, cx: x(value), cy: y, r: 4.5 }));
    });
    svg.append(draw("text", { x: left, y: height + 40 }, "percentage points"));
    return svg;
  }

  const COLUMNS = ["difference", "low", "high", "covers", "score", "baseline", "p", "p_corrected", "seeds", "baseline_seeds", "items", "clusters", "seed_sd", "language_sd", "item_sd", "collapsed", "difference_without", "low_without", "high_without"];
  function panelTable(rows, title) {
    const columns = COLUMNS.filter((name) => rows.some((row) => effect(name, row) !== null));
    const heads = [title, ...columns].map((name) => make("th", { scope: "col" }, name.replaceAll("_", " ")));
    const body = rows.map((row) =>
      make(
        "tr",
        {},
        make("th", { scope: "row" }, effect("group", row)),
        ...columns.map((name) => make("td", {}, shownValue(name, effect(name, row)))),
      ),
    );
    const caption = make("caption", {}, intervalHeading(rows));
    const table = make("table", {}, caption, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...body));
    sortableTable(table);
    return make("div", { class: "box", role: "region", tabindex: "0", "aria-label": title }, table);
  }
  // Test items that a choice and the baseline answer differently, side by side in all languages.
  const AT_ONCE = 10;
  const RIGHT = ["more often right", "less often right", "more or less often right"];
  let examplesButton = () => null;
  function exampleItems() {
    const { rows, columns } = tables.examples;
    const items = new Map();
    for (let row = 0; row < rows; row += 1) {
      const own = Object.fromEntries([...columns].map(([name, values]) => [name, values[row]]));
      const target = `${own.target} ${own.condition}`.trim();
      const key = JSON.stringify([target, own.item]);
      if (!items.has(key)) items.set(key, { target, item: own.item, languages: new Map(), words: own.item });
      const one = items.get(key);
      if (!one.languages.has(own.language)) one.languages.set(own.language, { text: own.text, gold: own.gold, answers: new Map() });
      one.languages.get(own.language).answers.set(own.intermediate, own);
      one.words = `${one.words} ${own.language} ${own.text} ${own.gold} ${own.prediction}`.toLowerCase();
    }
    return [...items.values()];
  }
  function gainOf(one, choice, than) {
    let gain = 0;
    for (const { answers } of one.languages.values()) {
      const [own, other] = [answers.get(choice), answers.get(than)];
      if (own && other) gain += own.right / own.runs - other.right / other.runs;
    }
    return Math.abs(gain) < 1e-9 ? 0 : gain;
  }
  function answerCell(answer) {
    if (!answer) return make("td", { class: "text" }, UNKNOWN);
    const sure = answer.confidence === null ? "" : `, ${fixed(answer.confidence, 2)}`;
    const shown = make(2 * answer.right > answer.runs ? "b" : "span", {}, make("bdi", {}, answer.prediction));
    return make("td", { class: "text" }, shown, " ", make("small", {}, `${answer.right} of ${answer.runs} right${sure}`));
  }
  function exampleTable(one, choice, than) {
    const heads = ["language", "text", "gold", than, choice].map((name) => make("th", { scope: "col", class: "text" }, name));
    const rows = [...one.languages].map(([language, { text, gold, answers }]) => {
      const texts = [["text long", text || UNKNOWN], ["text", gold]].map(([name, shown]) => make("td", { class: name }, make("bdi", {}, shown)));
      return make("tr", {}, make("th", { scope: "row" }, language), ...texts, answerCell(answers.get(than)), answerCell(answers.get(choice)));
    });
    const gain = gainOf(one, choice, than);
    const gained = `right in ${fixed(Math.abs(gain), 2)} ${gain < 0 ? "fewer" : "more"} of ${one.languages.size} languages`;
    const caption = make("caption", {}, `item ${one.item}: ${gained}, mean over seeds`);
    const table = make("table", {}, caption, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows));
    return make("div", { class: "box", role: "region", tabindex: "0", "aria-label": `Example ${one.item} of ${one.target}` }, table);
  }
  function examplesControl(host) {
    const items = exampleItems();
    const controls = make("div", { class: "controls" });
    const list = make("div");
    const more = make("button", { type: "button", class: "button" });
    const select = (name, options) => {
      const element = make("select", {}, ...[...new Set(options)].map((option) => make("option", { value: option }, option)));
      controls.append(make("label", {}, `${name} `, element));
      element.addEventListener("change", () => search.dispatchEvent(new Event("input")));
      return element;
    };
    const target = select("Target", items.map((one) => one.target));
    const choices = tables.examples.columns.get("intermediate");
    const choice = select("Intermediate task", choices.filter((name) => name !== "none"));
    const which = select("which is", RIGHT);
    const than = select("than with", ["none", ...choices]);
    const gain = (one) => gainOf(one, choice.value, than.value);
    let chosen = [];
    function showMore() {
      const from = list.childElementCount;
      list.append(...chosen.slice(from, from + AT_ONCE).map((one) => exampleTable(one, choice.value, than.value)));
      const left = chosen.length - list.childElementCount;
      more.hidden = left === 0;
      more.textContent = `Show ${Math.min(AT_ONCE, left)} more of ${left}`;
    }
    filterControl("examples", (words) => {
      const sign = [1, -1, 0][RIGHT.indexOf(which.value)];
      const fits = (one) => (sign ? gain(one) * sign > 0 : gain(one) !== 0);
      chosen = items.filter((one) => one.target === target.value && fits(one) && words.every((word) => one.words.includes(word)));
      chosen.sort((one, other) => Math.abs(gain(other)) - Math.abs(gain(one)));
      list.replaceChildren();
      showMore();
      return `${chosen.length} of ${items.length}`;
    }, controls);
    const search = controls.querySelector("input");
    more.addEventListener("click", showMore);
    host.append(controls, list, more);
    examplesButton = (row) => {
      const [name, own] = [`${effect("target", row)} ${effect("condition", row)}`.trim(), effect("intermediate", row)];
      const count = items.filter((one) => one.target === name && gainOf(one, own, "none") !== 0).length;
      if (!count) return null;
      const button = make("button", { type: "button", class: "button" }, counted(count, "example"));
      button.addEventListener("click", () => {
        panel.close();
        [target.value, choice.value, which.value, than.value, search.value] = [name, own, RIGHT[2], "none", ""];
        search.dispatchEvent(new Event("input"));
        target.focus();
        host.scrollIntoView();
      });
      return button;
    };
  }

  const panel = document.getElementById("panel");
  function openPanel(anyRow) {
    hideTip();
    const rows = [...rowsOf.get(cellOf(anyRow)).values()];
    const row = rowIn(anyRow, group) ?? rows[0];
    const languages = rows.filter((one) => effect("kind", one) === "language");
    const groups = rows.filter((one) => effect("kind", one) !== "language");
    const close = make("button", { type: "button", class: "button" }, "Close");
    close.addEventListener("click", () => panel.close());
    const title = `${effect("intermediate", row)} \u2192 ${effect("target", row)} ${effect("condition", row)}`.trim();
    const examples = examplesButton(row);
    const heading = make("header", {}, make("h2", { id: "panel-title" }, title), ...(examples ? [examples] : []), close);
    const lines = details(row).split("\n").slice(1);
    panel.replaceChildren(heading, make("p", { class: "lines" }, [`of ${effect("group", row)}`, ...lines].join("\n")));
    panel.showModal();
    panel.scrollTop = 0;
    if (languages.length) {
      const byDifference = [...languages].sort((one, other) => effect("difference", other) - effect("difference", one));
      panel.append(plot(byDifference, row, Math.max(260, Math.min(panel.clientWidth - 34, 820))));
      const dots = effect("seeds", row) > 1 ? " Filled: mean over seeds; hollow: each seed." : "";
      panel.append(make("p", {}, make("small", {}, `Solid line: mean of ${effect("group", row)}.${dots}`)));
      panel.append(panelTable(languages, "language"));
    }
    panel.append(panelTable(groups, "group"));
  }

  document.documentElement.classList.add("js");
  for (const table of all("table.sortable")) sortableTable(table);
  for (const table of all("table.filtered")) filteredTable(table);
  for (const host of all(".big")) bigTable(host);
  if (tables.examples) examplesControl(document.getElementById("examples"));
  if (tables.effects.rows) {
    groupControl(document.getElementById("choose-group"));
    showGroup(group);
  }
  for (const link of all(".heat tbody a")) {
    link.addEventListener("mouseenter", () => showTip(link));
    link.addEventListener("focus", () => link.matches(":focus-visible") && showTip(link));
    for (const event of ["mouseleave", "blur"]) link.addEventListener(event, hideTip);
    link.setAttribute("aria-describedby", "tip");
    link.addEventListener("click", (event) => {
      event.preventDefault();
      openPanel(Number(link.parentElement.dataset.row));
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hideTip();
  });
  panel.addEventListener("click", (event) => {
    if (event.target === panel) panel.close();
  });
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = all("details:not([open])");
    for (const one of opened) one.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const one of opened) one.open = false;
  });
})();
