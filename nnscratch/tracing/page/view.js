// The page itself: columns of pictures, clicks, keys, sliders. What it says comes from explain.js.

"use strict";

const FEW = 9; // places that two lines each lead from; with more, one line each
const BAND = 216; // height of a picture at zoom 1, in CSS pixels

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

function numberElement({ name, value, digits, index, go, own, hidden, whole, outside, winner }, most = DIGITS) {
  const text = whole
    ? value.toLocaleString("en").replaceAll(",", "\u202f")
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
  return numberElement(piece);
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
    const rows = grids.map((grid) => gridRow(grid, operation));
    if (rows.length <= 4) return make("div", { class: "block grids" }, ...rows);
    const more = make("details", {}, make("summary", {}, `the other ${rows.length - 4} maps`), ...rows.slice(4));
    return make("div", { class: "block grids" }, ...rows.slice(0, 4), more);
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
      ...pictures.map(({ label, array, range, small }) => {
        const canvas = make("canvas", { role: "img", "aria-label": label });
        const sheet = new Sheet(array.shape, small ? 64 : 150);
        sheet.draw(canvas, array, colours[range], isDark());
        Object.assign(canvas.style, { width: `${sheet.css[0]}px`, height: `${sheet.css[1]}px` });
        const { low, high } = colours[range];
        return make(
          "figure",
          {},
          canvas,
          make(
            "figcaption",
            {},
            label,
            small ? null : make("small", {}, ` ${shownNumber(low, 3)} to ${shownNumber(high, 3)}`),
          ),
        );
      }),
    );
  },
};

