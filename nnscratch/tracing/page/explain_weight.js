// What a click on a weight tells: where its gradient comes from, and what the optimizer makes of it.

"use strict";

function explainWeight(step, layer, name, index) {
  const own = step.layers[layer];
  const parameter = step.parameter(layer, name);
  const at = offset(parameter.shape, index);
  const gradient = parameter.gradient[at];
  const made = ["Conv2D", "Dense"].includes(own.kind) && GRADIENT_TERMS[`${own.kind} ${name}`];
  const told = made
    ? explainTerms(step, own, index, gradient, made(step, own, index))
    : gradientUnknown(own, name, gradient);
  return {
    title: `${own.name} · ${name}[${index}]`,
    said: `${nameOf(step, layer)}, ${name} ${index}: ${shownNumber(parameter.before[at])}, gradient ${shownNumber(gradient)}, after the step ${shownNumber(parameter.after[at])}`,
    cards: [...told.cards, explainUpdate(step.facts.optimizer, parameter, at)],
    marks: [
      { layer, what: name, index },
      { layer, what: `${name}-gradient`, index, quiet: true },
      ...(made ? meetingMarks(step, layer, index) : []),
    ],
    play: { kind: "weight", layer, name, index },
  };
}

// The maps, or numbers, of x and dy that meet in a weight.
function meetingMarks(step, layer, index) {
  const all = step.y(layer).shape.length === 3 ? [null, null] : [];
  const dy = { layer, what: "gradient", index: [...all, index.at(-1)] };
  return index.length === 1 ? [dy] : [{ layer: layer - 1, what: "output", index: [...all, index.at(-2)] }, dy];
}

// What each product of a gradient is made of: { n, place, x, dy, product }.
const GRADIENT_TERMS = {
  "Conv2D weight"(step, { number, config }, [i, j, c, o]) {
    const { stride, padding } = convolutionOf({ config });
    const { x, dy } = step.batch(number);
    const [images, height, width, cIn] = x.shape;
    const [, hOut, wOut, cOut] = dy.shape;
    const terms = [];
    for (let n = 0; n < images; n++) {
      for (let h = 0; h < hOut; h++) {
        for (let w = 0; w < wOut; w++) {
          const [row, column] = [h * stride[0] + i - padding[0], w * stride[1] + j - padding[1]];
          const outside = row < 0 || column < 0 || row >= height || column >= width;
          const own = outside ? 0 : x.data[((n * height + row) * width + column) * cIn + c];
          const gradient = dy.data[((n * hOut + h) * wOut + w) * cOut + o];
          terms.push({ n, place: [h, w], x: own, dy: gradient, product: own * gradient });
        }
      }
    }
    return terms;
  },

  "Conv2D bias"(step, { number }, [o]) {
    const { dy } = step.batch(number);
    const [, , wOut, cOut] = dy.shape;
    const size = dy.shape[1] * wOut;
    return Array.from({ length: dy.shape[0] * size }, (_, k) => {
      const gradient = dy.data[k * cOut + o];
      return {
        n: Math.floor(k / size),
        place: [Math.floor((k % size) / wOut), k % wOut],
        x: 1,
        dy: gradient,
        product: gradient,
      };
    });
  },

  "Dense weight"(step, { number }, [i, o]) {
    const { x, dy } = step.batch(number);
    return Array.from({ length: x.shape[0] }, (_, n) => {
      const [own, gradient] = [valueAt(x, [n, i]), valueAt(dy, [n, o])];
      return { n, place: [], x: own, dy: gradient, product: own * gradient };
    });
  },

  "Dense bias"(step, { number }, [o]) {
    const { dy } = step.batch(number);
    return Array.from({ length: dy.shape[0] }, (_, n) => ({
      n,
      place: [],
      x: 1,
      dy: valueAt(dy, [n, o]),
      product: valueAt(dy, [n, o]),
    }));
  },
};

