// The arrays of the traced step, out of the text in the page: packed.py, page_facts.py and
// recomputed.py read backwards.

"use strict";

const TYPES = { f4: Float32Array, f8: Float64Array, i4: Int32Array, u1: Uint8Array };

// The bytes that packed.py has put into the page as text: "how many, deflated" and then they.
async function unpack(text) {
  const [count, digits] = text.trim().split(" ");
  const deflated = bytesOf(digits).subarray(0, Number(count));
  const stream = new Blob([deflated]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Five digits of base 85, the highest first, are four bytes, the highest first.
function bytesOf(digits) {
  const values = new Uint8Array(128);
  for (let code = 35, value = 0; code < 127; code++)
    if (!"<>&'`\\".includes(String.fromCharCode(code))) values[code] = value++;
  const bytes = new Uint8Array((digits.length / 5) * 4);
  const words = new DataView(bytes.buffer);
  for (let k = 0; k < digits.length; k += 5) {
    let word = 0;
    for (let j = 0; j < 5; j++) word = word * 85 + values[digits.charCodeAt(k + j)];
    words.setUint32((k / 5) * 4, word);
  }
  return bytes;
}

const sizeOf = (shape) => shape.reduce((product, length) => product * length, 1);

// bits[k] of an array of bools: eight a byte, the first in the lowest bit.
const bitsAt = (bytes, at, count) =>
  Uint8Array.from({ length: count }, (_, k) => (bytes[at + (k >> 3)] >> (k & 7)) & 1);

// { shape, data } of the array that lies at `place`: packed.Pack.add says how.
function readArray(bytes, { type, shape, at, others }) {
  const size = sizeOf(shape);
  if (type === "b1") return { shape, data: bitsAt(bytes, at, size) };
  const count = others ?? size;
  const start = at + (others === undefined ? 0 : Math.ceil(size / 8));
  const width = TYPES[type].BYTES_PER_ELEMENT;
  const own = new Uint8Array(count * width);
  for (let k = 0; k < count; k++) {
    for (let b = 0; b < width; b++) own[k * width + b] = bytes[start + b * count + k];
  }
  const numbers = new TYPES[type](own.buffer);
  if (others === undefined) return { shape, data: numbers };
  const data = new TYPES[type](size);
  let next = 0;
  for (let k = 0; k < size; k++) if ((bytes[at + (k >> 3)] >> (k & 7)) & 1) data[k] = numbers[next++];
  return { shape, data };
}

// ------------------------------------------------------- What follows exactly from another array

// layer kind -> y from x; and dx from dy. Arrays of one image, in the step's own dtype: `rounded`
// rounds a product to it.
const FOLLOWING = {
  ReLU: {
    y: (layer, x) => like(x, (k) => (x.data[k] > 0 ? x.data[k] : 0)),
    dx: (layer, x, dy) => like(x, (k) => (x.data[k] > 0 ? dy.data[k] : 0)),
  },
  LeakyReLU: {
    y: (layer, x) => like(x, (k) => layer.rounded(x.data[k] * leakySlope(layer, x.data[k]))),
    dx: (layer, x, dy) => like(x, (k) => layer.rounded(dy.data[k] * leakySlope(layer, x.data[k]))),
  },
  Dropout: {
    y: (layer, x) => like(x, (k) => layer.rounded(x.data[k] * layer.mask.data[k])),
    dx: (layer, x, dy) => like(x, (k) => layer.rounded(dy.data[k] * layer.mask.data[k])),
  },
  Flatten: {
    y: (layer, x) => ({ shape: [x.data.length], data: x.data }),
    dx: (layer, x, dy) => ({ shape: x.shape, data: dy.data }),
  },
  MaxPool2D: {
    y(layer, x) {
      const y = { shape: layer.shape, data: new x.data.constructor(sizeOf(layer.shape)) };
      eachPool(layer, x, (k, places) => {
        y.data[k] = x.data[winnerOf(x, places)];
      });
      return y;
    },
    dx(layer, x, dy) {
      const dx = like(x, () => 0);
      eachPool(layer, x, (k, places) => {
        const winner = winnerOf(x, places);
        dx.data[winner] = layer.rounded(dx.data[winner] + dy.data[k]);
      });
      return dx;
    },
  },
};

const like = ({ shape, data }, value) => ({ shape, data: data.map((_, k) => value(k)) });
const leakySlope = (layer, x) => (x > 0 ? 1 : layer.rounded(layer.config.negative_slope));
const poolOf = ({ config }) => ({ size: pair(config.pool_size), stride: pair(config.stride ?? config.pool_size) });

// The places in x (H, W, C) of the numbers of window (h, w) of channel c, in reading order.
function poolPlaces(layer, x, h, w, c) {
  const { size, stride } = poolOf(layer);
  const [, width, channels] = x.shape;
  const places = [];
  for (let i = 0; i < size[0]; i++) {
    for (let j = 0; j < size[1]; j++) {
      places.push(((h * stride[0] + i) * width + w * stride[1] + j) * channels + c);
    }
  }
  return places;
}

// The first of the largest numbers takes all.
const winnerOf = (x, places) => places.reduce((best, k) => (x.data[k] > x.data[best] ? k : best));

// visit(place in y, places in x of its window)
function eachPool(layer, x, visit) {
  const [height, width, channels] = layer.shape;
  for (let h = 0, k = 0; h < height; h++) {
    for (let w = 0; w < width; w++) {
      for (let c = 0; c < channels; c++, k++) visit(k, poolPlaces(layer, x, h, w, c));
    }
  }
}

// ------------------------------------------------------ What a formula gives, but for last digits

// `formula` with the bits turned round that `difference`, bytes of an array of places, says.
function corrected(formula, difference) {
  if (!difference) return formula;
  const width = formula.BYTES_PER_ELEMENT;
  const bytes = new Uint8Array(formula.buffer);
  const count = formula.length;
  for (let k = 0; k < count; k++) {
    for (let b = 0; b < width; b++) bytes[k * width + b] ^= difference.data[b * count + k];
  }
  return formula;
}

// sum over n of x[n,i] * dy[n,o], row after row, in float64; then rounded
function denseGradient(x, dy, Numbers) {
  const [rows, nIn] = x.shape;
  const nOut = dy.shape[1];
  const total = new Float64Array(nIn * nOut);
  for (let n = 0; n < rows; n++) {
    for (let i = 0; i < nIn; i++) {
      for (let o = 0; o < nOut; o++) total[i * nOut + o] += x.data[n * nIn + i] * dy.data[n * nOut + o];
    }
  }
  return Numbers.from(total);
}

// The optimizer's step: from w, dw and the memory to { after, and the memory then }. The lines are
// those of recomputed.py: `r` rounds to the dtype of the parameters wherever they do.
const UPDATES = {
  SGD(optimizer, decay, { r, flush }, w, dw, memory) {
    const [lr, weightDecay, momentum] = [optimizer.lr, decay, optimizer.momentum].map(r);
    const [after, v] = [w.slice(), memory.v.slice()];
    for (let k = 0; k < w.length; k++) {
      const g = r(weightDecay * w[k] + dw[k]);
      let step = g;
      if (momentum !== 0) {
        v[k] = flush(r(momentum * v[k] + g));
        step = optimizer.nesterov ? r(momentum * v[k] + g) : v[k];
      }
      after[k] = r(w[k] - lr * step);
    }
    return { after, v };
  },
  Adam(optimizer, decay, { r, flush }, w, dw, memory) {
    const [beta1, beta2] = optimizer.betas;
    const [a, aRest, b, bRest] = [beta1, 1 - beta1, beta2, 1 - beta2].map(r);
    const [rate, shrink] = [optimizer.rate, 1 - optimizer.lr * decay].map(r);
    const [correction, epsilon] = [optimizer.correction, optimizer.epsilon].map(r);
    const [after, m, v] = [w.slice(), memory.m.slice(), memory.v.slice()];
    for (let k = 0; k < w.length; k++) {
      m[k] = flush(r(a * m[k] + r(aRest * dw[k])));
      v[k] = r(b * v[k] + r(bRest * dw[k]) * dw[k]);
      const root = r(r(Math.sqrt(v[k])) * correction + epsilon);
      after[k] = r(shrink * w[k] - r(r(rate * m[k]) / root));
    }
    return { after, m, v };
  },
};

// What rounds and flushes as the optimizers' kernels do with arrays of this dtype.
function arithmeticOf(array) {
  const single = array instanceof Float32Array;
  const r = single ? Math.fround : (value) => value;
  const tiny = r(1e8 * (single ? 2 ** -126 : 2 ** -1022));
  return { r, flush: (mean) => (Math.abs(mean) < tiny ? 0 : mean) };
}

// ---------------------------------------------------------------------------------- The step

// All of the traced step, for the image that the page shows. Layer -1 is the input.
class Step {
  constructor(facts, bytes) {
    this.facts = facts;
    this.read = (place) => readArray(bytes, place);
    this.layers = facts.layers.map((layer, number) => ({
      ...layer,
      number,
      rounded: roundedTo(layer.dtype),
      formulas: layer.formulas.slice(0, 2).map((formula) => formula.replaceAll("-", "−")),
    }));
    this.prediction = this.read(facts.loss.prediction);
    this.target = this.read(facts.loss.target);
    this.dprediction = this.read(facts.loss.dprediction);
    this.x = this.read(facts.x);
    this.ys = [];
    this.dxs = [];
    for (const layer of this.layers) {
      if (layer.kept) this.readMask(layer);
      const x = this.y(layer.number - 1);
      this.ys.push(layer.y ? this.read(layer.y) : FOLLOWING[layer.kind].y(layer, x));
    }
    for (const layer of [...this.layers].reverse()) {
      const dy = this.dy(layer.number);
      const x = this.y(layer.number - 1);
      this.dxs[layer.number] = layer.dx ? this.read(layer.dx) : FOLLOWING[layer.kind].dx(layer, x, dy);
    }
    this.known = new Map();
  }

  y(layer) {
    return layer < 0 ? this.x : this.ys[layer];
  }

  dx(layer) {
    return this.dxs[layer];
  }

  // The gradient of y(layer): of the input, too.
  dy(layer) {
    return layer + 1 < this.layers.length ? this.dxs[layer + 1] : this.rowOf(this.dprediction);
  }

  rowOf({ shape, data }, row = this.facts.image) {
    const size = sizeOf(shape.slice(1));
    return { shape: shape.slice(1), data: data.subarray(row * size, (row + 1) * size) };
  }

  // x and dy of a layer with weights, of the whole batch.
  batch(layer) {
    const others = this.layers[layer].others;
    return this.remember(`batch ${layer}`, () => ({
      x: this.withImage(this.read(others.x), this.y(layer - 1)),
      dy: this.withImage(this.read(others.dy), this.dy(layer)),
    }));
  }

  withImage(others, own) {
    const { image, images } = this.facts;
    const size = own.data.length;
    const data = new own.data.constructor(images * size);
    data.set(others.data.subarray(0, image * size));
    data.set(own.data, image * size);
    data.set(others.data.subarray(image * size), (image + 1) * size);
    return { shape: [images, ...own.shape], data };
  }

  readMask(layer) {
    const { shape, data } = this.read(layer.kept);
    const factor = layer.rounded(1 / (1 - layer.config.p));
    layer.factor = factor;
    layer.masks = { shape, data: Float64Array.from(data, (kept) => kept * factor) };
    layer.mask = this.rowOf(layer.masks);
  }

  // { shape, before, gradient, after, memory_before, memory_after, frozen, decay }
  parameter(layer, name) {
    return this.remember(`parameter ${layer} ${name}`, () => this.readParameter(this.layers[layer], name));
  }

  readParameter(layer, name) {
    const told = layer.parameters.find((parameter) => parameter.name === name);
    const known = (entry, formula) =>
      entry.formula
        ? corrected(formula(), entry.difference && this.read(entry.difference))
        : this.read(entry.array).data;
    const before = this.read(told.before).data;
    const gradient = known(told.gradient, () => {
      const { x, dy } = this.batch(layer.number);
      return denseGradient(x, dy, before.constructor);
    });
    const memory = mapValues(told.memory, (place) => this.read(place).data);
    const { optimizer } = this.facts;
    const update = () =>
      UPDATES[optimizer.rule](optimizer, told.decay, arithmeticOf(before), before, gradient, memory);
    // The pictures do without these two: they are worked out when a weight is clicked.
    const later = () =>
      this.remember(`after ${layer.number} ${name}`, () => {
        const formula = told.after.formula ? update() : {};
        return {
          after: known(told.after, () => formula.after),
          memory: mapValues(told.memory_after, (entry, key) => known(entry, () => formula[key])),
        };
      });
    return {
      shape: told.shape,
      frozen: told.frozen,
      decay: told.decay,
      before,
      gradient,
      memory_before: memory,
      get after() {
        return later().after;
      },
      get memory_after() {
        return later().memory;
      },
    };
  }

  // How many images of the batch have each unit of a ReLU on.
  on(layer) {
    return this.remember(`on ${layer}`, () => this.read(this.layers[layer].on));
  }

  // { name: { shape, data } } before the step, as network.js takes them.
  params(layer) {
    return Object.fromEntries(
      this.layers[layer].parameters.map(({ name, shape }) => [
        name,
        { shape, data: this.parameter(layer, name).before },
      ]),
    );
  }

  remember(key, make) {
    if (!this.known.has(key)) this.known.set(key, make());
    return this.known.get(key);
  }
}

const mapValues = (object, value) =>
  Object.fromEntries(Object.entries(object).map(([key, entry]) => [key, value(entry, key)]));
const roundedTo = (dtype) => (dtype === "float32" ? Math.fround : (value) => value);

// ---------------------------------------------------------------------- Another epoch of a run

// The forward pass of the image with the parameters of another epoch, without dropout. What the page
// does not run by itself, a Dense layer's y, is in the file.
class EpochMoment {
  constructor(step, epoch) {
    this.step = step;
    this.epoch = epoch;
    this.ys = [];
    this.parameters = [];
    let x = { shape: [1, ...step.x.shape], data: Float64Array.from(step.x.data) };
    epoch.layers.forEach((told, number) => {
      const layer = step.layers[number];
      this.parameters.push(
        Object.fromEntries(Object.entries(told.parameters ?? {}).map(([name, place]) => [name, step.read(place)])),
      );
      if (told.y) x = { shape: [1, ...layer.shape], data: step.read(told.y).data };
      else x = LAYERS[layer.kind].forward({ config: layer.config, params: this.parameters[number], mask: null }, x);
      this.ys.push({ shape: layer.shape, data: x.data });
    });
  }

  y(layer) {
    return layer < 0 ? this.step.x : this.ys[layer];
  }

  params(layer) {
    return this.parameters[layer];
  }
}
