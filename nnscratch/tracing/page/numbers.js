// A number with as many digits as are true.

"use strict";

const DIGITS = 6; // of a float32, which has 7 to 9

// `digits` significant digits, half rounded up; fewer if the rest is exactly 0.
function shownNumber(value, digits = DIGITS) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const text = Math.abs(value) < 1e-4 ? value.toExponential(digits - 1) : value.toPrecision(digits);
  let [mantissa, exponent] = text.split("e");
  if (mantissa.includes(".")) {
    const short = mantissa.replace(/\.?0+$/, "");
    if (Number(exponent ? `${short}e${exponent}` : short) === value) mantissa = short;
  }
  return (exponent ? `${mantissa}e${exponent.replace("+", "")}` : mantissa).replaceAll("-", "−");
}

// How many digits two numbers have in common: the layer's own, and a sum of its products in float64.
// A float32 sum has errors of its own in the last digits, which then are not shown. 0: none.
function sharedDigits(own, sum) {
  for (let digits = DIGITS; digits > 0; digits--) {
    if (own.toPrecision(digits) === sum.toPrecision(digits)) return digits;
  }
  return 0;
}

// In how many digits a number and another one close to it show `most` digits of their difference.
function tellingApart(a, b, most) {
  const above = Math.floor(Math.log10(Math.max(Math.abs(a), Math.abs(b)) / Math.abs(a - b)));
  return Number.isFinite(above) ? Math.min(Math.max(DIGITS, above + most), 15) : DIGITS;
}

const countText = (count) => count.toLocaleString("en").replaceAll(",", "\u202f");

// A number of an explanation: { name, value, digits, index, go }. `name` and `index` say for programs
// what it is; `go` is what a click on it asks for.
const num = (name, value, more = {}) => ({ name, value, ...more });