const GRADIENT_FORMULAS = {
  Conv2D(index, layer) {
    if (index.length < 4) return `dbias[${index}] = sum over n,h,w of dy[n,h,w,${index}]`;
    const { stride, padding } = convolutionOf(layer);
    const [h, w] = ["h", "w"].map((letter, axis) =>
      shifted(stride[axis] > 1 ? `${stride[axis]}·${letter}` : letter, index[axis] - padding[axis]),
    );
    return `dweight[${index}] = sum over n,h,w of x[n, ${h}, ${w}, ${index[2]}] · dy[n,h,w,${index[3]}]`;
  },
  Dense: (index) =>
    index.length === 2
      ? `dweight[${index}] = sum over n of x[n,${index[0]}] · dy[n,${index[1]}]`
      : `dbias[${index}] = sum over n of dy[n,${index}]`,
};

function explainTerms(step, layer, index, gradient, terms) {
  const total = sum(terms.map(({ product }) => product));
  const digits = sharedDigits(gradient, total);
  const top = largest(terms);
  const rest = total - sum(top.map(({ product }) => product));
  const perImage = Array.from({ length: step.facts.images }, () => 0);
  for (const { n, product } of terms) perImage[n] += product;
  const isBias = index.length === 1;
  const rows = top.map(({ n, place, x, dy, product }) => {
    const go =
      n === step.facts.image
        ? { kind: "gradient", layer: layer.number, index: place.length ? [...place, index.at(-1)] : [index.at(-1)] }
        : null;
    const at = { index: [n, ...place] };
    return [
      String(n),
      ...(place.length ? [place.join(", ")] : []),
      num("weight.top_x", x, at),
      num("weight.top_dy", dy, { ...at, go }),
      num("weight.top_product", product, at),
    ];
  });
  const hasPlace = terms[0].place.length > 0;
  if (terms.length > top.length)
    rows.push([
      `${countText(terms.length - top.length)} others`,
      ...(hasPlace ? [""] : []),
      "",
      "",
      num("weight.rest", rest),
    ]);
  else rows.push(["the rest", ...(hasPlace ? [""] : []), "", "", num("weight.rest", 0)]);
  const line = [
    "sum of ",
    num("weight.count", terms.length, { whole: true }),
    ` products, over ${hasPlace ? "all positions of " : ""}all ${step.facts.images} images: `,
    num("weight.sum", total, { digits: digits || DIGITS }),
    digits ? " = the gradient " : " (float64); the gradient, summed in float32: ",
    num("weight.gradient", gradient, { digits: digits || DIGITS, own: true }),
  ];
  const images = {
    line: [
      "by image: ",
      ...perImage.flatMap((value, n) => [n ? ", " : "", num("weight.image_sum", value, { index: [n] })]),
    ],
  };
  const cards = [
    { title: "Its gradient", formula: GRADIENT_FORMULAS[layer.kind](index, layer), blocks: [{ line }, images] },
    {
      title: top.length < terms.length ? "The ten largest products" : "The products",
      blocks: [
        {
          table: { head: ["image", ...(hasPlace ? ["place h, w"] : []), isBias ? "1" : "x", "dy", "product"], rows },
        },
      ],
    },
  ];
  if (hasPlace)
    cards.splice(1, 0, {
      title: "x, dy and their products",
      blocks: [termPictures(step, terms, step.batch(layer.number).dy.shape)],
    });
  return { cards };
}

// Maps of x, dy and the products: of the image of the page, and the products of every image.
function termPictures(step, terms, [images, height, width]) {
  const map = (n, key) => ({
    shape: [height, width, 1],
    data: Float64Array.from(terms.slice(n * height * width, (n + 1) * height * width), (term) => term[key]),
  });
  const own = step.facts.image;
  return {
    pictures: [
      { label: "x under the weight", array: map(own, "x"), range: "x" },
      { label: "dy", array: map(own, "dy"), range: "dy" },
      { label: "products", array: map(own, "product"), range: "product" },
      ...Array.from({ length: images }, (_, n) => ({
        label: n === own ? `image ${n}, this one` : `image ${n}`,
        array: map(n, "product"),
        range: "product",
        small: true,
      })),
    ],
  };
}

function gradientUnknown(layer, name, gradient) {
  return {
    cards: [
      {
        title: "Its gradient",
        blocks: [
          { line: [`d${name} = `, num("weight.gradient", gradient)] },
          { note: `${layer.name} is a class of your own: how it makes this gradient, its own backward says.` },
        ],
      },
    ],
  };
}

