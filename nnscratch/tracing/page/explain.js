// What a click tells: where a number comes from. Each function looks at arrays and gives cards of
// text and numbers; text.js draws them. Nothing here touches the page. This file has what the others
// share: explain_output.js, explain_gradient.js, explain_weight.js, explain_loss.js.
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

// The last layer's y goes straight into the loss, which says it all.
const playOf = (step, layer, index) => (layer < step.layers.length - 1 ? { kind: "pixel", layer, index } : null);

// "i+15", "i−1", or "i" alone
const shifted = (letter, by) => (by ? `${letter}${by < 0 ? "−" : "+"}${Math.abs(by)}` : letter);

// A negative number behind + − · stands in brackets.
const enclosed = (number) => ({ ...number, enclosed: number.value < 0 });

const link = (text, kind, layer, index, name) => ({ text, go: { kind, layer, index, ...(name ? { name } : {}) } });
const toOutput = (layer, index) => ({ kind: "output", layer, index });
const toWeight = (layer, index, name = "weight") => ({ kind: "weight", layer, name, index });

function longSum(name, terms) {
  if (terms.length <= TOP) return [];
  const top = largest(terms);
  const rest = sum(terms.map(({ product }) => product)) - sum(top.map(({ product }) => product));
  const first = top.flatMap(({ product, go }, k) => {
    const number = num(`${name}.top`, product, { go });
    return k ? [" + ", enclosed(number)] : [number];
  });
  return [{ line: ["ten largest: ", ...first, `, and ${countText(terms.length - TOP)} others: `, num(`${name}.rest`, rest)] }];
}

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
