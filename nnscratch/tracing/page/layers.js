// What each kind of layer computes, forward and backward, once more, for the page: so that a reader
// can change a weight or a pixel and see what becomes of the loss. network.js puts them together.
//
// It is read as kernels/loops.py is: formula, shapes, then one loop for each index. All numbers are
// float64. Only the order of the loops is chosen for speed: the innermost one walks through
// neighbours in memory.
//
// An array is { shape, data }: data holds its numbers in reading order, as in NumPy, so that the
// number at [n,h,w,c] of an array of shape [N, H, W, C] is data[((n * H + h) * W + w) * C + c].
//
// Letters
//     n images or rows; h, w position in the output; i, j position in the window
//     c input channel; o output channel
//     k place in data, where each number is by itself
//     dx is dL/dx: how much the loss L rises for each 1 that x rises; dy, dweight, dbias likewise

"use strict";

const zeros = (shape) => ({ shape, data: new Float64Array(shape.reduce((size, length) => size * length, 1)) });
const float64 = ({ shape, data }) => ({ shape: [...shape], data: Float64Array.from(data) });

// ---------------------------------------------------------------------------------------- Dense

// y[n,o] = bias[o] + sum over i of x[n,i] * weight[i,o]
//
// x (N, n_in), weight (n_in, n_out), bias (n_out) or undefined -> y (N, n_out)
function denseForward(x, weight, bias) {
  const [rows, nIn] = x.shape;
  const nOut = weight.shape[1];
  const y = zeros([rows, nOut]);
  for (let n = 0; n < rows; n++) {
    for (let o = 0; bias && o < nOut; o++) y.data[n * nOut + o] = bias.data[o];
    for (let i = 0; i < nIn; i++) {
      const value = x.data[n * nIn + i];
      for (let o = 0; o < nOut; o++) y.data[n * nOut + o] += value * weight.data[i * nOut + o];
    }
  }
  return y;
}

// dx[n,i] = sum over o of dy[n,o] * weight[i,o]
// dweight[i,o] = sum over n of x[n,i] * dy[n,o],  dbias[o] = sum over n of dy[n,o]
//
// x (N, n_in), weight (n_in, n_out), dy (N, n_out) -> dx, dweight, dbias
function denseBackward(x, weight, dy) {
  const [rows, nIn] = x.shape;
  const nOut = weight.shape[1];
  const dx = zeros(x.shape);
  const dweight = zeros(weight.shape);
  const dbias = zeros([nOut]);
  for (let n = 0; n < rows; n++) {
    for (let i = 0; i < nIn; i++) {
      const value = x.data[n * nIn + i];
      let sum = 0;
      for (let o = 0; o < nOut; o++) {
        const gradient = dy.data[n * nOut + o];
        sum += gradient * weight.data[i * nOut + o];
        dweight.data[i * nOut + o] += value * gradient;
      }
      dx.data[n * nIn + i] = sum;
    }
    for (let o = 0; o < nOut; o++) dbias.data[o] += dy.data[n * nOut + o];
  }
  return { dx, dweight, dbias };
}

// -------------------------------------------------------------------------------- Windows of images

// Where the numbers under a window lie in x.data, in the order i,j,c: in row top + i, column left + j,
// channel c; -1 where the window sticks out of the image.
//
// shape (N, H, W, C) of x, image n, window (k_h, k_w); places (k_h * k_w * C), overwritten
function findPlaces([, height, width, channels], n, top, left, [kH, kW], places) {
  let k = 0;
  for (let row = top; row < top + kH; row++) {
    for (let column = left; column < left + kW; column++) {
      const inside = row >= 0 && row < height && column >= 0 && column < width;
      const first = ((n * height + row) * width + column) * channels;
      for (let c = 0; c < channels; c++) places[k++] = inside ? first + c : -1;
    }
  }
}

// Calls visit(places, first) for each position of the window: n, h, w. Its places are as above, and
// `first` is where y[n,h,w,0] lies in y.data.
function eachWindow(xShape, yShape, window, stride, padding, visit) {
  const [images, hOut, wOut, cOut] = yShape;
  const places = new Int32Array(window[0] * window[1] * xShape[3]);
  let first = 0;
  for (let n = 0; n < images; n++) {
    for (let h = 0; h < hOut; h++) {
      for (let w = 0; w < wOut; w++) {
        findPlaces(xShape, n, h * stride[0] - padding[0], w * stride[1] - padding[1], window, places);
        visit(places, first);
        first += cOut;
      }
    }
  }
}

