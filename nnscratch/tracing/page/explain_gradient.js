// What a click on a gradient tells: who sends it, and each product of which it is the sum.

"use strict";

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
    if (shown.length < terms.length) rows.push([`${countText(terms.length - TOP)} others`, "", "", num("gradient.rest", rest)]);
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
              enclosed(num("gradient.slope", slope)),
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
