// The loss: the picture with the points where they are and where the network thinks they are; or the
// predictions beside their targets.

"use strict";

const FACE = 470; // the longer side of the picture at zoom 1, in CSS pixels: both bands

class LossPicture {
  constructor(view) {
    this.view = view;
    this.step = view.step;
    this.element = make("div", { class: this.hasFace() ? "face" : "errors scroll" });
    const [height, width] = this.hasFace() ? this.step.x.shape : [1, 1];
    this.element.style.setProperty("--w", `${(FACE * width) / Math.max(width, height)}px`);
    this.element.style.setProperty("--aspect", `${width} / ${height}`);
    this.element.style.setProperty("--h", `${(FACE * height) / Math.max(width, height)}px`);
    this.value = make("p", { class: "big" });
  }

  hasFace() {
    return this.step.facts.points !== null && this.step.x.shape.length === 3;
  }

  paint() {
    const { value } = this.step.facts.loss;
    const played = this.view.slider.shown ? this.view.slider.loss : undefined;
    const own = value === null ? "not finite" : numberElement(num("header.loss", value));
    const now = played === undefined ? [] : [" → ", numberElement(num("play.loss", played))];
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
    this.element.replaceChildren(
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

const firstChannel = ({ shape, data }) => data.filter((_, k) => k % shape[2] === 0);
