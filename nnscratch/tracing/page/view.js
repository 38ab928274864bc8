// The page itself: columns of pictures, and what a click on a number brings up.

"use strict";

const FEW = 9; // places that two lines each lead from; with more, one line each

class View {
  constructor(step) {
    this.step = step;
    this.figures = [];
    this.moment = step; // whose outputs are shown: the step's, or those of another epoch
    this.selection = null;
  }

  start() {
    const { step } = this;
    this.slider = new Slider(this);
    this.epochs = new EpochBar(this);
    this.movement = new Movement(this);
    this.lossPicture = new LossPicture(this);
    find("#about").append(...this.aboutLine());
    this.columns = [this.inputColumn(), ...step.layers.map((layer) => this.layerColumn(layer)), this.lossColumn()];
    this.lines = make("svg", { class: "lines", "aria-hidden": "true" });
    find("#strip").append(...this.columns, this.lines);
    this.movement.start();
    find("#theme").addEventListener("click", () => this.switchTheme());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
    this.paint();
    this.showFindings();
    this.movement.fit();
    this.click(this.firstLook());
    find("#network").scrollLeft = 0;
  }

  aboutLine() {
    const { facts } = this.step;
    const { value, before, after } = facts.loss;
    const parts = [
      `traced step: image ${facts.image} of a batch of ${facts.images} · loss `,
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
    const shown = parameters.filter((parameter) => sizeOf(parameter.shape)); // an empty one has no picture
    const slices = shown.map((parameter) => {
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
    const head = [
      make("h2", {}, "Loss"),
      make("p", { class: "formula-line", title: loss.text }, loss.text),
      this.lossPicture.value,
      make("p", { class: "formula-line" }, "dL/dL = 1 goes back from here"),
    ];
    return this.column("loss", head, [this.lossPicture.element], []);
  }

  // ------------------------------------------------------------------- What the pictures show

  // { shape, data, now }: now is false if the number is of the step, while another epoch is shown
  array(what, layer) {
    const { step, moment } = this;
    const elsewhere = moment !== step;
    const played = this.slider.shown;
    if (what === "output") return { now: true, ...(played?.y(layer) ?? moment.y(layer)) };
    if (what === "gradient") return { now: !elsewhere, ...((!elsewhere && played?.dx(layer + 1)) || step.dy(layer)) };
    const name = what.replace("-gradient", "");
    const { shape } = step.layers[layer].parameters.find((parameter) => parameter.name === name);
    const own = elsewhere && what === name ? moment.params(layer)[name] : null;
    if (own) return { now: true, ...own };
    return { now: !elsewhere, shape, data: step.parameter(layer, name)[what === name ? "before" : "gradient"] };
  }

  paint() {
    for (const figure of this.figures) figure.paint();
    this.lossPicture.paint();
    for (const layer of this.step.layers) this.paintShareOff(layer);
  }

  paintShareOff(layer) {
    if (!["ReLU", "LeakyReLU"].includes(layer.kind)) return;
    const { images } = this.step.facts;
    const channels = layer.shape.at(-1);
    const places = (sizeOf(layer.shape) / channels) * images;
    const counts = new Float64Array(channels);
    if (this.moment === this.step)
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

  // ---------------------------------------------------------------------------- Explanations

  click(what) {
    this.check(what);
    if (this.epochs.index !== null && !["output", "finding"].includes(what.kind)) this.epochs.show(null);
    this.slider.stop();
    const told = this.explain(what);
    this.selection = what;
    const { moment } = this;
    this.marks = told.marks;
    const then = moment === this.step ? "" : ` · in epoch ${moment.epoch.epoch}`;
    this.tell(`${told.title}${then}`, told.said, told.cards);
    find("#said").scrollIntoView({ block: "nearest" });
    if (this.epochs.index === null && told.play) this.slider.start(told.play);
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
      throw new Error(
        `click: got ${kind === "weight" ? name : kind} [${index}] of layer ${layer}, expected an index in [${shape}]`,
      );
  }

  showMoment(moment) {
    this.slider.stop();
    this.moment = moment;
    find("#about").classList.toggle("elsewhere", moment !== this.step);
    this.paint();
    this.showFindings();
    const { selection } = this;
    if (selection && (selection.kind === "output" || moment === this.step)) this.click(selection);
    else {
      this.clear(); // what was told is of the step
      this.tell(`Epoch ${moment.epoch.epoch}`, "Click a number of a y to see how it came about then.", []);
    }
  }

  // The slider comes behind the first card.
  tell(title, said, cards) {
    find("#said-title").textContent = title;
    find("#said-text").textContent = said;
    const elements = cards.map(card);
    find("#cards").replaceChildren(...elements.slice(0, 1), find("#play"), ...elements.slice(1));
    find("#details").scrollTop = 0;
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
    this.slider.stop();
    this.marks = [];
    this.showMarks();
  }

  // ---------------------------------------------------------------------------------- Findings

  findings() {
    return this.epochs.index === null ? this.step.facts.findings : this.step.facts.epochs[this.epochs.index].findings;
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

  switchTheme() {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    this.paint();
    if (this.selection && !this.slider.shown) this.click(this.selection);
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

// ------------------------------------------------------------------ What programs may ask for

const page = {};

async function openPage() {
  const facts = JSON.parse(find("#facts").textContent);
  const step = new Step(facts, await unpack(find("#arrays").textContent));
  const view = new View(step);
  page.click = (what) => view.click(what);
  page.play = {
    set(value) {
      view.slider.set(value);
      return view.facts();
    },
    reset: () => view.slider.reset(),
  };
  page.epoch = (index) => view.epochs.show(index);
  page.array = (what, layer) => Array.from(what === "y" ? view.moment.y(layer).data : step.dx(layer).data);
  page.parameter = (layer, name, what) =>
    Array.from(what.split(".").reduce((entry, key) => entry[key], step.parameter(layer, name)));
  Object.defineProperty(page, "view", {
    get: () => ({
      epoch: view.epochs.index,
      selection: view.selection,
      play: view.slider.shown ? view.slider.shown.value : null,
    }),
  });
  view.start();
}

page.ready = openPage().catch((error) => {
  find("#said-title").textContent = "This page could not be opened";
  find("#said-text").textContent =
    typeof DecompressionStream === "undefined"
      ? "The browser is too old: it has no DecompressionStream (2023)."
      : String(error);
  throw error;
});
window.nnscratchPage = page;
