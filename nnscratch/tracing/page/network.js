// The network of the page: its layers one after the other, and the chain rule back. It comes after
// layers.js, in the same script.

"use strict";

// kind -> forward(layer, x) gives y; backward(layer, x, y, dy) gives { dx, gradients }
//
// layer : { config, params, mask }: the constructor's arguments by name, the parameters by name; of a
//     dropout, the mask of the step: an array like x of 0 and 1/(1-p). Without one nothing is dropped
const LAYERS = {
  Dense: {
    forward: ({ params }, x) => denseForward(x, params.weight, params.bias),
    backward: ({ params }, x, y, dy) => withNames(params, denseBackward(x, params.weight, dy)),
  },
  Conv2D: {
    forward: ({ config, params }, x) =>
      conv2dForward(x, params.weight, params.bias, pair(config.stride), pair(config.padding)),
    backward: ({ config, params }, x, y, dy) =>
      withNames(params, conv2dBackward(x, params.weight, dy, pair(config.stride), pair(config.padding))),
  },
  MaxPool2D: {
    forward: ({ config }, x) => maxPool2dForward(x, ...poolSizes(config)).y,
    backward: ({ config }, x, y, dy) =>
      onlyDx(maxPool2dBackward(x.shape, maxPool2dForward(x, ...poolSizes(config)).winner, dy)),
  },
  AveragePool2D: {
    forward: ({ config }, x) => averagePool2dForward(x, ...poolSizes(config)),
    backward: ({ config }, x, y, dy) => onlyDx(averagePool2dBackward(x.shape, dy, ...poolSizes(config))),
  },
  Flatten: {
    forward: (layer, x) => ({ shape: [x.shape[0], x.data.length / x.shape[0]], data: x.data.slice() }),
    backward: (layer, x, y, dy) => onlyDx({ shape: x.shape, data: dy.data.slice() }),
  },
  ReLU: {
    forward: (layer, x) => map(relu, x),
    backward: (layer, x, y, dy) => onlyDx(map((gradient, value) => (value > 0 ? gradient : 0), dy, x)),
  },
  LeakyReLU: {
    forward: ({ config }, x) => map((value) => leakyRelu(value, config.negative_slope), x),
    backward: ({ config }, x, y, dy) =>
      onlyDx(map((gradient, value) => (value > 0 ? gradient : config.negative_slope * gradient), dy, x)),
  },
  Sigmoid: {
    forward: (layer, x) => map(sigmoid, x),
    backward: (layer, x, y, dy) => onlyDx(map((gradient, value) => gradient * value * (1 - value), dy, y)),
  },
  Tanh: {
    forward: (layer, x) => map(Math.tanh, x),
    backward: (layer, x, y, dy) => onlyDx(map((gradient, value) => gradient * (1 - value * value), dy, y)),
  },
  Dropout: {
    forward: ({ mask }, x) => (mask ? map((value, factor) => value * factor, x, mask) : float64(x)),
    backward: ({ mask }, x, y, dy) =>
      onlyDx(mask ? map((gradient, factor) => gradient * factor, dy, mask) : float64(dy)),
  },
  ContrastNormalization: {
    forward: ({ config }, x) => normalizeForward(x, config.spread, config.floor),
    backward: ({ config }, x, y, dy) => onlyDx(normalizeBackward(x, dy, config.spread, config.floor)),
  },
};

// A size is a number, or [height, width].
const pair = (size) => (Array.isArray(size) ? size : [size, size]);
const poolSizes = ({ pool_size: size, stride }) => [pair(size), pair(stride ?? size)];
const onlyDx = (dx) => ({ dx, gradients: {} });
const withNames = (params, { dx, dweight, dbias }) => ({
  dx,
  gradients: params.bias ? { weight: dweight, bias: dbias } : { weight: dweight },
});

