// The slider that changes a number: what becomes of the loss, beside what the gradient said.

"use strict";

class Slider {
  constructor(view) {
    this.view = view;
    this.step = view.step;
    this.box = find("#play");
    this.shown = null; // the play whose numbers the pictures show
  }

  start(what) {
    const { box } = this;
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
    this.input = make("input", {
      type: "range",
      min: low,
      max: high,
      step: "any",
      "aria-label": `value of ${of}`,
      oninput: () => this.slide(),
      onkeydown: (event) => this.slideByKey(event, (high - low) / 100),
    });
    this.input.value = old;
    this.lines = make(
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
      this.input,
      make("div", { class: "play-body" }, this.lines, this.chart),
      make("button", { type: "button", onclick: () => this.reset() }, "reset"),
    );
    this.drawing = setTimeout(() => this.drawCurve(low, high), 60);
  }

  // The network that computes anew; it is made when it is needed, for it computes the whole batch.
  player() {
    if (!this.played)
      throw new Error("play.set: got no slider, expected a click on a weight or on a number of a layer before");
    this.play ??= new Play(this.step, this.played);
    return this.play;
  }

  slide() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.later);
    this.frame = requestAnimationFrame(() => {
      const play = this.player();
      const loss = play.lossAt(Number(this.input.value));
      this.show(loss, undefined);
      this.later = setTimeout(() => this.show(loss, play.gradientNow()), 120);
    });
  }

  // With step="any" browsers have no step for the arrow keys.
  slideByKey(event, by) {
    const direction = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 }[
      event.key
    ];
    if (!direction) return;
    event.preventDefault();
    this.input.value = Number(this.input.value) + direction * by;
    this.slide();
  }

  set(value) {
    const play = this.player();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.later);
    this.input.value = value;
    this.show(play.lossAt(value), play.gradientNow());
  }

  show(loss, gradient) {
    this.shown = this.play;
    this.say(loss, gradient);
    this.view.paint();
  }

  say(loss, gradient) {
    this.loss = loss;
    const { lines } = this.play.explain(loss, gradient);
    this.lines.replaceChildren(
      ...lines
        .filter((line) => line.length)
        .map((line, k) => make("p", { class: k === 2 ? "strong" : null }, ...inPairs(line))),
    );
    this.curve?.mark(this.play.value, loss);
  }

  reset() {
    if (!this.play) return;
    this.input.value = this.play.old;
    this.play.lossAt(this.play.old);
    this.play.inputGradients = null;
    this.say(this.play.before, undefined);
    this.hide();
  }

  stop() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.later);
    clearTimeout(this.drawing);
    this.play = this.played = this.curve = null;
    this.loss = undefined;
    this.box.hidden = true;
    this.box.replaceChildren();
    this.hide();
  }

  hide() {
    if (!this.shown) return;
    this.shown = null;
    this.view.paint();
  }

  // The loss over the slider's range, point by point as time allows, on a network of its own.
  drawCurve(low, high) {
    const { old, before, gradient } = this.player();
    const own = new Play(this.step, this.played);
    const curve = new Curve(this.chart, low, high, old, before, gradient);
    this.curve = curve;
    if (this.loss !== undefined) curve.mark(this.play.value, this.loss);
    // Close to where it begins first: there the curve and the gradient's line must touch.
    const near = [-8, 8, -2, 2, -0.5, 0.5].map((k) => old + ((high - low) * k) / 300);
    const even = [0, 16, 8, 4, 12, 2, 6, 10, 14, 1, 3, 5, 7, 9, 11, 13, 15].map((k) => low + ((high - low) * k) / 16);
    const places = [...near, ...even];
    const next = () => {
      if (this.curve !== curve || !places.length) return;
      const value = places.shift();
      curve.add(value, own.lossAt(value));
      this.drawing = setTimeout(next, 15);
    };
    next();
  }
}

// Words and the number behind them stay on one line.
const inPairs = (line) =>
  line.flatMap((piece, k) => {
    if (typeof piece === "string") return k + 1 < line.length ? [] : [piece];
    const [, gap, words] = (typeof line[k - 1] === "string" ? line[k - 1] : "").match(/^(,? ?)(.*)$/);
    return [gap, make("span", { class: "pair" }, words, part(piece))];
  });

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
      make("text", { x: 8, y: 11 }, `L, ${apart(bottom, top).join(" to ")}`),
    );
  }
}

// Two numbers in as few digits as tell them apart, but in three at least.
function apart(a, b) {
  const digits = [3, 4, 5, 6, 7, 8].find((most) => shownNumber(a, most) !== shownNumber(b, most)) ?? 9;
  return [shownNumber(a, digits), shownNumber(b, digits)];
}