// How many windows fit side by side; one that would stick out (of image and padding) is dropped.
const outputSize = (size, window, stride, padding) => Math.floor((size + 2 * padding - window) / stride) + 1;
const outputShape = ([images, height, width], channels, window, stride, padding) => [
  images,
  outputSize(height, window[0], stride[0], padding[0]),
  outputSize(width, window[1], stride[1], padding[1]),
  channels,
];

// --------------------------------------------------------------------------------------- Conv2D

// kernels[o][k] = weight[i,j,c,o], where k counts i,j,c
function kernelsOf({ shape, data }) {
  const cOut = shape[3];
  const kernels = Array.from({ length: cOut }, () => new Float64Array(data.length / cOut));
  for (let at = 0; at < data.length; at++) kernels[at % cOut][Math.floor(at / cOut)] = data[at];
  return kernels;
}

// The way back.
function weightOf(kernels, shape) {
  const weight = zeros(shape);
  const cOut = shape[3];
  for (let at = 0; at < weight.data.length; at++) weight.data[at] = kernels[at % cOut][Math.floor(at / cOut)];
  return weight;
}

// y[n,h,w,o] = bias[o] + sum over i,j,c of x[n, h*s+i-p, w*s+j-p, c] * weight[i,j,c,o]
//            = bias[o] + sum over k of patch[k] * kernel[k]
//
// with s = stride, p = padding; x is 0 outside of the image
// x (N, H, W, C), weight (k_h, k_w, C, O), bias (O) or undefined -> y (N, H_out, W_out, O)
function conv2dForward(x, weight, bias, stride, padding) {
  const cOut = weight.shape[3];
  const y = zeros(outputShape(x.shape, cOut, weight.shape, stride, padding));
  const kernels = kernelsOf(weight);
  const patch = new Float64Array(kernels[0].length);
  eachWindow(x.shape, y.shape, weight.shape, stride, padding, (places, first) => {
    for (let k = 0; k < patch.length; k++) patch[k] = places[k] < 0 ? 0 : x.data[places[k]];
    for (let o = 0; o < cOut; o++) {
      const kernel = kernels[o];
      let sum = bias ? bias.data[o] : 0;
      for (let k = 0; k < patch.length; k++) sum += patch[k] * kernel[k];
      y.data[first + o] = sum;
    }
  });
  return y;
}

// Each product patch[k] * kernel[k] of the forward pass sends dy * kernel[k] to its x, and
// dy * patch[k] to its weight; a dy of 0, such as pooling leaves, sends nothing.
// dbias[o] = sum over n,h,w of dy[n,h,w,o]
//
// x (N, H, W, C), weight (k_h, k_w, C, O), dy (N, H_out, W_out, O) -> dx, dweight, dbias
function conv2dBackward(x, weight, dy, stride, padding) {
  const cOut = weight.shape[3];
  const dx = zeros(x.shape);
  const dbias = zeros([cOut]);
  const kernels = kernelsOf(weight);
  const dkernels = kernels.map((kernel) => new Float64Array(kernel.length));
  const patch = new Float64Array(kernels[0].length);
  const dpatch = new Float64Array(patch.length);
  eachWindow(x.shape, dy.shape, weight.shape, stride, padding, (places, first) => {
    for (let k = 0; k < patch.length; k++) patch[k] = places[k] < 0 ? 0 : x.data[places[k]];
    dpatch.fill(0);
    for (let o = 0; o < cOut; o++) {
      const gradient = dy.data[first + o];
      if (gradient === 0) continue;
      const kernel = kernels[o];
      const dkernel = dkernels[o];
      for (let k = 0; k < patch.length; k++) {
        dpatch[k] += gradient * kernel[k];
        dkernel[k] += gradient * patch[k];
      }
      dbias.data[o] += gradient;
    }
    for (let k = 0; k < patch.length; k++) if (places[k] >= 0) dx.data[places[k]] += dpatch[k];
  });
  return { dx, dweight: weightOf(dkernels, weight.shape), dbias };
}

// -------------------------------------------------------------------------------------- Pooling

const NO_PADDING = [0, 0];

// y[n,h,w,c] = max over i,j of x[n, h*s+i, w*s+j, c]
// winner[n,h,w,c] = its place in x.data; of equal ones the first in reading order
//
// x (N, H, W, C) -> y (N, H_out, W_out, C), winner as long as y.data
function maxPool2dForward(x, poolSize, stride) {
  const channels = x.shape[3];
  const y = zeros(outputShape(x.shape, channels, poolSize, stride, NO_PADDING));
  const winner = new Int32Array(y.data.length);
  eachWindow(x.shape, y.shape, poolSize, stride, NO_PADDING, (places, first) => {
    for (let c = 0; c < channels; c++) {
      let best = places[c];
      for (let k = c; k < places.length; k += channels) if (x.data[places[k]] > x.data[best]) best = places[k];
      winner[first + c] = best;
      y.data[first + c] = x.data[best];
    }
  });
  return { y, winner };
}

