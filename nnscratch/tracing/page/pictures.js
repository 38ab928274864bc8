// Maps, kernels, matrices and vectors as pictures, and which number lies where in them.

"use strict";

// Colours that people tell apart who see no red or no green. Light and dark differ in what 0 looks
// like: the paper.
const STOPS = {
  grey: [
    [0, 0, 0],
    [255, 255, 255],
  ],
  // viridis, by Smith & van der Walt (2015), at nine places
  heat: [
    [68, 1, 84],
    [71, 44, 122],
    [59, 81, 139],
    [44, 113, 142],
    [33, 144, 141],
    [39, 173, 129],
    [92, 200, 99],
    [170, 220, 50],
    [253, 231, 37],
  ],
  signedLight: [
    [0, 66, 130],
    [43, 131, 198],
    [250, 249, 246],
    [238, 140, 42],
    [168, 66, 0],
  ],
  signedDark: [
    [150, 210, 255],
    [47, 131, 201],
    [27, 30, 36],
    [214, 116, 20],
    [255, 205, 130],
  ],
};
const SHADES = 512;

function paletteTable(name) {
  const stops = STOPS[name];
  return Array.from({ length: SHADES }, (_, k) => {
    const place = (k / (SHADES - 1)) * (stops.length - 1);
    const low = Math.min(Math.floor(place), stops.length - 2);
    return stops[low].map((value, channel) => Math.round(value + (stops[low + 1][channel] - value) * (place - low)));
  });
}

const TABLES = Object.fromEntries(Object.keys(STOPS).map((name) => [name, paletteTable(name)]));

// How numbers become colours: { palette, low, high, root }. Signed ones are symmetric around 0.
function coloursFor(what, layer, { shape, data }) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of data) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (!(low <= high)) [low, high] = [0, 0];
  if (what === "output" && layer < 0 && shape.length === 3) return { palette: "grey", low, high };
  if (what === "output" && low >= 0) return { palette: "heat", low: 0, high };
  const reach = Math.max(Math.abs(low), Math.abs(high));
  return { palette: "signed", low: -reach, high: reach, root: what.includes("gradient") };
}

const tableOf = ({ palette }, dark) => TABLES[palette === "signed" ? (dark ? "signedDark" : "signedLight") : palette];

// 0 for the lowest number, 1 for the highest
function shareOf(value, { low, high, root, palette }) {
  if (high === low) return palette === "signed" ? 0.5 : 0;
  let share = (value - low) / (high - low);
  if (root) share = 0.5 + (Math.sign(value) * Math.sqrt(Math.abs(value) / high)) / 2;
  return Math.min(Math.max(share, 0), 1);
}

const colourOf = (value, colours, table) =>
  table[Math.round(shareOf(value, colours) * (SHADES - 1))] ?? [128, 128, 128];

const MOST_BARS = 1100;

// A picture of an array, and the way from a place in it to an index and back.
//
//     (H, W, C)          C maps side by side          index [h, w, c]
//     (k, k, c_in, c_out)  the kernels: a row for each output, a column for each input   [i, j, c, o]
//     (n_in, n_out)      a matrix                     [i, o]
//     all others         bars, one for each number, and if they are very many a square of them in
//                        reading order    [k], or the index in that shape
class Sheet {
  constructor(shape, height) {
    this.shape = shape;
    const list = ![2, 3, 4].includes(shape.length);
    this.square = list && sizeOf(shape) > MOST_BARS;
    this.bars = list && !this.square;
    const side = Math.ceil(Math.sqrt(sizeOf(shape)));
    if (this.bars) this.layOutBars(height);
    else this.layOutMaps(height, this.square ? [Math.ceil(sizeOf(shape) / side), side] : shape);
  }

  layOutMaps(height, [rows, columns, ...rest]) {
    this.maps = sizeOf(rest);
    this.size = [rows, columns];
    if (rest.length === 2 && rest[0] > 1) this.grid = [rest[1], rest[0]];
    else {
      const down = this.maps < 3 ? this.maps : Math.min(this.maps, Math.ceil(Math.sqrt(this.maps * 1.15)));
      this.grid = [down, Math.ceil(this.maps / down)];
    }
    this.gap = this.maps > 1 ? Math.max(1, Math.round(rows / 24)) : 0;
    this.width = this.grid[1] * (columns + this.gap) - this.gap;
    this.height = this.grid[0] * (rows + this.gap) - this.gap;
    const scale = Math.min(height / this.height, 340 / this.width, 34);
    this.css = [Math.max(this.width * scale, 8), Math.max(this.height * scale, 3)];
    this.pixels = [this.width, this.height];
  }

