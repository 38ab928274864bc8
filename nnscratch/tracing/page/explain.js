// What a click tells: where a number comes from. Each function looks at arrays and gives cards of
// text and numbers; view.js draws them. Nothing here touches the page.
//
//     { title, said, cards: [{ title, blocks }], marks, play }
//
// said  : the whole in a sentence, for who listens
// block : { line: [text or number, ...] }, { note: text }, { grids: [...] }, { table: ... },
//         { pictures: [...] }
// marks : places in the pictures that belong together, [{ layer, what, index, size }]
// play  : what a slider may change, { kind, layer, name, index }

"use strict";

const TOP = 10; // products of a long sum that are shown one by one

const offset = (shape, index) => index.reduce((at, i, axis) => at * shape[axis] + i, 0);
const valueAt = ({ shape, data }, index) => data[offset(shape, index)];
const sum = (values) => values.reduce((total, value) => total + value, 0);

// The terms with the TOP largest products, by size.
function largest(terms) {
  let top = [];
  for (const term of terms) {
    if (top.length === TOP && Math.abs(term.product) <= Math.abs(top[TOP - 1].product)) continue;
    const place = top.findIndex(({ product }) => Math.abs(product) < Math.abs(term.product));
    top.splice(place < 0 ? top.length : place, 0, term);
    top = top.slice(0, TOP);
  }
  return top;
}

const placeOf = (index) =>
  index.length === 3 ? `row ${index[0]}, column ${index[1]}${`, map ${index[2]}`}` : `number ${index.join(", ")}`;
const nameOf = (step, layer) => (layer < 0 ? "the input" : `layer ${layer}, ${step.layers[layer].name}`);

// ----------------------------------------------------------------------------------- Outputs

// How this number of y came about. `moment` has y and params: those of the step, or of another epoch.
function explainOutput(step, moment, layer, index) {
  const value = valueAt(moment.y(layer), index);
  const kind = layer < 0 ? "input" : step.layers[layer].kind;
  const told = (OUTPUTS[kind] ?? outputOfOther)(step, moment, layer, index, value);
  const onward = layer < 0 ? [] : whatBecomesOfIt(step, moment, layer, index);
  const links = [
    { line: ["Where its gradient comes from: ", link("dL/dy of this number", "gradient", layer, index)] },
  ];
  return {
    title: `${layer < 0 ? "Input" : step.layers[layer].name} · ${placeOf(index)}`,
    said: `${nameOf(step, layer)}, ${placeOf(index)}: ${shownNumber(value)}`,
    ...told,
    cards: [...told.cards, ...onward, ...(moment === step ? [{ title: "Backward", blocks: links }] : [])],
    marks: [{ layer, what: "output", index }, ...(told.marks ?? [])],
    play: playOf(step, layer, index),
  };
}

// The last layer's y goes straight into the loss, which says it all.
const playOf = (step, layer, index) => (layer < step.layers.length - 1 ? { kind: "pixel", layer, index } : null);
const link = (text, kind, layer, index, name) => ({ text, go: { kind, layer, index, ...(name ? { name } : {}) } });
const toOutput = (layer, index) => ({ kind: "output", layer, index });
const toWeight = (layer, index, name = "weight") => ({ kind: "weight", layer, name, index });

// "sum of products + bias = value", and the ten largest products of a long sum.
function sumLine(step, name, terms, bias, value) {
  const total = sum(terms.map(({ product }) => product));
  const digits = sharedDigits(value, total + (bias ?? 0));
  const line = ["sum of ", `${terms.length} products `, num(`${name}.sum`, total)];
  if (bias !== undefined) line.push(" + bias ", num(`${name}.bias`, bias));
  if (digits) line.push(" = ", num(`${name}.value`, value, { digits, own: true }));
  else line.push(" ≈ ", num(`${name}.value`, value, { own: true }), ", as far as float32 adds: the products cancel");
  return { line };
}

function longSum(name, terms) {
  if (terms.length <= TOP) return [];
  const top = largest(terms);
  const rest = sum(terms.map(({ product }) => product)) - sum(top.map(({ product }) => product));
  const first = top.flatMap(({ product, go }, k) => [k ? " + " : "", num(`${name}.top`, product, { go })]);
  return [{ line: ["ten largest: ", ...first, ` + ${terms.length - TOP} others: `, num(`${name}.rest`, rest)] }];
}

