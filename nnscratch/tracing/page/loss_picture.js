// The loss: the picture with the points where they are and where the network thinks they are; or the
// predictions beside their targets.

"use strict";

const FACE = 470; // the longer side of the picture at zoom 1, in CSS pixels: both bands

const EDGE = 2.5; // how far from the picture's edge a mark stays, in units: 96 of them are its longer side

class LossPicture {
  constructor(view) {
    this.view = view;
    this.step = view.step;
    this.element = make("div", { class: this.hasFace() ? "face" : "errors scroll" });
    const [height, width] = this.hasFace() ? this.step.x.shape : [1, 1];
    this.element.style.setProperty("--w", `${(FACE * width) / Math.max(width, height)}px`);
    this.unit = Math.max(width, height) / 96; // so that marks have one size, whatever the picture's pixels
    this.element.style.setProperty("--unit", `${this.unit}px`);
    this.element.style.setProperty("--pixel", FACE / Math.max(width, height)); // CSS pixels at zoom 1
    this.element.style.setProperty("--aspect", `${width} / ${height}`);
    this.element.style.setProperty("--h", `${(FACE * height) / Math.max(width, height)}px`);
    this.value = make("p", { class: "big" });
  }

  hasFace() {
    return this.step.facts.points !== null && this.step.x.shape.length === 3;
  }

  paint() {
    const { index } = this.view.epochs;
    const { epochs, loss: ofStep } = this.step.facts;
    const value = index === null ? ofStep.value : epochs[index].loss;
    const played = this.view.slider.shown ? this.view.slider.loss : undefined;
    const none = index === null ? "not finite" : "not known";
    const own = value === null ? none : numberElement(num("header.loss", value));
    const digits = tellingApart(played, value, 3);
    const now = played === undefined ? [] : [" → ", numberElement(num("play.loss", played, { digits }))];
    this.value.replaceChildren("L = ", own, ...now);
    if (this.hasFace()) this.paintFace();
    else this.paintErrors();
  }

  predictionOfImage() {
    return this.view.array("output", this.step.layers.length - 1).data;
  }

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
      const [atX, atY] = withinPicture(
        [x, y],
        labelled ? [labelX, labelY] : [width / 2, height / 2],
        [width, height],
        EDGE * this.unit,
      );
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
          onclick: () => this.view.click({ kind: "loss", index: [o] }),
          onkeydown: (event) => {
            if (event.key === "Enter" || event.key === " ") {
              event.preventDefault();
              this.view.click({ kind: "loss", index: [o] });
            }
          },
        },
        make("title", {}, said),
      );
      if (labelled) {
        group.append(
          make("line", { class: "halo", x1: labelX, y1: labelY, x2: x, y2: y }),
          make("line", { x1: labelX, y1: labelY, x2: x, y2: y }),
          make("circle", { cx: labelX, cy: labelY, r: 1.5 * this.unit }),
        );
        const right = atX < 0.8 * width;
        const beside = { x: atX + (right ? 1.6 : -1.6) * this.unit, y: Math.max(atY - 1.2 * this.unit, 4 * this.unit) };
        group.append(make("text", { ...beside, "text-anchor": right ? "start" : "end" }, error.toFixed(1)));
      }
      group.append(...this.predictionMark(x, y, atX, atY));
      svg.append(group);
    }
    const mean = errors.length ? `mean error ${shownNumber(sum(errors) / errors.length, 3)} px` : "no labels";
    this.element.replaceChildren(
      make("div", { class: "frame" }, canvas, svg),
      make("p", { class: "key" }, "○ label  × prediction · ", mean),
    );
  }

  // A cross, or at the picture's edge an arrow towards a prediction that lies outside.
  predictionMark(x, y, atX, atY) {
    const { unit } = this;
    const size = 6 * unit;
    const target = make("rect", { x: atX - size / 2, y: atY - size / 2, width: size, height: size, class: "target" });
    if (x !== atX || y !== atY) {
      const angle = (180 / Math.PI) * Math.atan2(y - atY, x - atX);
      const transform = `translate(${atX} ${atY}) rotate(${angle}) scale(${unit})`;
      return [make("path", { class: "beyond", d: "M-1.2 -1.6L1.6 0L-1.2 1.6z", transform }), target];
    }
    const [arm, whole] = [1.3 * unit, 2.6 * unit];
    const cross = `M${x - arm} ${y - arm}l${whole} ${whole}m0 ${-whole}l${-whole} ${whole}`;
    return [make("path", { class: "halo", d: cross }), make("path", { d: cross }), target];
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
              onclick: () => this.view.click({ kind: "loss", index: unravel(o, step.prediction.shape.slice(1)) }),
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
    this.element.replaceChildren(
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
}

// The place itself, or where the way to it from `start` leaves the picture.
function withinPicture(place, start, size, edge) {
  const shares = place.map((at, axis) => {
    const border = at < edge ? edge : size[axis] - edge;
    return at === Math.min(Math.max(at, edge), size[axis] - edge) ? 1 : (border - start[axis]) / (at - start[axis]);
  });
  const share = Math.max(Math.min(...shares), 0); // 0: it starts beyond the edge itself
  return place.map((at, axis) => {
    const on = start[axis] + share * (at - start[axis]);
    return share === 1 ? at : Math.min(Math.max(on, edge), size[axis] - edge);
  });
}

const firstChannel = ({ shape, data }) => data.filter((_, k) => k % shape[2] === 0);