  layOutBars(height) {
    const count = sizeOf(this.shape);
    this.size = [count];
    const thin = count <= 72 ? Math.min(13, Math.floor(height / count)) : count <= 300 ? 4 : 2;
    this.down = Math.max(1, Math.min(count, Math.floor(height / thin)));
    const across = Math.ceil(count / this.down);
    this.cell = [across === 1 ? 72 : across < 4 ? 44 : 26, thin];
    this.gap = 6;
    this.width = across * (this.cell[0] + this.gap) - this.gap;
    this.height = this.down * thin;
    this.css = [this.width, this.height];
    this.pixels = [this.width * 2, this.height * 2];
  }

  // The map that shows [.., ..] + rest; and where it stands in the grid.
  mapNumber(rest) {
    return rest.length === 2 ? rest[0] * this.shape[3] + rest[1] : (rest[0] ?? 0);
  }

  gridPlace(map) {
    const [, , , outputs] = this.shape;
    if (this.shape.length === 4 && this.shape[2] > 1) return [map % outputs, Math.floor(map / outputs)];
    return [Math.floor(map / this.grid[1]), map % this.grid[1]];
  }

  restOf(map) {
    if (this.shape.length === 4) return [Math.floor(map / this.shape[3]), map % this.shape[3]];
    return this.shape.length === 3 ? [map] : [];
  }

  // The index of the number at a place, in shares of width and height; null between the maps.
  indexAt(across, down) {
    const [x, y] = [across * this.width, down * this.height];
    if (this.bars) {
      const k = Math.floor(x / (this.cell[0] + this.gap)) * this.down + Math.floor(y / this.cell[1]);
      return k >= 0 && k < this.size[0] && y < this.height ? unravel(k, this.shape) : null;
    }
    const [rows, columns] = this.size;
    const [row, column] = [Math.floor(y / (rows + this.gap)), Math.floor(x / (columns + this.gap))];
    const [h, w] = [Math.floor(y - row * (rows + this.gap)), Math.floor(x - column * (columns + this.gap))];
    if (h < 0 || w < 0 || h >= rows || w >= columns || row >= this.grid[0] || column >= this.grid[1]) return null;
    if (this.square) return h * columns + w < sizeOf(this.shape) ? unravel(h * columns + w, this.shape) : null;
    const map =
      this.shape.length === 4 && this.shape[2] > 1 ? column * this.shape[3] + row : row * this.grid[1] + column;
    return map < this.maps ? [h, w, ...this.restOf(map)] : null;
  }

  // The boxes of an index and `size` places from there on, [{ left, top, width, height }] in shares.
  // null in the index: all.
  boxesOf(index, size = [1, 1]) {
    if (this.bars) {
      const k = offset(this.shape, index);
      const column = Math.floor(k / this.down);
      return [
        this.box(column * (this.cell[0] + this.gap), (k % this.down) * this.cell[1], this.cell[0], this.cell[1]),
      ];
    }
    if (this.square) index = unravel(offset(this.shape, index), this.size);
    const [h, w, ...rest] = index;
    const maps = Array.from({ length: this.maps }, (_, map) => map).filter((map) =>
      this.restOf(map).every((own, axis) => rest[axis] === null || rest[axis] === own),
    );
    const [rows, columns] = this.size;
    const first = [Math.max(h ?? 0, 0), Math.max(w ?? 0, 0)];
    const last = [
      h === null ? rows : Math.min(h + size[0], rows),
      w === null ? columns : Math.min(w + size[1], columns),
    ];
    return maps.map((map) => {
      const [row, column] = this.gridPlace(map);
      return this.box(
        column * (columns + this.gap) + first[1],
        row * (rows + this.gap) + first[0],
        last[1] - first[1],
        last[0] - first[0],
      );
    });
  }

  box(left, top, width, height) {
    return {
      left: left / this.width,
      top: top / this.height,
      width: width / this.width,
      height: height / this.height,
    };
  }