const OUTPUTS = {
  input: (step, moment, layer, index, value) => ({
    cards: [
      {
        title: "A number of the picture",
        blocks: [{ line: ["x = ", num("input.value", value), num("output.value", value, { hidden: true })] }],
      },
    ],
  }),

  Conv2D(step, moment, layer, [h, w, o], value) {
    const { kernel, stride, padding } = convolutionOf(step.layers[layer]);
    const x = moment.y(layer - 1);
    const { weight, bias } = moment.params(layer);
    if (!weight) return outputOfOther(step, moment, layer, [h, w, o], value);
    const terms = [];
    const grids = [];
    for (let c = 0; c < x.shape[2]; c++) {
      const cells = { patch: [], kernel: [], product: [] };
      for (let i = 0; i < kernel[0]; i++) {
        for (let j = 0; j < kernel[1]; j++) {
          const at = [h * stride[0] + i - padding[0], w * stride[1] + j - padding[1], c];
          const outside = at[0] < 0 || at[1] < 0 || at[0] >= x.shape[0] || at[1] >= x.shape[1];
          const own = outside ? 0 : valueAt(x, at);
          const factor = valueAt(weight, [i, j, c, o]);
          const place = { index: [i, j, c] };
          const product = own * factor;
          terms.push({ product, go: toWeight(layer, [i, j, c, o]) });
          cells.patch.push(
            num("conv.patch", own, { ...place, outside, go: outside ? null : toOutput(layer - 1, at) }),
          );
          cells.kernel.push(num("conv.kernel", factor, { ...place, go: toWeight(layer, [i, j, c, o]) }));
          cells.product.push(num("conv.product", product, place));
        }
      }
      const ofChannel = sum(cells.product.map((cell) => cell.value));
      grids.push({
        title: x.shape[2] > 1 ? `map ${c}` : "",
        columns: kernel[1],
        total: num("conv.channel_sum", ofChannel, { index: [c] }),
        parts: [
          ["patch of x", cells.patch],
          ["weight", cells.kernel],
          ["products", cells.product],
        ],
      });
    }
    const b = bias ? valueAt(bias, [o]) : undefined;
    const biasLine =
      bias && moment === step ? [{ line: ["The bias: ", link(`bias ${o}`, "weight", layer, [o], "bias")] }] : [];
    return {
      cards: [
        {
          title: "The number",
          formula: `y[${h},${w},${o}] = sum over i,j,c of x[${around(h, stride[0], padding[0])}+i, ${around(w, stride[1], padding[1])}+j, c] · weight[i,j,c,${o}] + bias[${o}]`,
          blocks: [sumLine(step, "conv", terms, b, value), output(value), ...longSum("conv", terms), ...biasLine],
        },
        { title: "Patch times kernel", wide: true, blocks: [{ grids, operation: "×" }] },
      ],
      marks: [
        {
          layer: layer - 1,
          what: "output",
          index: [h * stride[0] - padding[0], w * stride[1] - padding[1], null],
          size: kernel,
        },
        { layer, what: "weight", index: [null, null, null, o], size: kernel },
      ],
    };
  },

  Dense(step, moment, layer, [o], value) {
    const { weight, bias } = moment.params(layer);
    if (!weight) return outputOfOther(step, moment, layer, [o], value);
    const x = moment.y(layer - 1);
    const terms = Array.from(x.data, (own, i) => {
      const factor = weight.data[i * weight.shape[1] + o];
      return { i, own, factor, product: own * factor, go: toWeight(layer, [i, o]) };
    });
    const shown = terms.length > TOP ? largest(terms) : terms;
    const rows = shown.map(({ i, own, factor, product }) => [
      String(i),
      num("dense.x", own, { index: [i], go: toOutput(layer - 1, [i]) }),
      num("dense.weight", factor, { index: [i], go: toWeight(layer, [i, o]) }),
      num("dense.product", product, { index: [i] }),
    ]);
    const rest = sum(terms.map((t) => t.product)) - sum(shown.map((t) => t.product));
    if (shown.length < terms.length) rows.push([`${terms.length - TOP} others`, "", "", num("dense.rest", rest)]);
    const biasLine = bias ? [{ line: ["The bias: ", link(`bias ${o}`, "weight", layer, [o], "bias")] }] : [];
    return {
      cards: [
        {
          title: "The number",
          formula: `y[${o}] = sum over i of x[i] · weight[i,${o}] + bias[${o}]`,
          blocks: [sumLine(step, "dense", terms, bias?.data[o], value), output(value), ...biasLine],
        },
        {
          title: shown.length < terms.length ? "The ten largest products" : "The products",
          blocks: [{ table: { head: ["i", "x[i]", `weight[i,${o}]`, "product"], rows } }],
        },
      ],
      marks: [{ layer, what: "weight", index: [null, o] }],
    };
  },

  ReLU(step, moment, layer, index, value) {
    const x = valueAt(moment.y(layer - 1), index);
    const blocks = [
      {
        line: [
          "y = max(x, 0) = max(",
          num("relu.x", x, { go: toOutput(layer - 1, index) }),
          ", 0) = ",
          num("relu.value", value),
        ],
      },
      output(value),
    ];
    if (moment === step) blocks.push(...shareOff(step, layer, index));
    return { cards: [{ title: x > 0 ? "On: it passes x" : "Off: it passes nothing", blocks }] };
  },

  LeakyReLU(step, moment, layer, index, value) {
    const x = valueAt(moment.y(layer - 1), index);
    const slope = leakySlope(step.layers[layer], x);
    return {
      cards: [
        {
          title: x > 0 ? "Passes x" : "Passes a little of x",
          blocks: [
            {
              line: [
                "y = slope · x = ",
                num("leaky.slope", slope),
                " · ",
                num("leaky.x", x, { go: toOutput(layer - 1, index) }),
                " = ",
                num("leaky.value", value),
              ],
            },
            output(value),
            ...(moment === step ? shareOff(step, layer, index) : []),
          ],
        },
      ],
    };
  },

  Sigmoid: (...all) => squeezed("sigmoid", "1 / (1 + exp(−x))", ...all),
  Tanh: (...all) => squeezed("tanh", "tanh(x)", ...all),

  MaxPool2D(step, moment, layer, [h, w, c], value) {
    const window = poolWindow(step, moment, layer, [h, w, c]);
    return {
      cards: [
        {
          title: "The largest of the window",
          blocks: [
            { line: ["y = ", num("pool.value", value)] },
            output(value),
            window.block("pool.window", (place) => [place.i, place.j]),
          ],
        },
      ],
      marks: [window.mark],
    };
  },

  AveragePool2D(step, moment, layer, [h, w, c], value) {
    const window = poolWindow(step, moment, layer, [h, w, c], false);
    const total = sum(window.places.map((place) => place.value));
    const digits = sharedDigits(value, total / window.places.length) || DIGITS;
    return {
      cards: [
        {
          title: "The mean of the window",
          blocks: [
            {
              line: [
                "y = ",
                num("average.sum", total),
                ` / ${window.places.length} = `,
                num("average.value", value, { digits }),
              ],
            },
            output(value),
            window.block("average.window", (place) => [place.i, place.j]),
          ],
        },
      ],
      marks: [window.mark],
    };
  },

  Dropout(step, moment, layer, index, value) {
    const x = valueAt(moment.y(layer - 1), index);
    const own = step.layers[layer];
    if (moment !== step)
      return {
        cards: [
          {
            title: "Outside of training, dropout does nothing",
            blocks: [{ line: ["y = x = ", num("dropout.value", value)] }, output(value)],
          },
        ],
      };
    const mask = valueAt(own.mask, index);
    return {
      cards: [
        {
          title: mask ? "Kept in this step" : "Dropped in this step",
          blocks: [
            {
              line: [
                "y = x · mask = ",
                num("dropout.x", x, { go: toOutput(layer - 1, index) }),
                " · ",
                num("dropout.mask", mask),
                " = ",
                num("dropout.value", value),
              ],
            },
            output(value),
            {
              line: [
                "The mask is 0 with probability p = ",
                num("dropout.p", own.config.p),
                ", otherwise 1/(1 − p) = ",
                num("dropout.factor", own.factor),
                ": so the mean stays x.",
              ],
            },
          ],
        },
      ],
    };
  },

  Flatten(step, moment, layer, index, value) {
    const shape = step.layers[layer - 1]?.shape ?? step.x.shape;
    const from = unravel(index[0], shape);
    return {
      cards: [
        {
          title: "The same number, as one row",
          blocks: [
            { line: [`y[${index}] = x[${from}] = `, num("flatten.value", value, { go: toOutput(layer - 1, from) })] },
            output(value),
          ],
        },
      ],
      marks: [{ layer: layer - 1, what: "output", index: from }],
    };
  },
};

