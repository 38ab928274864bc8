// Elements of the page: the cards that explain.js has thought out, numbers, tables and grids of them.

"use strict";

// An element: make("span", { class: "number" }, "text", child, ...). Text is only ever set as text.
function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "g", "line", "circle", "path", "text", "polyline", "title", "rect"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const find = (selector) => document.querySelector(selector);

// ------------------------------------------------------------------------ Text with numbers in it

function numberElement({ name, value, digits, index, go, own, hidden, whole, outside, winner }, most = Infinity) {
  const text = whole
    ? countText(value)
    : shownNumber(value, Math.min(digits || DIGITS, most));
  const classes = ["number", own && "own", hidden && "hidden", outside && "outside", winner && "winner", go && "go"];
  return make(
    go ? "button" : "span",
    {
      type: go && "button",
      class: classes.filter(Boolean).join(" "),
      "data-number": name,
      "data-exact": String(value),
      "data-index": index?.length ? index.join(",") : null,
      title: go ? `${value} · click for where it comes from` : String(value),
      onclick: go && (() => page.click(go)),
    },
    text,
  );
}

function part(piece) {
  if (typeof piece === "string") return document.createTextNode(piece);
  if (piece.text)
    return make("button", { type: "button", class: "go", onclick: () => page.click(piece.go) }, piece.text);
  const element = numberElement(piece);
  return piece.enclosed ? make("span", { class: "pair" }, "(", element, ")") : element;
}

const BLOCKS = {
  line: ({ line, below, strong, wins, window }) =>
    make(
      "div",
      {
        class: `block${wins === undefined ? "" : " pool-window"}`,
        "data-wins": wins === undefined ? null : String(wins),
        "data-index": window?.join(","),
      },
      make("p", { class: strong ? "strong" : null }, ...line.map(part)),
      below ? BLOCKS.grids(below) : null,
    ),
  note: ({ note }) => make("p", { class: "note" }, note),
  grids({ grids, operation }) {
    if (!grids.length) return make("p", { class: "note" }, "None: nothing comes back.");
    const named = grids.some(({ title }) => title);
    const rows = grids.map((grid) => gridRow(grid, operation, named));
    const columns = `repeat(${grids[0].parts.length + (named ? 1 : 0)}, auto)`;
    const together = (some) => {
      const element = make("div", { class: "grids" }, ...some);
      element.style.gridTemplateColumns = columns;
      return element;
    };
    if (rows.length <= 4) return make("div", { class: "block scroll" }, together(rows));
    const more = make("details", {}, make("summary", {}, `the other ${rows.length - 4} maps`), together(rows.slice(4)));
    return make("div", { class: "block scroll" }, together(rows.slice(0, 4)), more);
  },
  table: ({ table: { head, rows } }) =>
    make(
      "div",
      { class: "block scroll" },
      make(
        "table",
        {},
        make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col" }, text)))),
        make(
          "tbody",
          {},
          ...rows.map((row) =>
            make("tr", {}, ...row.map((cell, k) => make(k ? "td" : "th", k ? {} : { scope: "row" }, part(cell)))),
          ),
        ),
      ),
    ),
  pictures({ pictures }) {
    const colours = {};
    for (const { range } of pictures) {
      const all = pictures
        .filter((picture) => picture.range === range)
        .flatMap(({ array }) => Array.from(array.data));
      colours[range] = coloursFor(range === "x" ? "output" : "gradient", 0, { data: all });
    }
    return make(
      "div",
      { class: "block pictures" },
      ...pictures.flatMap(({ label, array, range, small }, k) => {
        const canvas = make("canvas", { role: "img", "aria-label": label });
        const sheet = new Sheet(array.shape, small ? 64 : 140);
        sheet.draw(canvas, array, colours[range], isDark());
        Object.assign(canvas.style, { width: `${sheet.css[0]}px`, height: `${sheet.css[1]}px` });
        const { low, high } = colours[range];
        const figure = make(
          "figure",
          { class: small ? "small" : "large" },
          canvas,
          make(
            "figcaption",
            {},
            label,
            small ? null : make("small", {}, ` ${shownNumber(low, 3)} to ${shownNumber(high, 3)}`),
          ),
        );
        return small && !pictures[k - 1]?.small ? [make("div", { class: "break" }), figure] : [figure];
      }),
    );
  },
};

// Patch × weight = products, and below these their sum; in the columns of the other maps.
function gridRow({ title, columns, parts, total }, operation, named) {
  const signs = operation ? [operation, "="] : [];
  const cells = parts.map(([label, numbers], k) => {
    const reach = numbers.reduce((most, { value }) => Math.max(most, Math.abs(value)), 0);
    const grid = make(
      "div",
      { class: "grid", role: "group", "aria-label": label },
      ...numbers.map((number) => {
        const element = numberElement(number, 4);
        element.style.background = tint(number.value, reach);
        return element;
      }),
    );
    grid.style.gridTemplateColumns = `repeat(${columns}, minmax(3.25rem, auto))`;
    const sign = k ? make("span", { class: "sign", "aria-hidden": "true" }, signs[k - 1] ?? "") : null;
    const sumOf = total && k === parts.length - 1 ? make("p", { class: "total" }, "sum ", numberElement(total)) : null;
    const whole = make("div", { class: "part" }, make("small", {}, label), grid, sumOf);
    return make("div", { class: "signed" }, sign, whole);
  });
  return make(
    "div",
    { class: "grid-row" },
    named ? make("span", { class: "map-name" }, title) : null,
    ...cells,
  );
}

const block = (told) => BLOCKS[Object.keys(BLOCKS).find((kind) => kind in told)](told);
const card = ({ title, formula, blocks, wide, masked }) =>
  make(
    "article",
    { class: `card${wide ? " wide" : ""}${masked ? " masked" : ""}` },
    make("h3", {}, title),
    formula ? make("pre", { class: "formula" }, formula) : null,
    ...blocks.map(block),
  );