function gridRow({ title, columns, parts, total }, operation) {
  const signs = operation ? [operation, "="] : [];
  const cells = parts.flatMap(([label, numbers], k) => {
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
    return [
      k ? make("span", { class: "sign", "aria-hidden": "true" }, signs[k - 1] ?? "") : null,
      make("div", { class: "part" }, make("small", {}, label), grid),
    ];
  });
  const sumOf = total
    ? make("div", { class: "part total" }, make("small", {}, "their sum"), numberElement(total))
    : null;
  return make(
    "div",
    { class: "grid-row" },
    title ? make("span", { class: "map-name" }, title) : null,
    ...cells,
    sumOf,
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

// ---------------------------------------------------------------------------------- Pictures

const isDark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};

// A picture of the strip, with its legend, its marks and its keys.
class Figure {
  // what : "output", "gradient", or a parameter's name with or without "-gradient"
  constructor(view, layer, what, shape, label, height = BAND) {
    Object.assign(this, { view, layer, what, label });
    this.sheet = new Sheet(shape, height);
    this.cursor = shape.map(() => 0);
    this.canvas = make("canvas", {
      class: "sheet",
      tabindex: 0,
      role: "application",
      "aria-roledescription": "picture of numbers",
      "data-what": this.role(),
      "data-name": this.parameterName(),
      onclick: (event) => this.pick(this.indexOf(event)),
      onkeydown: (event) => this.key(event),
      onpointermove: (event) => this.hover(event),
      onpointerleave: () => view.tip(null),
      onfocus: () => this.point(this.cursor, false),
      onblur: () => this.cursorBox.replaceChildren(),
    });
    this.marks = make("div", { class: "marks" });
    this.cursorBox = make("div", { class: "marks" });
    this.low = make("span", { class: "number", "data-number": "legend.low" });
    this.high = make("span", { class: "number", "data-number": "legend.high" });
    this.bar = make("span", { class: "bar" });
    this.caption = make("figcaption", {}, label);
    this.frame = make("div", { class: "frame" }, this.canvas, this.marks, this.cursorBox);
    const legend = make("div", { class: "legend" }, this.low, this.bar, this.high);
    this.element = make("figure", { class: "figure" }, this.caption, this.frame, legend);
    this.element.style.setProperty("--w", `${this.sheet.css[0]}px`);
    this.element.style.setProperty("--h", `${this.sheet.css[1]}px`);
  }

  parameterName() {
    return ["output", "gradient"].includes(this.what) ? null : this.what.replace("-gradient", "");
  }

  role() {
    if (!this.parameterName()) return this.what;
    return this.what.endsWith("-gradient") ? "weight-gradient" : "weight";
  }

  paint() {
    this.array = this.view.array(this.what, this.layer);
    this.element.classList.toggle("absent", !this.array.now);
    if (!this.view.frozenColours || !this.colours) this.colours = coloursFor(this.what, this.layer, this.array);
    this.sheet.draw(this.canvas, this.array, this.colours, isDark());
    for (const [element, value] of [
      [this.low, this.colours.low],
      [this.high, this.colours.high],
    ]) {
      element.textContent = shownNumber(value, 3);
      element.dataset.exact = String(value);
    }
    this.bar.style.background = legendGradient(this.colours, isDark());
    this.say();
  }

  indexOf(event) {
    const box = this.canvas.getBoundingClientRect();
    return this.sheet.indexAt((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }

  request(index) {
    const name = this.parameterName();
    return name ? { kind: "weight", layer: this.layer, name, index } : { kind: this.what, layer: this.layer, index };
  }

  pick(index) {
    if (!index) return;
    this.cursor = index;
    this.view.click(this.request(index));
  }

  text(index) {
    const short =
      { output: "y", gradient: "dL/dy" }[this.what] ??
      (this.what.endsWith("-gradient") ? `d${this.parameterName()}` : this.what);
    return `${short}[${index}] = ${shownNumber(this.array.data[offset(this.sheet.shape, index)])}`;
  }

  hover(event) {
    const index = this.indexOf(event);
    this.view.tip(index && this.text(index), event);
  }

  key(event) {
    if (event.key === "Enter" || event.key === " ") this.pick(this.cursor);
    else if (/^(Arrow|Page)/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey)
      this.point(this.sheet.moved(this.cursor, event.key), true);
    else return;
    event.preventDefault();
  }

  point(index, aloud) {
    this.cursor = index;
    this.cursorBox.replaceChildren(...this.sheet.boxesOf(index).map((box) => markElement(box, "cursor")));
    this.say();
    if (!aloud) return;
    this.view.tip(this.text(index), null, this.cursorBox.firstChild);
    find("#heard").textContent = this.text(index);
  }

  say() {
    const where = this.layer < 0 ? "input" : `layer ${this.layer}`;
    this.canvas.setAttribute(
      "aria-label",
      `${where}, ${this.label}, ${this.text(this.cursor)}. Arrows move, Enter explains.`,
    );
  }
}

function markElement({ left, top, width, height }, kind) {
  const element = make("div", { class: `mark ${kind}` });
  Object.assign(element.style, {
    left: `${100 * left}%`,
    top: `${100 * top}%`,
    width: `${100 * width}%`,
    height: `${100 * height}%`,
  });
  return element;
}

// -------------------------------------------------------------------------------------- The page

class View {
  constructor(step) {
    this.step = step;
    this.figures = [];
    this.zoom = 1;
    this.epochIndex = null;
    this.moment = step; // whose outputs are shown
    this.playing = null;
    this.selection = null;
  }

  start() {
    const { step } = this;
    const { facts } = step;
    find("#about").append(...this.aboutLine());
    this.columns = [this.inputColumn(), ...step.layers.map((layer) => this.layerColumn(layer)), this.lossColumn()];
    this.lines = make("svg", { class: "lines", "aria-hidden": "true" });
    find("#strip").append(...this.columns, this.lines);
    this.wire();
    if (facts.epochs.length) this.startTime();
    this.paint();
    this.showFindings();
    this.fit();
    this.click(this.firstLook());
    find("#network").scrollLeft = 0;
  }

  aboutLine() {
    const { facts } = this.step;
    const { value, before, after } = facts.loss;
    const parts = [
      `image ${facts.image} of a batch of ${facts.images} · loss `,
      value === null ? "not finite" : num("header.loss", value),
    ];
    const dropout = this.step.layers.some(({ kind }) => kind === "Dropout");
    if (before !== null && dropout) parts.push(", without dropout ", num("header.loss_before", before));
    if (after !== null) parts.push(", after the step ", num("header.loss_after", after));
    return [...parts, ` · ${facts.optimizer.text}`].map(part);
  }

  // The strongest number of the first convolution or dense layer: something to see at once.
  firstLook() {
    const layer =
      this.step.layers.find(({ kind }) => kind === "Conv2D") ??
      this.step.layers.find(({ kind }) => kind === "Dense") ??
      this.step.layers[0];
    const { shape, data } = this.step.y(layer.number);
    let best = 0;
    data.forEach((value, k) => {
      if (value > data[best]) best = k;
    });
    return { kind: "output", layer: layer.number, index: unravel(best, shape) };
  }

  // ------------------------------------------------------------------------------- Columns

  // Each picture of the upper band has its gradient right below it.
  column(number, head, forward, backward) {
    const element = make(
      "section",
      {
        class: "layer",
        "data-layer": number,
        "aria-label": number === "loss" ? "loss" : number < 0 ? "input" : `layer ${number}`,
      },
      make("header", {}, ...head),
      ...forward.map((own) => make("div", { class: "upper" }, own)),
      ...backward.map((own) => make("div", { class: "lower" }, own)),
    );
    element.style.gridTemplateColumns = `repeat(${forward.length}, auto)`;
    return element;
  }

  figure(...all) {
    const figure = new Figure(this, ...all);
    this.figures.push(figure);
    return figure.element;
  }

  inputColumn() {
    const { shape } = this.step.x;
    return this.column(
      -1,
      [make("h2", {}, "Input"), make("p", { class: "formula-line" }, "x")],
      [this.figure(-1, "output", shape, `x ${shape.join("×")}`)],
      [this.figure(-1, "gradient", shape, "dL/dx")],
    );
  }

  layerColumn(layer) {
    const { number, name, text, formulas, milliseconds, parameters, shape } = layer;
    const [forward, backward] = formulas;
    const slices = parameters.map((parameter) => {
      const label = `${parameter.name} ${parameter.shape.join("×")}`;
      return [
        this.figure(number, parameter.name, parameter.shape, label),
        this.figure(number, `${parameter.name}-gradient`, parameter.shape, `d${parameter.name}`),
      ];
    });
    const clock = make(
      "small",
      { title: "milliseconds forward and backward" },
      `${milliseconds.map((ms) => ms.toFixed(2)).join(" + ")} ms`,
    );
    const head = [
      make(
        "h2",
        { title: text },
        make("span", { class: "count" }, String(number)),
        `${name} `,
        clock,
        make("span", { class: "badges" }),
      ),
      make("p", { class: "formula-line", title: text }, `y = ${forward}`),
      make("p", { class: "formula-line" }, `dx = ${backward}`),
      make("p", { class: "share-off" }),
    ];
    return this.column(
      number,
      head,
      [...slices.map(([own]) => own), this.figure(number, "output", shape, `y ${shape.join("×")}`)],
      [...slices.map(([, gradient]) => gradient), this.figure(number, "gradient", shape, "dL/dy")],
    );
  }

  // The face stands as high as both bands; it is what all of this is about.
  lossColumn() {
    const { loss } = this.step.facts;
    this.face = make("div", { class: "face" });
    this.errors = make("div", { class: "errors scroll" });
    const value = make(
      "p",
      { class: "big" },
      "L = ",
      loss.value === null ? "not finite" : numberElement(num("header.loss", loss.value)),
    );
    const head = [
      make("h2", {}, "Loss"),
      make("p", { class: "formula-line", title: loss.text }, loss.text),
      value,
      make("p", { class: "formula-line" }, "From here the gradient goes back: dL/dL = 1"),
    ];
    return this.column("loss", head, [this.hasFace() ? this.face : this.errors], []);
  }

  hasFace() {
    return this.step.facts.points !== null && this.step.x.shape.length === 3;
  }

  // ------------------------------------------------------------------- What the pictures show

  // { shape, data, now }: now is false if the number is of the step, while another epoch is shown
  array(what, layer) {
    const { step, moment } = this;
    const elsewhere = moment !== step;
    if (what === "output") return { now: true, ...(this.playing?.y(layer) ?? moment.y(layer)) };
    if (what === "gradient")
      return { now: !elsewhere, ...((!elsewhere && this.playing?.dx(layer + 1)) || step.dy(layer)) };
    const name = what.replace("-gradient", "");
    const { shape } = step.layers[layer].parameters.find((parameter) => parameter.name === name);
    const own = elsewhere && what === name ? moment.params(layer)[name] : null;
    if (own) return { now: true, ...own };
    return { now: !elsewhere, shape, data: step.parameter(layer, name)[what === name ? "before" : "gradient"] };
  }

  predictionOfImage() {
    const last = this.step.layers.length - 1;
    return (this.playing?.y(last) ?? this.moment.y(last)).data;
  }

  paint() {
    for (const figure of this.figures) figure.paint();
    if (this.hasFace()) this.paintFace();
    else this.paintErrors();
    for (const layer of this.step.layers) this.paintShareOff(layer);
  }

  paintShareOff(layer) {
    if (!["ReLU", "LeakyReLU"].includes(layer.kind)) return;
    const { images } = this.step.facts;
    const channels = layer.shape.at(-1);
    const places = (sizeOf(layer.shape) / channels) * images;
    const counts = new Float64Array(channels);
    if (this.epochIndex === null)
      this.step.on(layer.number).data.forEach((on, k) => {
        counts[k % channels] += on;
      });
    else
      this.step.read(this.moment.epoch.layers[layer.number].on).data.forEach((on, k) => {
        counts[k] = on;
      });
    const off = 100 * (1 - sum(Array.from(counts)) / (places * channels));
    const dead = counts.filter((on) => on === 0).length;
    const element = this.columns[layer.number + 1].querySelector(".share-off");
    element.textContent = `off: ${shownNumber(off, 2)} %${dead ? `, silent: ${dead} of ${channels}` : ""}`;
    element.title =
      "Share of places and images of the batch where this layer passes nothing; silent: units that are off everywhere in the batch";
  }

  // The picture with the points: where they are and where the network thinks they are.
  paintFace() {
    const { step } = this;
    const { points } = step.facts;
    const [height, width] = step.x.shape;
    const canvas = make("canvas", { role: "img", "aria-label": "the picture with its points" });
    new Sheet([height, width, 1], BAND).draw(
      canvas,
      { data: firstChannel(step.x) },
      coloursFor("output", -1, step.x),
      isDark(),
    );
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}` });
    const [prediction, target] = [this.predictionOfImage(), step.rowOf(step.target).data];
    const pixel = (value) => value * points.scale + points.offset + 0.5;
    const errors = [];
    for (let o = 0; o + 1 < prediction.length; o += 2) {
      const [x, y, labelX, labelY] = [prediction[o], prediction[o + 1], target[o], target[o + 1]].map(pixel);
      const labelled = !Number.isNaN(labelX + labelY);
      const name = points.names[o / 2] ?? `point ${o / 2}`;
      const error = Math.hypot(x - labelX, y - labelY);
      if (labelled) errors.push(error);
      const said = labelled ? `${name}: ${shownNumber(error, 3)} pixels off` : `${name}: no label`;
      const group = make(
        "g",
        {
          class: `point${labelled ? "" : " unlabelled"}`,
          tabindex: 0,
          role: "button",
          "aria-label": said,
          "data-index": o,
          onclick: () => this.click({ kind: "loss", index: [o] }),
          onkeydown: (event) => {
            if (event.key === "Enter" || event.key === " ") {
              event.preventDefault();
              this.click({ kind: "loss", index: [o] });
            }
          },
        },
        make("title", {}, said),
      );
      if (labelled) {
        group.append(
          make("line", { class: "halo", x1: labelX, y1: labelY, x2: x, y2: y }),
          make("line", { x1: labelX, y1: labelY, x2: x, y2: y }),
          make("circle", { cx: labelX, cy: labelY, r: 1.5 }),
        );
        group.append(make("text", { x: Math.min(x + 1.6, width - 7), y: y - 1.2 }, error.toFixed(1)));
      }
      group.append(
        make("path", { class: "halo", d: `M${x - 1.3} ${y - 1.3}l2.6 2.6m0 -2.6l-2.6 2.6` }),
        make("path", { d: `M${x - 1.3} ${y - 1.3}l2.6 2.6m0 -2.6l-2.6 2.6` }),
        make("rect", { x: x - 3, y: y - 3, width: 6, height: 6, class: "target" }),
      );
      svg.append(group);
    }
    const mean = errors.length ? `mean error ${shownNumber(sum(errors) / errors.length, 3)} px` : "no labels";
    this.face.replaceChildren(
      make("div", { class: "frame" }, canvas, svg),
      make("p", { class: "key" }, "○ label  × prediction · ", mean),
    );
  }

  paintErrors() {
    const { step } = this;
    const prediction = this.predictionOfImage();
    const oneClass = step.target.shape.length < step.prediction.shape.length;
    const target = oneClass ? null : step.rowOf(step.target).data;
    const rowsShown = Array.from(prediction.slice(0, 200), (value, o) =>
      make(
        "tr",
        {},
        make(
          "th",
          { scope: "row" },
          make(
            "button",
            {
              type: "button",
              class: "go",
              onclick: () => this.click({ kind: "loss", index: unravel(o, step.prediction.shape.slice(1)) }),
            },
            String(o),
          ),
        ),
        make("td", {}, shownNumber(value, 4)),
        make(
          "td",
          {},
          oneClass
            ? step.target.data[step.facts.image] === o
              ? "✓"
              : ""
            : Number.isNaN(target[o])
              ? "no label"
              : shownNumber(target[o], 4),
        ),
      ),
    );
    this.errors.replaceChildren(
      make(
        "table",
        {},
        make(
          "thead",
          {},
          make(
            "tr",
            {},
            ...["", "prediction", oneClass ? "class" : "target"].map((text) => make("th", { scope: "col" }, text)),
          ),
        ),
        make("tbody", {}, ...rowsShown),
      ),
    );
  }

  // ---------------------------------------------------------------------------- Explanations

  click(what) {
    this.check(what);
    if (this.epochIndex !== null && !["output", "finding"].includes(what.kind)) this.showEpoch(null);
    this.stopPlay();
    const told = this.explain(what);
    this.selection = what;
    this.marks = told.marks;
    find("#said-title").textContent = told.title;
    find("#said-text").textContent = told.said;
    const [first, ...rest] = told.cards.map(card);
    find("#cards").replaceChildren(first, find("#play"), ...rest);
    find("#details").scrollTop = 0;
    find("#said").scrollIntoView({ block: "nearest" });
    if (this.epochIndex === null && told.play) this.startPlay(told.play);
    this.showMarks();
    this.showChosen();
    return this.facts();
  }

  // A number that a link led to may lie outside of what is seen of the network.
  showChosen() {
    const chosen = find("#strip .mark.chosen")?.getBoundingClientRect();
    const network = find("#network");
    const box = network.getBoundingClientRect();
    if (!chosen) return;
    if (chosen.left < box.left || chosen.right > box.right)
      network.scrollLeft += chosen.left - box.left - box.width / 2;
    if (chosen.top < box.top || chosen.bottom > box.bottom)
      network.scrollTop += chosen.top - box.top - box.height / 2;
  }

  explain({ kind, layer, index, name = "weight" }) {
    const { step, moment } = this;
    if (kind === "output") return explainOutput(step, moment, layer, index);
    if (kind === "gradient") return explainGradient(step, layer, index);
    if (kind === "weight") return explainWeight(step, layer, name, index);
    if (kind === "loss") return explainLoss(step, index);
    if (kind === "finding") return explainFinding(step, this.findings()[index[0]]);
    throw new Error(`click: got kind ${kind}, expected output, gradient, weight, loss or finding`);
  }

  // Stops a program that asks for a number that is not there.
  check({ kind, layer, index, name = "weight" }) {
    const { step } = this;
    const shape =
      kind === "weight"
        ? step.layers[layer]?.parameters.find((parameter) => parameter.name === name)?.shape
        : kind === "loss"
          ? step.prediction.shape.slice(1)
          : kind === "finding"
            ? [this.findings().length]
            : layer < 0
              ? step.x.shape
              : step.layers[layer]?.shape;
    const fits =
      shape?.length === index?.length && index.every((i, axis) => Number.isInteger(i) && i >= 0 && i < shape[axis]);
    if (!fits)
      throw new Error(`click: got ${kind} ${name} [${index}] of layer ${layer}, expected an index in [${shape}]`);
  }

  // The numbers that are shown, by name.
  facts() {
    const numbers = {};
    for (const element of document.querySelectorAll("#details [data-number]")) {
      const { number, exact } = element.dataset;
      const value = Number(exact);
      if (!(number in numbers)) numbers[number] = value;
      else if (Array.isArray(numbers[number])) numbers[number].push(value);
      else numbers[number] = [numbers[number], value];
    }
    return { numbers };
  }

  showMarks() {
    for (const figure of this.figures) {
      const own = (this.marks ?? [])
        .map((mark, rank) => ({ mark, rank }))
        .filter(({ mark }) => mark.layer === figure.layer && mark.what === figure.what);
      const boxes = own.flatMap(({ mark, rank }) =>
        figure.sheet
          .boxesOf(mark.index, mark.size)
          .map((box) => markElement(box, rank ? (mark.quiet ? "quiet source" : "source") : "chosen")),
      );
      figure.marks.replaceChildren(...boxes);
      for (const { mark, rank } of own) if (!rank) figure.cursor = mark.index;
      figure.element.classList.toggle("marked", boxes.length > 0);
    }
    this.drawLines();
  }

  // From what a number is made of to the number: two lines for each place that belongs to it.
  drawLines() {
    const strip = find("#strip").getBoundingClientRect();
    const chosen = find("#strip .mark.chosen")?.getBoundingClientRect();
    this.lines.replaceChildren();
    this.lines.classList.remove("many");
    if (!chosen) return;
    this.lines.setAttribute("width", strip.width);
    this.lines.setAttribute("height", strip.height);
    const sources = [...document.querySelectorAll("#strip .mark.source:not(.quiet)")].slice(0, 128);
    this.lines.classList.toggle("many", sources.length > FEW);
    for (const source of sources) {
      const box = source.getBoundingClientRect();
      const leftward = box.left < chosen.left;
      const [x1, x2] = leftward ? [box.right, chosen.left] : [box.left, chosen.right];
      const edges = [
        [box.top, chosen.top],
        [box.bottom, chosen.bottom],
      ];
      const middle = [[(box.top + box.bottom) / 2, (chosen.top + chosen.bottom) / 2]];
      for (const [y1, y2] of sources.length > FEW ? middle : edges) {
        this.lines.append(
          make("line", { x1: x1 - strip.left, y1: y1 - strip.top, x2: x2 - strip.left, y2: y2 - strip.top }),
        );
      }
    }
  }

  clear() {
    this.stopPlay();
    this.marks = [];
    this.showMarks();
  }

  // ---------------------------------------------------------------------------------- Findings

  findings() {
    return this.epochIndex === null ? this.step.facts.findings : this.step.facts.epochs[this.epochIndex].findings;
  }

  showFindings() {
    for (const badge of document.querySelectorAll(".badge")) badge.remove();
    this.findings().forEach((finding, index) => {
      const badge = make(
        "button",
        {
          type: "button",
          class: "badge",
          title: finding.message,
          onclick: () => this.click({ kind: "finding", index: [index] }),
        },
        `⚠ ${finding.code.replaceAll("_", " ")}`,
      );
      const column = finding.layer === null ? null : this.columns[finding.layer + 1];
      (column?.querySelector(".badges") ?? find(".heading")).append(badge);
    });
  }

  // -------------------------------------------------------------------------------------- Play

  startPlay(what) {
    const box = find("#play");
    box.hidden = false;
    const unknown = Play.unknown(this.step, what);
    if (unknown.length) {
      box.replaceChildren(
        make("p", { class: "note" }, `No slider: this page does not compute ${unknown.join(", ")}.`),
      );
      return;
    }
    this.played = what;
    const { low, high, old } = rangeOf(this.step, what);
    const of = what.kind === "weight" ? `this ${what.name}` : what.layer < 0 ? "this pixel" : "this number";
    this.slider = make("input", {
      type: "range",
      min: low,
      max: high,
      step: "any",
      "aria-label": `value of ${of}`,
      oninput: () => this.slide(),
      onkeydown: (event) => this.slideByKey(event, (high - low) / 100),
    });
    this.slider.value = old;
    this.playLines = make(
      "div",
      { class: "play-lines", "aria-live": "polite" },
      make("p", { class: "note" }, `Move it: everything after ${of} is computed anew.`),
    );
    this.chart = make("svg", {
      class: "chart",
      viewBox: "0 0 300 120",
      role: "img",
      "aria-label": "the loss as this number changes, and the straight line that the gradient says",
    });
    box.replaceChildren(
      make("h3", {}, `Change ${of}`),
      this.slider,
      make("div", { class: "play-body" }, this.playLines, this.chart),
      make("button", { type: "button", onclick: () => this.resetPlay() }, "reset"),
    );
    this.drawing = setTimeout(() => this.drawCurve(low, high), 60);
  }

  // The network that computes anew; it is made when it is needed, for it computes the whole batch.
  player() {
    if (!this.played)
      throw new Error("play.set: got no slider, expected a click on an input pixel or a weight before");
    this.play ??= new Play(this.step, this.played);
    return this.play;
  }

  slide() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.later);
    this.frame = requestAnimationFrame(() => {
      const play = this.player();
      const loss = play.lossAt(Number(this.slider.value));
      this.showPlay(loss, undefined);
      this.later = setTimeout(() => this.showPlay(loss, play.gradientNow()), 120);
    });
  }

  // With step="any" browsers have no step for the arrow keys.
  slideByKey(event, by) {
    const direction = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 }[
      event.key
    ];
    if (!direction) return;
    event.preventDefault();
    this.slider.value = Number(this.slider.value) + direction * by;
    this.slide();
  }

  setPlay(value) {
    const play = this.player();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.later);
    this.slider.value = value;
    this.showPlay(play.lossAt(value), play.gradientNow());
    return this.facts();
  }

  showPlay(loss, gradient) {
    this.playing = this.play;
    this.frozenColours = true;
    this.sayPlay(loss, gradient);
    this.paint();
  }

  sayPlay(loss, gradient) {
    this.loss = loss;
    const { lines } = this.play.explain(loss, gradient);
    this.playLines.replaceChildren(
      ...lines
        .filter((line) => line.length)
        .map((line, k) => make("p", { class: k === 2 ? "strong" : null }, ...line.map(part))),
    );
    this.curve?.mark(this.play.value, loss);
  }

  resetPlay() {
    if (!this.play) return;
    this.slider.value = this.play.old;
    this.play.lossAt(this.play.old);
    this.play.inputGradients = null;
    this.sayPlay(this.play.before, undefined);
    this.endPlaying();
  }

  stopPlay() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.later);
    clearTimeout(this.drawing);
    this.play = this.played = this.curve = null;
    this.loss = undefined;
    find("#play").hidden = true;
    find("#play").replaceChildren();
    this.endPlaying();
  }

  endPlaying() {
    if (!this.playing) return;
    this.playing = null;
    this.frozenColours = false;
    this.paint();
  }

  // The loss over the slider's range, point by point as time allows, on a network of its own.
  drawCurve(low, high) {
    const { old, before, gradient } = this.player();
    const own = new Play(this.step, this.played);
    const curve = new Curve(this.chart, low, high, old, before, gradient);
    this.curve = curve;
    if (this.loss !== undefined) curve.mark(this.play.value, this.loss);
    const places = [0, 16, 8, 4, 12, 2, 6, 10, 14, 1, 3, 5, 7, 9, 11, 13, 15].map(
      (k) => low + ((high - low) * k) / 16,
    );
    const next = () => {
      if (this.curve !== curve || !places.length) return;
      const value = places.shift();
      curve.add(value, own.lossAt(value));
      this.drawing = setTimeout(next, 15);
    };
    next();
  }

  // -------------------------------------------------------------------------------------- Time

  startTime() {
    const { epochs } = this.step.facts;
    find("#time").hidden = false;
    const range = find("#time-range");
    range.max = epochs.length - 1;
    range.value = epochs.length - 1;
    range.addEventListener("input", () => this.showEpoch(Number(range.value)));
    find("#time-back").addEventListener("click", () => this.showEpoch(null));
    find("#time-run").addEventListener("click", () => this.runEpochs(0));
    find("#time-said").textContent = `${epochs.length} to look at`;
  }

  runEpochs(index) {
    clearTimeout(this.running);
    this.showEpoch(index);
    if (index + 1 < this.step.facts.epochs.length) this.running = setTimeout(() => this.runEpochs(index + 1), 700);
  }

  showEpoch(index) {
    const { epochs } = this.step.facts;
    if (index === this.epochIndex) return;
    clearTimeout(index === null ? this.running : undefined);
    this.stopPlay();
    this.epochIndex = index;
    this.moment =
      index === null
        ? this.step
        : this.step.remember(`epoch ${index}`, () => new EpochMoment(this.step, epochs[index]));
    find("#time-back").hidden = index === null;
    document.body.classList.toggle("elsewhen", index !== null);
    if (index === null) find("#time-said").textContent = "the traced step";
    else {
      find("#time-range").value = index;
      const { epoch, loss, score } = epochs[index];
      find("#time-said").textContent = [`${epoch}`, loss === null ? "" : `loss ${shownNumber(loss, 4)}`, score]
        .filter(Boolean)
        .join(" · ");
    }
    this.paint();
    this.showFindings();
    if (this.selection?.kind === "output") this.click(this.selection);
    else this.clear();
  }

  // -------------------------------------------------------------------- Zoom, keys, theme, tip

  wire() {
    const network = find("#network");
    find("#zoom-in").addEventListener("click", () => this.zoomTo(this.zoom * 1.25));
    find("#zoom-out").addEventListener("click", () => this.zoomTo(this.zoom / 1.25));
    find("#zoom-fit").addEventListener("click", () => this.fit());
    find("#theme").addEventListener("click", () => this.switchTheme());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
    addEventListener("resize", () => this.drawLines());
    network.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    network.addEventListener("touchstart", (event) => this.pinch(event), { passive: true });
    network.addEventListener("touchmove", (event) => this.pinch(event), { passive: false });
    network.addEventListener("pointerdown", (event) => this.drag(event));
    document.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") this.zoomTo(this.zoom * 1.25);
    else if (event.key === "-" || event.key === "−") this.zoomTo(this.zoom / 1.25);
    else if (event.key === "0") this.fit();
    else if (event.key === "Escape") this.clear();
    else return;
    event.preventDefault();
  }

  // Ctrl and wheel, which is also what two fingers on a trackpad send, zooms around the pointer.
  wheel(event) {
    if (!event.ctrlKey) return;
    event.preventDefault();
    this.zoomTo(this.zoom * Math.exp(-event.deltaY / 300), event.clientX, event.clientY);
  }

  pinch(event) {
    if (event.touches.length !== 2) {
      this.spread = null;
      return;
    }
    const [a, b] = event.touches;
    const spread = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
    if (this.spread && event.cancelable) {
      event.preventDefault();
      this.zoomTo((this.zoom * spread) / this.spread, (a.clientX + b.clientX) / 2, (a.clientY + b.clientY) / 2);
    }
    this.spread = spread;
  }

  // A mouse that holds the paper between the pictures moves it.
  drag(event) {
    if (event.pointerType !== "mouse" || event.button || event.target.closest("canvas, button, svg .point, table"))
      return;
    const network = find("#network");
    const start = [event.clientX + network.scrollLeft, event.clientY + network.scrollTop];
    const move = (to) => {
      network.scrollLeft = start[0] - to.clientX;
      network.scrollTop = start[1] - to.clientY;
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", () => removeEventListener("pointermove", move), { once: true });
  }

  zoomTo(zoom, x, y) {
    const network = find("#network");
    const box = network.getBoundingClientRect();
    const [left, top] = [(x ?? box.left + box.width / 2) - box.left, (y ?? box.top + box.height / 3) - box.top];
    const now = Math.min(Math.max(zoom, 0.25), 12);
    const factor = now / this.zoom;
    this.zoom = now;
    find("#strip").style.setProperty("--zoom", now);
    network.scrollLeft = (network.scrollLeft + left) * factor - left;
    network.scrollTop = (network.scrollTop + top) * factor - top;
    this.drawLines();
  }

  // Both bands fit into the height of the window.
  fit() {
    const strip = find("#strip");
    strip.style.setProperty("--zoom", 1);
    this.zoom = 1;
    const fixed = strip.scrollHeight - 2 * BAND;
    const { clientHeight, clientWidth } = find("#network");
    const most = Math.min(1.6, (0.75 * clientWidth) / BAND);
    this.zoomTo(Math.min(Math.max((clientHeight - fixed - 8) / (2 * BAND), 0.45), most));
  }

  switchTheme() {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    this.paint();
    if (this.selection && !this.play) this.click(this.selection);
  }

  tip(text, event, element) {
    const tip = find("#tip");
    tip.hidden = !text;
    if (!text) return;
    tip.textContent = text;
    const box = element?.getBoundingClientRect();
    const [x, y] = event ? [event.clientX, event.clientY] : [box.right, box.bottom];
    tip.style.left = `${Math.min(x + 12, innerWidth - tip.offsetWidth - 4)}px`;
    tip.style.top = `${Math.min(y + 14, innerHeight - tip.offsetHeight - 4)}px`;
  }
}

const firstChannel = ({ shape, data }) => data.filter((_, k) => k % shape[2] === 0);

// The loss over a slider's range, and the straight line that the gradient says.
class Curve {
  constructor(svg, low, high, old, loss, gradient) {
    Object.assign(this, { svg, low, high, old, gradient, loss, points: [[old, loss]], now: [old, loss] });
    this.draw();
  }

  add(value, loss) {
    this.points = [...this.points, [value, loss]].sort(([a], [b]) => a - b);
    this.draw();
  }

  mark(value, loss) {
    this.now = [value, loss];
    this.draw();
  }

  draw() {
    const losses = [...this.points, this.now].map(([, loss]) => loss);
    let [bottom, top] = [Math.min(...losses), Math.max(...losses)];
    const room = Math.max((top - bottom) * 0.15, Math.abs(this.loss) * 1e-6, 1e-12);
    [bottom, top] = [bottom - room, top + room];
    const x = (value) => 6 + (288 * (value - this.low)) / (this.high - this.low);
    const y = (loss) => 116 - (96 * (loss - bottom)) / (top - bottom);
    const line = (value) => y(this.loss + this.gradient * (value - this.old));
    this.svg.replaceChildren(
      make("line", { class: "tangent", x1: x(this.low), y1: line(this.low), x2: x(this.high), y2: line(this.high) }),
      make("polyline", {
        class: "curve",
        points: this.points.map(([value, loss]) => `${x(value)},${y(loss)}`).join(" "),
      }),
      make("circle", { class: "start", cx: x(this.old), cy: y(this.loss), r: 3 }),
      make("line", {
        class: "gap",
        x1: x(this.now[0]),
        x2: x(this.now[0]),
        y1: y(this.now[1]),
        y2: line(this.now[0]),
      }),
      make("circle", { class: "now", cx: x(this.now[0]), cy: y(this.now[1]), r: 4.5 }),
      make("text", { x: 8, y: 11 }, `L, ${shownNumber(bottom, 3)} to ${shownNumber(top, 3)}`),
    );
  }
}

// ------------------------------------------------------------------ What programs may ask for

const page = {};

async function open() {
  const facts = JSON.parse(find("#facts").textContent);
  const step = new Step(facts, await unpack(find("#arrays").textContent));
  const view = new View(step);
  page.click = (what) => view.click(what);
  page.play = { set: (value) => view.setPlay(value), reset: () => view.resetPlay() };
  page.epoch = (index) => view.showEpoch(index);
  page.array = (what, layer) => Array.from(what === "y" ? view.moment.y(layer).data : step.dx(layer).data);
  page.parameter = (layer, name, what) =>
    Array.from(what.split(".").reduce((entry, key) => entry[key], step.parameter(layer, name)));
  Object.defineProperty(page, "view", {
    get: () => ({
      epoch: view.epochIndex,
      selection: view.selection,
      play: view.playing ? view.playing.value : null,
    }),
  });
  view.start();
}

page.ready = open().catch((error) => {
  find("#said-title").textContent = "This page could not be opened";
  find("#said-text").textContent =
    typeof DecompressionStream === "undefined"
      ? "The browser is too old: it has no DecompressionStream (2023)."
      : String(error);
  throw error;
});
window.nnscratchPage = page;