const output = (value) => ({ line: [num("output.value", value, { hidden: true })] });
const around = (at, stride, padding) => String(at * stride - padding);
const convolutionOf = ({ config }) => ({
  kernel: pair(config.kernel_size),
  stride: pair(config.stride),
  padding: pair(config.padding),
});

function unravel(at, shape) {
  const index = [];
  for (const length of [...shape].reverse()) {
    index.unshift(at % length);
    at = Math.floor(at / length);
  }
  return index;
}

function outputOfOther(step, moment, layer, index, value) {
  const {
    name,
    formulas: [formula],
  } = step.layers[layer];
  return {
    cards: [
      { title: `${name}: y = ${formula}`, blocks: [{ line: ["y = ", num("other.value", value)] }, output(value)] },
    ],
  };
}

function squeezed(name, formula, step, moment, layer, index, value) {
  const x = valueAt(moment.y(layer - 1), index);
  return {
    cards: [
      {
        title: `y = ${formula}`,
        blocks: [
          {
            line: [
              "x = ",
              num(`${name}.x`, x, { go: toOutput(layer - 1, index) }),
              ", y = ",
              num(`${name}.value`, value),
            ],
          },
          output(value),
        ],
      },
    ],
  };
}

// "Off for 93 % of the images": at this place, and in a map at all of its places.
function shareOff(step, layer, index) {
  const on = step.on(layer);
  const images = step.facts.images;
  const off = images - valueAt(on, index);
  const blocks = [
    {
      line: [
        "Off for ",
        num("relu.off_images", off),
        ` of the ${images} images of the batch (`,
        num("relu.off_share", (100 * off) / images, { digits: 3 }),
        " %)",
      ],
    },
  ];
  if (index.length === 3) {
    const channels = on.shape[2];
    const places = on.data.length / channels;
    let count = 0;
    for (let k = index[2]; k < on.data.length; k += channels) count += on.data[k];
    blocks.push({
      line: [
        `Map ${index[2]}: off for `,
        num("relu.unit_off_share", 100 * (1 - count / (places * images)), { digits: 3 }),
        " % of all places of all images",
      ],
    });
  }
  return blocks;
}

