// What a click on a weight tells: where its gradient comes from, and what the optimizer makes of it;
// and what a click on the loss tells.

"use strict";

const WHAT_REMEMBERED = { v: "velocity", m: "mean" };

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
  Conv2D: (index) =>
    index.length === 4
      ? `dweight[${index}] = sum over n,h,w of x[n, h·s+${index[0]}−p, w·s+${index[1]}−p, ${index[2]}] · dy[n,h,w,${index[3]}]`
      : `dbias[${index}] = sum over n,h,w of dy[n,h,w,${index}]`,
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
      `${(terms.length - top.length).toLocaleString("en")} others`,
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
    { title: "Its gradient", formula: GRADIENT_FORMULAS[layer.kind](index), blocks: [{ line }, images] },
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

// ------------------------------------------------------------------------------------ The step

function explainUpdate(optimizer, parameter, at) {
  const { before, gradient, after, frozen, decay } = parameter;
  const remembered = (when, key) => parameter[when][key]?.[at];
  const blocks = [];
  const value = (name, number, more) => num(`update.${name}`, number, more);
  if (frozen) blocks.push({ note: "The layer is frozen: the optimizer leaves it alone." });
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
        value("old", before[at]),
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
      value("velocity_before", old),
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
        value("m_before", remembered("memory_before", "m")),
        " + (1 − β1) · ",
        value("gradient", parameter.gradient[at]),
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

// ------------------------------------------------------------------------------------ The loss

// One number of the prediction: its error, and its gradient.
function explainLoss(step, index) {
  const { loss, image } = step.facts;
  const prediction = valueAt(step.rowOf(step.prediction), index);
  const gradient = valueAt(step.rowOf(step.dprediction), index);
  const told = (LOSS_CARDS[loss.kind] ?? lossOfOther)(step, index, prediction, gradient);
  const last = step.layers.length - 1;
  const other = [index[0] % 2 ? index[0] - 1 : index[0] + 1];
  const links = {
    line: [
      "The prediction: ",
      link(`y of ${step.layers[last].name}`, "output", last, index),
      ...(step.facts.points
        ? [", and of this point: ", link(other[0] % 2 ? "its y" : "its x", "loss", last, other)]
        : []),
    ],
  };
  return {
    title: `Loss · ${outputName(step, index)}`,
    said: `${outputName(step, index)} of image ${image}: prediction ${shownNumber(prediction)}, gradient ${shownNumber(gradient)}${told.masked ? ", no label: exactly 0" : ""}`,
    cards: [
      ...told.cards,
      {
        title: "The loss of the batch",
        blocks: [
          { line: [`${loss.text} = `, loss.value === null ? "not finite" : num("loss.value", loss.value)] },
          links,
        ],
      },
    ],
    marks: [
      { layer: last, what: "output", index },
      { layer: "loss", what: "gradient", index },
    ],
    play: null,
  };
}

function outputName(step, index) {
  const { points } = step.facts;
  if (!points) return `output ${index}`;
  const point = Math.floor(index[0] / 2);
  return `${index[0] % 2 ? "y" : "x"} of ${points.names[point] ?? `point ${point}`}`;
}

const LOSS_CARDS = {
  MSELoss(step, index, prediction, gradient) {
    const target = valueAt(step.rowOf(step.target), index);
    const labels = step.target.data.reduce((count, value) => count + (Number.isNaN(value) ? 0 : 1), 0);
    const counted = {
      line: ["M = ", num("loss.labels", labels, { whole: true }), ` labels of ${step.target.data.length} are there`],
    };
    if (Number.isNaN(target)) {
      return {
        masked: true,
        cards: [
          {
            title: "No label: it is masked",
            masked: true,
            blocks: [
              { line: ["prediction ", num("loss.prediction", prediction), ", nothing to compare it with"] },
              {
                line: ["gradient = ", num("loss.gradient", gradient), ", exactly: it stands in no term of the loss"],
              },
              counted,
            ],
          },
        ],
      };
    }
    const error = prediction - target;
    const slope = (2 / labels) * error;
    const digits = sharedDigits(gradient, slope) || DIGITS;
    return {
      cards: [
        {
          title: "Its error",
          formula: `L = 1/M · sum of (prediction − target)²\ndL/dprediction[${index}] = 2/M · (prediction − target)`,
          blocks: [
            {
              line: [
                "error = ",
                num("loss.prediction", prediction),
                " − ",
                num("loss.target", target),
                " = ",
                num("loss.error", error),
                ", squared ",
                num("loss.square", error * error),
              ],
            },
            counted,
            {
              line: [
                `gradient = 2/${labels} · `,
                shownNumber(error),
                " = ",
                num("loss.gradient", gradient, { digits }),
              ],
            },
            ...distanceLine(step, index),
          ],
        },
      ],
    };
  },

  SoftmaxCrossEntropy(step, index, prediction, gradient) {
    const row = step.rowOf(step.prediction).data;
    const highest = row.reduce((a, b) => Math.max(a, b));
    const probability = Math.exp(prediction - highest) / sum(Array.from(row, (value) => Math.exp(value - highest)));
    const { target } = step;
    const wanted =
      target.shape.length === 1
        ? Number(target.data[step.facts.image] === index[0])
        : valueAt(step.rowOf(target), index);
    const masked = target.shape.length === 1 ? !(target.data[step.facts.image] >= 0) : Number.isNaN(wanted);
    if (masked)
      return {
        masked: true,
        cards: [
          {
            title: "No label: it is masked",
            masked: true,
            blocks: [
              {
                line: [
                  "prediction ",
                  num("loss.prediction", prediction),
                  ", gradient = ",
                  num("loss.gradient", gradient),
                  ", exactly",
                ],
              },
            ],
          },
        ],
      };
    return {
      cards: [
        {
          title: "Its probability",
          formula: "p = exp(prediction) / sum of exp\ndL/dprediction = 1/M · (p − target)",
          blocks: [
            {
              line: [
                "prediction ",
                num("loss.prediction", prediction),
                ", p = ",
                num("loss.probability", probability, { digits: 4 }),
                ", target ",
                num("loss.target", wanted),
              ],
            },
            { line: ["gradient = ", num("loss.gradient", gradient)] },
          ],
        },
      ],
    };
  },
};

function lossOfOther(step, index, prediction, gradient) {
  const target =
    step.target.shape.length === step.prediction.shape.length
      ? valueAt(step.rowOf(step.target), index)
      : step.target.data[step.facts.image];
  return {
    cards: [
      {
        title: step.facts.loss.text,
        blocks: [
          {
            line: [
              "prediction ",
              num("loss.prediction", prediction),
              ", target ",
              num("loss.target", target),
              ", gradient ",
              num("loss.gradient", gradient),
            ],
          },
        ],
      },
    ],
  };
}

// How far the point lies from its label, in pixels.
function distanceLine(step, [o]) {
  const { points } = step.facts;
  if (!points) return [];
  const first = o - (o % 2);
  const [prediction, target] = [step.rowOf(step.prediction).data, step.rowOf(step.target).data];
  const distance =
    points.scale * Math.hypot(prediction[first] - target[first], prediction[first + 1] - target[first + 1]);
  return Number.isNaN(distance)
    ? []
    : [{ line: ["the point is ", num("loss.distance", Math.abs(distance)), " pixels off"] }];
}

function explainFinding(step, finding) {
  return {
    title: `${finding.code.replaceAll("_", " ")}${finding.layer === null ? "" : ` · layer ${finding.layer}`}`,
    said: `${finding.code.replaceAll("_", " ")}: ${finding.message}`,
    cards: [
      { title: "What was found", blocks: [{ note: finding.message }] },
      { title: "What to do", blocks: [{ note: finding.remedy }] },
    ],
    marks: [],
    play: null,
  };
}
