// A picture of the strip: an array of a layer, with its legend, its marks and its keys.

"use strict";

const BAND = 216; // height of a picture at zoom 1, in CSS pixels

const NOTHING = {
  gradient: "exactly 0 everywhere: no gradient reaches here for this image",
  "weight-gradient": "exactly 0 everywhere: no gradient reaches here in this batch",
};

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
    this.nothing = make("p", { class: "nothing" });
    this.frame = make("div", { class: "frame" }, this.canvas, this.nothing, this.marks, this.cursorBox);
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
    // While a slider moves, the colours mean what they meant.
    if (!this.view.slider.shown || !this.colours) this.colours = coloursFor(this.what, this.layer, this.array);
    this.sheet.draw(this.canvas, this.array, this.colours, isDark());
    for (const [element, value] of [
      [this.low, this.colours.low],
      [this.high, this.colours.high],
    ]) {
      element.textContent = shownNumber(value, 3);
      element.dataset.exact = String(value);
    }
    const zero = this.role().includes("gradient") && this.array.data.every((value) => value === 0);
    this.element.classList.toggle("zero", zero);
    this.nothing.textContent = zero ? NOTHING[this.role()] : "";
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
    const label = [this.label, this.nothing.textContent].filter(Boolean).join(", ");
    this.canvas.setAttribute(
      "aria-label",
      `${where}, ${label}, ${this.text(this.cursor)}. Arrows move, Enter explains.`,
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