// The window (h, w) of a pooling layer over what comes into it.
function poolWindow(step, moment, layer, [h, w, c], hasWinner = true) {
  const x = moment.y(layer - 1);
  const { size, stride } = poolOf(step.layers[layer]);
  const at = poolPlaces(step.layers[layer], x, h, w, c);
  const winner = hasWinner ? winnerOf(x, at) : -1;
  const places = at.map((k, place) => ({ k, i: Math.floor(place / size[1]), j: place % size[1], value: x.data[k] }));
  const cells = (name, index) =>
    places.map((place) =>
      num(name, place.value, {
        index: index(place),
        winner: place.k === winner,
        go: toOutput(layer - 1, [h * stride[0] + place.i, w * stride[1] + place.j, c]),
      }),
    );
  return {
    places,
    winner,
    block: (name, index) => ({ grids: [{ columns: size[1], parts: [["window", cells(name, index)]] }] }),
    mark: { layer: layer - 1, what: "output", index: [h * stride[0], w * stride[1], c], size },
  };
}

// The windows of a pooling layer that contain the number at (row, column) of x, and those of a
// convolution: [{ h, w, i, j }], the place in the window being (i, j).
function windowsOver([row, column], size, stride, padding, [hOut, wOut]) {
  const along = (at, k, s, p, out) => {
    const found = [];
    for (let i = 0; i < k; i++) {
      const position = (at + p - i) / s;
      if (Number.isInteger(position) && position >= 0 && position < out) found.unshift({ position, i });
    }
    return found;
  };
  const rows = along(row, size[0], stride[0], padding[0], hOut);
  const columns = along(column, size[1], stride[1], padding[1], wOut);
  return {
    rows,
    columns,
    all: rows.flatMap(({ position: h, i }) => columns.map(({ position: w, i: j }) => ({ h, w, i, j }))),
  };
}