function explainUpdate(optimizer, parameter, at) {
  const { before, gradient, after, frozen, decay } = parameter;
  const remembered = (when, key) => parameter[when][key]?.[at];
  const blocks = [];
  const value = (name, number, more) => num(`update.${name}`, number, more);
  if (frozen) blocks.push({ note: "The layer is frozen, or not one of the optimizer's: it is left alone." });
  else if (optimizer.rule === "SGD" && parameter.memory_before.v)
    blocks.push(...sgdLines(optimizer, parameter, at, remembered, value));
  else if (optimizer.rule === "Adam" && parameter.memory_before.v)
    blocks.push(...adamLines(optimizer, parameter, at, remembered, value));
  else blocks.push({ note: `${optimizer.text}: its own step says how.` });
  blocks.push({
    line: [
      "old value ",
      num("weight.before", before[at]),
      " → new value ",
      num("weight.after", after[at]),
      ", a step of ",
      num("weight.step", after[at] - before[at]),
    ],
    strong: true,
  });
  return {
    title: "The optimizer's step",
    formula: UPDATE_FORMULAS[frozen ? "" : optimizer.rule]?.(optimizer, decay) ?? "",
    blocks,
  };
}

const UPDATE_FORMULAS = {
  SGD: ({ momentum, nesterov }, decay) =>
    [
      `g = dw${decay ? " + weight_decay · w" : ""}`,
      ...(momentum ? ["v ← momentum · v + g"] : []),
      `w ← w − lr · ${!momentum ? "g" : nesterov ? "(g + momentum · v)" : "v"}`,
    ].join("\n"),
  Adam: (optimizer, decay) =>
    [
      "m ← β1 · m + (1 − β1) · dw",
      "v ← β2 · v + (1 − β2) · dw²",
      ...(decay ? ["w ← w − lr · weight_decay · w"] : []),
      "w ← w − lr · (m / (1 − β1^t)) / (√(v / (1 − β2^t)) + ε)",
    ].join("\n"),
};

function sgdLines(optimizer, parameter, at, remembered, value) {
  const { before, gradient, decay } = parameter;
  const g = gradient[at] + decay * before[at];
  const first = decay
    ? [
        "g = ",
        value("gradient", gradient[at]),
        " + ",
        value("weight_decay", decay),
        " · ",
        enclosed(value("old", before[at])),
        " = ",
        value("g", g),
      ]
    : ["g = the gradient = ", value("g", g)];
  const lines = [{ line: first }];
  const lr = value("lr", optimizer.lr);
  if (!optimizer.momentum) return [...lines, { line: ["w ← w − ", lr, " · g"] }];
  const old = remembered("memory_before", "v");
  lines.push({
    line: [
      "v ← ",
      value("momentum", optimizer.momentum),
      " · ",
      enclosed(value("velocity_before", old)),
      " + g = ",
      value("velocity_after", remembered("memory_after", "v")),
    ],
  });
  lines.push({ line: optimizer.nesterov ? ["w ← w − ", lr, " · (g + momentum · v)"] : ["w ← w − ", lr, " · v"] });
  return lines;
}

function adamLines(optimizer, parameter, at, remembered, value) {
  const [beta1, beta2] = optimizer.betas;
  return [
    {
      line: [
        "m ← ",
        value("beta1", beta1),
        " · ",
        enclosed(value("m_before", remembered("memory_before", "m"))),
        " + (1 − β1) · ",
        enclosed(value("gradient", parameter.gradient[at])),
        " = ",
        value("m_after", remembered("memory_after", "m")),
      ],
    },
    {
      line: [
        "v ← ",
        value("beta2", beta2),
        " · ",
        value("v_before", remembered("memory_before", "v")),
        " + (1 − β2) · dw² = ",
        value("v_after", remembered("memory_after", "v")),
      ],
    },
    {
      line: [
        "step t = ",
        value("steps", optimizer.steps, { whole: true }),
        ", lr = ",
        value("lr", optimizer.lr),
        ", ε = ",
        value("epsilon", optimizer.epsilon),
        ...(parameter.decay ? [", weight_decay = ", value("weight_decay", parameter.decay)] : []),
      ],
    },
  ];
}