// loss(prediction, target) -> { value, dprediction }; all arrays of one shape
const LOSSES = {
  // L = 1/M * sum over the M labelled (n,o) of (prediction[n,o] - target[n,o])^2;  0 if M = 0
  // dprediction[n,o] = 2/M * (prediction[n,o] - target[n,o]) where labelled, otherwise exactly 0
  //
  // A target that is NaN is a missing label.
  MSELoss(prediction, target) {
    const labels = target.data.reduce((count, value) => (Number.isNaN(value) ? count : count + 1), 0);
    const error = map((value, label) => (Number.isNaN(label) ? 0 : value - label), prediction, target);
    const squares = error.data.reduce((sum, value) => sum + value * value, 0);
    return {
      value: labels ? squares / labels : 0,
      dprediction: map((value) => (labels ? (2 / labels) * value : 0), error),
    };
  },

  // p[n,i] = exp(prediction[n,i]) / sum over j of exp(prediction[n,j])
  // L = -1/M * sum over the M labelled n, and i, of target[n,i] * log p[n,i];  0 if M = 0
  // dprediction[n,i] = 1/M * (p[n,i] - target[n,i]) where labelled, otherwise exactly 0
  //
  // target : (N, C), distributions; a row of NaN is a missing label. Or (N), the right classes, each
  //     a distribution with 1 at its place; NaN or -1 is a missing label
  // A row's largest prediction is taken away first: that changes no p, and exp cannot overflow.
  SoftmaxCrossEntropy(prediction, target) {
    const [rows, classes] = prediction.shape;
    const oneClass = target.shape.length === 1;
    const wanted = (n, i) => (oneClass ? Number(target.data[n] === i) : target.data[n * classes + i]);
    const first = (n) => target.data[oneClass ? n : n * classes];
    const labelled = Array.from({ length: rows }, (_, n) => n).filter((n) => first(n) >= 0); // NaN is not
    const dprediction = zeros(prediction.shape);
    let value = 0;
    for (const n of labelled) {
      const row = prediction.data.subarray(n * classes, (n + 1) * classes);
      const largest = row.reduce((a, b) => Math.max(a, b));
      const sum = row.reduce((total, number) => total + Math.exp(number - largest), 0);
      row.forEach((number, i) => {
        const logP = number - largest - Math.log(sum);
        value -= (wanted(n, i) * logP) / labelled.length;
        dprediction.data[n * classes + i] = (Math.exp(logP) - wanted(n, i)) / labelled.length;
      });
    }
    return { value, dprediction };
  },
};

// Layers one after the other, with parameters of their own that may be changed:
//
//     const network = new Network(layers, "MSELoss");
//     const { outputs } = network.forward(x);
//     const { value, dprediction } = network.loss(outputs.at(-1), target);
//     const { inputGradients, parameterGradients } = network.backward(dprediction);
//
//     network.layers[3].params.weight.data[7] += 0.01;      // a weight of layer 3: from there on
//     network.loss(network.forwardFrom(3).outputs.at(-1), target).value - value;
//
// layers : [{ kind, config, params, mask }] from input to output, as LAYERS takes them; `kind` is the
//     name of the class. The network copies the arrays, in float64
// loss   : the name of one of LOSSES
class Network {
  // Those of `layers` and `loss` that this page cannot compute, by name; [] if it can run them all.
  static unknown(layers, loss) {
    const kinds = layers.map(({ kind }) => kind).filter((kind) => !Object.hasOwn(LAYERS, kind));
    return [...new Set(kinds), ...(Object.hasOwn(LOSSES, loss) ? [] : [loss])];
  }

  constructor(layers, loss) {
    const unknown = Network.unknown(layers, loss);
    if (unknown.length) throw new Error(`Network: got ${unknown}, expected layers and a loss of the library`);
    this.layers = layers.map(({ kind, config, params, mask }) => ({
      kind,
      config,
      params: Object.fromEntries(Object.entries(params).map(([name, array]) => [name, float64(array)])),
      mask: mask ? float64(mask) : null,
    }));
    this.loss = LOSSES[loss];
    this.inputs = []; // x of each layer
    this.outputs = []; // y of each layer, which is x of the next
  }

  // y of each layer, from x (N, ...).
  forward(x) {
    return this.forwardFrom(0, float64(x));
  }

  // The same, of layer `first` and those after it alone; the outputs before it stay what they are.
  //
  // x : what goes into that layer; what went in last if it is left out
  forwardFrom(first, x = this.inputs[first]) {
    const outputs = this.outputs.slice(0, first); // a list of its own: who has the last one keeps it
    for (let number = first; number < this.layers.length; number++) {
      const layer = this.layers[number];
      this.inputs[number] = x;
      x = LAYERS[layer.kind].forward(layer, x);
      outputs.push(x);
    }
    this.outputs = outputs;
    return { outputs };
  }

  // The chain rule, from the last layer down to layer `last`: the dy of a layer is the dx of the one
  // after it.
  //
  // inputGradients[number] is dx of that layer, parameterGradients[number] is { weight, bias } or {}
  backward(dprediction, last = 0) {
    const inputGradients = [];
    const parameterGradients = [];
    let dy = dprediction;
    for (let number = this.layers.length - 1; number >= last; number--) {
      const layer = this.layers[number];
      const { dx, gradients } = LAYERS[layer.kind].backward(layer, this.inputs[number], this.outputs[number], dy);
      inputGradients[number] = dx;
      parameterGradients[number] = gradients;
      dy = dx;
    }
    return { inputGradients, parameterGradients };
  }
}