// ReLU and the pooling window that it wins or loses: what the next layers make of a number.
function whatBecomesOfIt(step, moment, layer, index) {
  const cards = [];
  for (let next = layer + 1; next < step.layers.length; next++) {
    const { kind } = step.layers[next];
    if (kind === "ReLU") {
      const [x, value] = [valueAt(moment.y(next - 1), index), valueAt(moment.y(next), index)];
      if (step.layers[layer].kind === "ReLU") continue;
      cards.push({
        title: value > 0 ? "Then ReLU: on" : "Then ReLU: off",
        blocks: [
          { line: ["max(", num("relu.x", x), ", 0) = ", num("relu.value", value, { go: toOutput(next, index) })] },
        ],
      });
    } else if (kind === "MaxPool2D") {
      return [...cards, ...(step.layers[layer].kind === "MaxPool2D" ? [] : [poolCard(step, moment, next, index)])];
    } else break;
  }
  return cards;
}

function poolCard(step, moment, layer, index) {
  const { size, stride } = poolOf(step.layers[layer]);
  const { shape } = step.layers[layer];
  const own = offset(moment.y(layer - 1).shape, index);
  const blocks = windowsOver(index, size, stride, [0, 0], shape).all.map(({ h, w }) => {
    const window = poolWindow(step, moment, layer, [h, w, index[2]]);
    const wins = window.winner === own;
    const value = moment.y(layer - 1).data[window.winner];
    return {
      wins,
      window: [h, w],
      line: [
        `Window ${h}, ${w}: `,
        wins ? "it wins, " : "it loses to ",
        num("pool.value", value, { index: [h, w], go: toOutput(layer, [h, w, index[2]]) }),
        wins ? " goes on" : "",
      ],
      below: window.block("pool.window", ({ i, j }) => [h, w, i, j]),
    };
  });
  if (!blocks.length) blocks.push({ note: "No window contains it: one that would stick out is dropped." });
  return { title: "Then pooling", blocks };
}

// --------------------------------------------------------------------------------- Gradients

// Who sends gradient to this number of y: the layer after it.
function explainGradient(step, layer, index) {
  const value = valueAt(step.dy(layer), index);
  const next = layer + 1;
  const last = next === step.layers.length;
  if (last) {
    const told = explainLoss(step, index);
    told.cards[0].blocks.push({ line: [num("gradient.value", value, { hidden: true })] });
    return told;
  }
  const { kind, name } = step.layers[next];
  const told = (GRADIENTS[kind] ?? gradientOfOther)(step, next, index, value);
  return {
    title: `Gradient of ${layer < 0 ? "input" : step.layers[layer].name} · ${placeOf(index)}`,
    said: `gradient of ${nameOf(step, layer)}, ${placeOf(index)}: ${shownNumber(value)}, from ${nameOf(step, next)}`,
    ...told,
    cards: [
      {
        title: `dL/dy = ${shownNumber(value)}`,
        blocks: [
          {
            line: [
              "dL/dy = ",
              num("gradient.value", value, { digits: told.digits || DIGITS }),
              `. If this number rises by a little, the loss rises by that many times as much. ${name} sends it back: dx = ${step.layers[next].formulas[1]}.`,
            ],
          },
          {
            line: [
              "The number itself: ",
              link(`y of ${layer < 0 ? "the input" : step.layers[layer].name}`, "output", layer, index),
            ],
          },
        ],
      },
      ...told.cards,
    ],
    marks: [{ layer, what: "gradient", index }, ...(told.marks ?? [])],
    play: playOf(step, layer, index),
  };
}