// dx[n,h',w',c] = sum of dy[n,h,w,c] over the windows (h,w) that x[n,h',w',c] has won
function maxPool2dBackward(xShape, winner, dy) {
  const dx = zeros(xShape);
  for (let k = 0; k < dy.data.length; k++) dx.data[winner[k]] += dy.data[k];
  return dx;
}

// y[n,h,w,c] = 1/K * sum over the K places i,j of x[n, h*s+i, w*s+j, c]
//
// x (N, H, W, C) -> y (N, H_out, W_out, C)
function averagePool2dForward(x, poolSize, stride) {
  const channels = x.shape[3];
  const y = zeros(outputShape(x.shape, channels, poolSize, stride, NO_PADDING));
  eachWindow(x.shape, y.shape, poolSize, stride, NO_PADDING, (places, first) => {
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let k = c; k < places.length; k += channels) sum += x.data[places[k]];
      y.data[first + c] = sum / (poolSize[0] * poolSize[1]);
    }
  });
  return y;
}

// dx[n,h',w',c] = 1/K * sum of dy[n,h,w,c] over the windows (h,w) that contain it
function averagePool2dBackward(xShape, dy, poolSize, stride) {
  const dx = zeros(xShape);
  eachWindow(xShape, dy.shape, poolSize, stride, NO_PADDING, (places, first) => {
    for (let k = 0; k < places.length; k++) {
      dx.data[places[k]] += dy.data[first + (k % xShape[3])] / (poolSize[0] * poolSize[1]);
    }
  });
  return dx;
}

// ------------------------------------------------------------------------ Each number by itself

// y[k] = f(x[k]);  with two arrays of one shape: y[k] = f(a[k], b[k])
const map = (f, a, b = a) => ({ shape: a.shape, data: a.data.map((value, k) => f(value, b.data[k])) });

const relu = (x) => (x > 0 ? x : 0);
const leakyRelu = (x, slope) => (x > 0 ? x : slope * x);
// exp never gets an argument above 0, and so never overflows: exp(x) / (1 + exp(x)) is the same.
const sigmoid = (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

// ------------------------------------------------------------------------- ContrastNormalization

// m = mean of x[n], std = its standard deviation, s = max(std, floor)
//
// x (N, ...) -> for each image { m, std, s }
function moments(x, floor) {
  const images = x.shape[0];
  const size = x.data.length / images;
  const result = [];
  for (let n = 0; n < images; n++) {
    const picture = x.data.subarray(n * size, (n + 1) * size);
    let sum = 0;
    for (const value of picture) sum += value;
    const m = sum / size;
    let squares = 0;
    for (const value of picture) squares += (value - m) ** 2;
    const std = Math.sqrt(squares / size);
    result.push({ m, std, s: Math.max(std, floor) });
  }
  return result;
}

// y[n,k] = spread * z[n,k],  z[n,k] = (x[n,k] - m) / s
function normalizeForward(x, spread, floor) {
  const y = zeros(x.shape);
  const size = x.data.length / x.shape[0];
  moments(x, floor).forEach(({ m, s }, n) => {
    for (let k = n * size; k < (n + 1) * size; k++) y.data[k] = (spread * (x.data[k] - m)) / s;
  });
  return y;
}

// dx[n,k] = spread / s * (dy[n,k] - mean(dy[n]) - z[n,k] * mean(dy[n] * z[n]))
//
// Below the floor s is a constant, and the last term is not there.
function normalizeBackward(x, dy, spread, floor) {
  const dx = zeros(x.shape);
  const size = x.data.length / x.shape[0];
  moments(x, floor).forEach(({ m, std, s }, n) => {
    let brighter = 0;
    let contrast = 0;
    for (let k = n * size; k < (n + 1) * size; k++) {
      brighter += dy.data[k] / size;
      if (std >= floor) contrast += (dy.data[k] * (x.data[k] - m)) / s / size;
    }
    for (let k = n * size; k < (n + 1) * size; k++) {
      dx.data[k] = (spread / s) * (dy.data[k] - brighter - ((x.data[k] - m) / s) * contrast);
    }
  });
  return dx;
}
