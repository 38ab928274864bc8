// What a click on the loss tells: a prediction, its target, its error, its gradient.

"use strict";

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
                enclosed(num("loss.target", target)),
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
                error < 0 ? `(${shownNumber(error)})` : shownNumber(error),
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