function gradientSum(terms, value) {
  const total = sum(terms.map(({ product }) => product));
  const digits = sharedDigits(value, total);
  const line = [`sum of ${terms.length} products = `, num("gradient.sum", total, { digits: digits || DIGITS })];
  if (!digits) line.push(" in float64; they cancel, and float32 keeps ", shownNumber(value));
  return { digits, block: { line } };
}

const GRADIENTS = {
  Conv2D(step, layer, [row, column, c], value) {
    const { kernel, stride, padding } = convolutionOf(step.layers[layer]);
    const dy = step.dy(layer);
    const { weight } = step.params(layer);
    const windows = windowsOver([row, column], kernel, stride, padding, dy.shape);
    const terms = [];
    const grids = [];
    for (let o = 0; o < dy.shape[2] && windows.all.length; o++) {
      const cells = { dy: [], weight: [], product: [] };
      for (const { h, w, i, j } of windows.all) {
        const [own, factor] = [valueAt(dy, [h, w, o]), valueAt(weight, [i, j, c, o])];
        const place = { index: [h, w, o] };
        terms.push({ product: own * factor, go: { kind: "gradient", layer, index: [h, w, o] } });
        cells.dy.push(num("gradient.dy", own, { ...place, go: { kind: "gradient", layer, index: [h, w, o] } }));
        cells.weight.push(num("gradient.weight", factor, { ...place, go: toWeight(layer, [i, j, c, o]) }));
        cells.product.push(num("gradient.product", own * factor, place));
      }
      grids.push({
        title: `map ${o}`,
        columns: windows.columns.length,
        total: num("gradient.map_sum", sum(cells.product.map((cell) => cell.value)), { index: [o] }),
        parts: [
          ["dy of the windows", cells.dy],
          ["weight it had there", cells.weight],
          ["products", cells.product],
        ],
      });
    }
    const { digits, block } = gradientSum(terms, value);
    const [first] = windows.all;
    const marks = first
      ? [
          {
            layer,
            what: "gradient",
            index: [first.h, first.w, null],
            size: [windows.rows.at(-1).position - first.h + 1, windows.columns.at(-1).position - first.w + 1],
          },
        ]
      : [];
    return {
      digits,
      marks,
      cards: [
        {
          title: `${windows.all.length} windows contain it`,
          formula: `dx[${row},${column},${c}] = sum over the windows (h,w) that contain it, and o, of dy[h,w,o] · weight[i,j,${c},o]`,
          blocks: [block, ...longSum("gradient", terms)],
        },
        { title: "Each window's gradient times the weight", wide: true, blocks: [{ grids, operation: "×" }] },
      ],
    };
  },

  Dense(step, layer, index, value) {
    const [i] = index;
    const dy = step.dy(layer);
    const { weight } = step.params(layer);
    const terms = Array.from(dy.data, (own, o) => {
      const factor = weight.data[i * weight.shape[1] + o];
      return { o, own, factor, product: own * factor };
    });
    const shown = terms.length > TOP ? largest(terms) : terms;
    const rows = shown.map(({ o, own, factor, product }) => [
      String(o),
      num("gradient.dy", own, { index: [o], go: { kind: "gradient", layer, index: [o] } }),
      num("gradient.weight", factor, { index: [o], go: toWeight(layer, [i, o]) }),
      num("gradient.product", product, { index: [o] }),
    ]);
    const rest = sum(terms.map((t) => t.product)) - sum(shown.map((t) => t.product));
    if (shown.length < terms.length) rows.push([`${terms.length - TOP} others`, "", "", num("gradient.rest", rest)]);
    const { digits, block } = gradientSum(terms, value);
    return {
      digits,
      cards: [
        {
          title: "All units that read it",
          formula: `dx[${i}] = sum over o of dy[o] · weight[${i},o]`,
          blocks: [block, { table: { head: ["o", "dy[o]", `weight[${i},o]`, "product"], rows } }],
        },
      ],
      marks: [{ layer, what: "weight", index: [i, null] }],
    };
  },

  MaxPool2D(step, layer, index, value) {
    const { size, stride } = poolOf(step.layers[layer]);
    const own = offset(step.y(layer - 1).shape, index);
    const terms = windowsOver(index, size, stride, [0, 0], step.layers[layer].shape).all.map(({ h, w }) => {
      const dy = valueAt(step.dy(layer), [h, w, index[2]]);
      const share = poolWindow(step, step, layer, [h, w, index[2]]).winner === own ? 1 : 0;
      return { h, w, dy, share, product: dy * share };
    });
    return poolGradient(layer, index, terms, value, (share) => (share ? "it won" : "it lost"));
  },

  AveragePool2D(step, layer, index, value) {
    const { size, stride } = poolOf(step.layers[layer]);
    const share = 1 / (size[0] * size[1]);
    const terms = windowsOver(index, size, stride, [0, 0], step.layers[layer].shape).all.map(({ h, w }) => {
      const dy = valueAt(step.dy(layer), [h, w, index[2]]);
      return { h, w, dy, share, product: dy * share };
    });
    return poolGradient(layer, index, terms, value, () => "one of its places");
  },

  ReLU: (step, layer, index, value) =>
    oneFactor(step, layer, index, value, "slope", valueAt(step.y(layer), index) > 0 ? 1 : 0),
  LeakyReLU: (step, layer, index, value) =>
    oneFactor(step, layer, index, value, "slope", leakySlope(step.layers[layer], valueAt(step.y(layer - 1), index))),
  Sigmoid(step, layer, index, value) {
    const y = valueAt(step.y(layer), index);
    return oneFactor(step, layer, index, value, "slope y · (1 − y)", y * (1 - y));
  },
  Tanh(step, layer, index, value) {
    const y = valueAt(step.y(layer), index);
    return oneFactor(step, layer, index, value, "slope 1 − y²", 1 - y * y);
  },
  Dropout: (step, layer, index, value) =>
    oneFactor(step, layer, index, value, "mask", valueAt(step.layers[layer].mask, index)),

  Flatten(step, layer, index) {
    const at = [offset(step.y(layer - 1).shape, index)];
    const dy = valueAt(step.dy(layer), at);
    return {
      cards: [
        {
          title: "The same number, in x's shape",
          blocks: [
            {
              line: [
                `dx[${index}] = dy[${at}] = `,
                num("gradient.dy", dy, { index: at, go: { kind: "gradient", layer, index: at } }),
              ],
            },
          ],
        },
      ],
      marks: [{ layer, what: "gradient", index: at }],
    };
  },
};