  // One step with an arrow or a page key; the same index at an edge.
  moved(index, key) {
    if (this.square) {
      const by = {
        ArrowUp: -this.size[1],
        ArrowDown: this.size[1],
        ArrowLeft: -1,
        ArrowRight: 1,
        PageUp: -10 * this.size[1],
        PageDown: 10 * this.size[1],
      }[key];
      const k = offset(this.shape, index) + by;
      return k >= 0 && k < sizeOf(this.shape) ? unravel(k, this.shape) : index;
    }
    const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[key];
    if (this.bars) {
      const jump = by ? by[0] + by[1] * this.down : key === "PageUp" ? -10 : 10;
      const k = offset(this.shape, index) + jump;
      return k >= 0 && k < this.size[0] ? unravel(k, this.shape) : index;
    }
    const [h, w, ...rest] = index;
    if (!by) {
      const map = this.mapNumber(rest) + (key === "PageUp" ? -1 : 1);
      return map >= 0 && map < this.maps ? [h, w, ...this.restOf(map)] : index;
    }
    const [row, column] = [h + by[0], w + by[1]];
    return row >= 0 && column >= 0 && row < this.size[0] && column < this.size[1] ? [row, column, ...rest] : index;
  }

  draw(canvas, { data }, colours, dark) {
    [canvas.width, canvas.height] = this.pixels;
    const table = tableOf(colours, dark);
    if (this.bars) this.drawBars(canvas.getContext("2d"), data, colours, table, dark);
    else this.drawMaps(canvas.getContext("2d"), data, colours, table);
  }

  drawMaps(context, data, colours, table) {
    const image = context.createImageData(this.width, this.height);
    const [rows, columns] = this.size;
    for (let map = 0; map < this.maps; map++) {
      const [row, column] = this.gridPlace(map);
      const [top, left] = [row * (rows + this.gap), column * (columns + this.gap)];
      for (let h = 0; h < rows; h++) {
        for (let w = 0; w < columns; w++) {
          const value = data[(h * columns + w) * this.maps + map];
          if (value === undefined) continue;
          const colour = colourOf(value, colours, table);
          const at = ((top + h) * this.width + left + w) * 4;
          image.data[at] = colour[0];
          image.data[at + 1] = colour[1];
          image.data[at + 2] = colour[2];
          image.data[at + 3] = 255;
        }
      }
    }
    context.putImageData(image, 0, 0);
  }

  drawBars(context, data, colours, table, dark) {
    context.scale(2, 2);
    const [width, thin] = this.cell;
    const zero = colours.palette === "signed" ? width / 2 : 0;
    const least = thin > 2 ? 1 : 0;
    for (let k = 0; k < data.length; k++) {
      const left = Math.floor(k / this.down) * (width + this.gap);
      const top = (k % this.down) * thin;
      context.fillStyle = dark ? "#23272f" : "#eeece6";
      context.fillRect(left, top, width, thin - least);
      const end = shareOf(data[k], colours) * width;
      context.fillStyle = `rgb(${colourOf(data[k], colours, table)})`;
      if (!dark && colours.palette === "signed") context.fillStyle = data[k] < 0 ? "#2b83c6" : "#d5761c";
      context.fillRect(left + Math.min(zero, end), top, Math.abs(end - zero), thin - least);
    }
    context.fillStyle = dark ? "#6b7280" : "#9a968c";
    for (let column = 0; zero && column * this.down < data.length; column++) {
      context.fillRect(
        column * (width + this.gap) + zero - 0.25,
        0,
        0.5,
        Math.min(this.down, data.length - column * this.down) * thin,
      );
    }
  }
}

// A colour bar for a legend, as a CSS gradient.
function legendGradient(colours, dark) {
  const table = tableOf(colours, dark);
  const stops = Array.from({ length: 9 }, (_, k) => `rgb(${table[Math.round((k / 8) * (SHADES - 1))]})`);
  return `linear-gradient(to right, ${stops.join(", ")})`;
}

// A faint colour behind a number of a grid.
function tint(value, reach) {
  const strength = reach ? Math.min(Math.abs(value) / reach, 1) : 0;
  return `rgba(${value < 0 ? "43, 131, 198" : "230, 126, 30"}, ${(strength * 0.5).toFixed(3)})`;
}
