// What a click on a number of a layer tells: how it came about, and what the next layers make of it.

"use strict";

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

// "sum of products + bias = value", and the ten largest products of a long sum.
function sumLine(step, name, terms, bias, value) {
  const total = sum(terms.map(({ product }) => product));
  const digits = sharedDigits(value, total + (bias ?? 0));
  const line = ["sum of ", `${terms.length} products `, num(`${name}.sum`, total)];
  if (bias !== undefined) line.push(" + bias ", enclosed(num(`${name}.bias`, bias)));
  if (digits) line.push(" = ", num(`${name}.value`, value, { digits, own: true }));
  else line.push(" ≈ ", num(`${name}.value`, value, { own: true }), ", as far as float32 adds: the products cancel");
  return { line };
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
          formula: `y[${h},${w},${o}] = sum over i,j,c of x[${shifted("i", h * stride[0] - padding[0])}, ${shifted("j", w * stride[1] - padding[1])}, c] · weight[i,j,c,${o}]${bias ? ` + bias[${o}]` : ""}`,
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
    if (shown.length < terms.length) rows.push([`${countText(terms.length - TOP)} others`, "", "", num("dense.rest", rest)]);
    const biasLine = bias ? [{ line: ["The bias: ", link(`bias ${o}`, "weight", layer, [o], "bias")] }] : [];
    return {
      cards: [
        {
          title: "The number",
          formula: `y[${o}] = sum over i of x[i] · weight[i,${o}]${bias ? ` + bias[${o}]` : ""}`,
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
                enclosed(num("leaky.x", x, { go: toOutput(layer - 1, index) })),
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