function oneFactor(step, layer, index, value, what, slope) {
  const dy = valueAt(step.dy(layer), index);
  const digits = sharedDigits(value, dy * slope);
  return {
    digits,
    cards: [
      {
        title: "One way on, one product",
        blocks: [
          {
            line: [
              "dx = dy · ",
              what,
              " = ",
              num("gradient.dy", dy, { index, go: { kind: "gradient", layer, index } }),
              " · ",
              num("gradient.slope", slope),
              " = ",
              num("gradient.sum", dy * slope, { digits: digits || DIGITS }),
            ],
          },
        ],
      },
    ],
    marks: [{ layer, what: "gradient", index }],
  };
}

function poolGradient(layer, index, terms, value, why) {
  const rows = terms.map(({ h, w, dy, share, product }) => [
    `${h}, ${w}`,
    num("gradient.dy", dy, { index: [h, w], go: { kind: "gradient", layer, index: [h, w, index[2]] } }),
    num("gradient.share", share, { index: [h, w] }),
    num("gradient.product", product, { index: [h, w] }),
    why(share),
  ]);
  const { digits, block } = gradientSum(terms, value);
  const cards = [
    {
      title: "The windows that contain it",
      blocks: terms.length
        ? [block, { table: { head: ["window", "dy", "share", "product", ""], rows } }]
        : [{ note: "No window contains it: nothing comes back." }, { line: ["sum = ", num("gradient.sum", 0)] }],
    },
  ];
  return { digits, cards, marks: terms.map(({ h, w }) => ({ layer, what: "gradient", index: [h, w, index[2]] })) };
}

function gradientOfOther(step, layer) {
  return {
    cards: [
      {
        title: `${step.layers[layer].name}: dx = ${step.layers[layer].formulas[1]}`,
        blocks: [{ note: "It depends on many numbers at once; the layer's own file derives it." }],
      },
    ],
  };
}
