// The slider: a pixel or a weight is changed, and everything after it is computed anew, in float64.

"use strict";

class Play {
  // Layers and loss after the number that the page cannot compute: readers' own classes.
  static unknown(step, what) {
    return Network.unknown(step.layers.slice(firstAfter(what)), step.facts.loss.kind);
  }

  // what : { kind: "pixel" | "weight", layer, name, index }; a pixel is a number of a layer's y, or of
  //     the input, layer -1
  constructor(step, what) {
    this.step = step;
    this.what = what;
    const pixel = what.kind === "pixel";
    this.first = firstAfter(what);
    const layers = step.layers.slice(this.first).map((layer) => ({
      kind: layer.kind,
      config: layer.config,
      params: step.params(layer.number),
      mask: layer.masks ? (pixel ? rows([layer.mask]) : layer.masks) : null,
    }));
    this.network = new Network(layers, step.facts.loss.kind);
    const y = step.y(what.layer);
    const parameter = pixel ? null : step.parameter(what.layer, what.name);
    this.x = pixel ? { shape: [1, ...y.shape], data: Float64Array.from(y.data) } : step.batch(what.layer).x;
    this.at = offset(pixel ? y.shape : parameter.shape, what.index);
    this.old = pixel ? y.data[this.at] : parameter.before[this.at];
    this.gradient = pixel ? step.dy(what.layer).data[this.at] : parameter.gradient[this.at];
    this.value = this.old;
    this.network.forward(this.x);
    this.before = this.lossNow();
  }

  // The loss of the batch if the number were `value`, rounded as the step's arrays are.
  lossAt(value) {
    this.value = this.step.layers[Math.max(this.what.layer, 0)].rounded(value);
    if (this.what.kind === "pixel") {
      this.x.data[this.at] = this.value;
      this.network.forward(this.x);
    } else {
      this.network.layers[0].params[this.what.name].data[this.at] = this.value;
      this.network.forwardFrom(0);
    }
    return this.lossNow();
  }

  lossNow() {
    const { value, dprediction } = this.network.loss(this.predictions(), this.step.target);
    this.dprediction = dprediction;
    return value;
  }

  // Of the whole batch: a pixel changes that of its own image only.
  predictions() {
    const prediction = this.network.outputs.at(-1);
    if (this.what.kind !== "pixel") return prediction;
    const { shape, data } = this.step.prediction;
    const all = Float64Array.from(data);
    all.set(prediction.data, this.step.facts.image * prediction.data.length);
    return { shape, data: all };
  }

  // The gradient at the new value.
  gradientNow() {
    const pixel = this.what.kind === "pixel";
    const dprediction = pixel ? rows([this.step.rowOf(this.dprediction)]) : this.dprediction;
    const { inputGradients, parameterGradients } = this.network.backward(dprediction);
    this.inputGradients = inputGradients;
    return pixel ? inputGradients[0].data[this.at] : parameterGradients[0][this.what.name].data[this.at];
  }

  // y and dx of the image, as the pictures show them; undefined for what did not change.
  y(layer) {
    if (this.what.kind === "pixel" && layer === this.what.layer) return this.ofImage(this.x);
    return this.ofImage(this.network.outputs[layer - this.first]);
  }

  dx(layer) {
    return this.ofImage(this.inputGradients?.[layer - this.first]);
  }

  ofImage(array) {
    if (!array) return undefined;
    return this.step.rowOf(array, array.shape[0] === 1 ? 0 : this.step.facts.image);
  }

  explain(loss, gradient) {
    const delta = this.value - this.old;
    const moved = loss - this.before;
    const close = { digits: 3 };
    const both = { digits: tellingApart(loss, this.before, 3) };
    return {
      moved,
      loss,
      lines: [
        [num("play.old", this.old), " → ", num("play.value", this.value), ", a change of ", num("play.delta", delta)],
        ["loss ", num("play.loss_before", this.before, both), " → ", num("play.loss", loss, both)],
        [
          "loss moved by ",
          num("play.moved", moved, close),
          ", gradient said ",
          num("play.predicted", this.gradient * delta, close),
        ],
        gradient === undefined
          ? []
          : [
              "gradient there: ",
              num("play.gradient", gradient, close),
              ", here it was ",
              num("play.gradient_before", this.gradient, close),
            ],
      ],
    };
  }
}

// The first layer that computes anew.
const firstAfter = ({ kind, layer }) => (kind === "pixel" ? layer + 1 : layer);
const rows = ([{ shape, data }]) => ({ shape: [1, ...shape], data });

// How far the slider goes, and where it begins.
function rangeOf(step, { kind, layer, name, index }) {
  const pixel = kind === "pixel";
  const { shape, data } = pixel
    ? step.y(layer)
    : { shape: step.parameter(layer, name).shape, data: step.parameter(layer, name).before };
  const old = data[offset(shape, index)];
  if (!pixel) {
    const reach = Math.max(
      data.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
      0.01,
    );
    return { low: old - reach, high: old + reach, old };
  }
  const [low, high] = [data.reduce((a, b) => Math.min(a, b)), data.reduce((a, b) => Math.max(a, b))];
  const room = Math.max(high - low, 1e-6) / 4;
  return { low: low - room, high: high + room, old };
}
