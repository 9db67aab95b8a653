// From an image to the numbers that the model takes: upright, on white, cut or squashed to a square, bilinear with antialiasing as Pillow does it.

// Uint8 RGB pixels, row by row, of whatever createImageBitmap takes: a file, a video frame.
export async function pixelsOf(source) {
  const bitmap = await createImageBitmap(source, { imageOrientation: "from-image", colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, bitmap.width, bitmap.height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
  const pixels = new Uint8Array(3 * width * height);
  for (let from = 0, to = 0; from < data.length; from += 4, to += 3) {
    pixels[to] = data[from];
    pixels[to + 1] = data[from + 1];
    pixels[to + 2] = data[from + 2];
  }
  return { pixels, width, height };
}

// The weights of the source pixels for each pixel of a side that goes from `from` to `to` pixels: a triangle as wide as one new pixel.
function triangles(from, to) {
  const scale = from / to;
  const support = Math.max(scale, 1);
  return Array.from({ length: to }, (_, place) => {
    const centre = (place + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - support + 0.5));
    const last = Math.min(from, Math.floor(centre + support + 0.5));
    const weights = [];
    for (let at = first; at < last; at += 1) weights.push(Math.max(0, 1 - Math.abs((at + 0.5 - centre) / support)));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

// One direction of a resize: `lines` lines of `from` pixels, `step` numbers apart, `apart` numbers from line to line, into the same with `to`.
function resized(pixels, lines, from, to, step, apart, stepOut, apartOut) {
  if (from === to && step === stepOut) return pixels;
  const out = new Uint8Array(3 * lines * to);
  const filters = triangles(from, to);
  for (let line = 0; line < lines; line += 1) {
    for (let place = 0; place < to; place += 1) {
      const { first, weights } = filters[place];
      for (let channel = 0; channel < 3; channel += 1) {
        let sum = 0;
        let at = line * apart + first * step + channel;
        for (const weight of weights) {
          sum += weight * pixels[at];
          at += step;
        }
        out[line * apartOut + place * stepOut + channel] = Math.min(255, Math.max(0, Math.round(sum)));
      }
    }
  }
  return out;
}

function centreSquare({ pixels, width, height }) {
  const side = Math.min(width, height);
  const left = Math.floor((width - side) / 2);
  const top = Math.floor((height - side) / 2);
  const cut = new Uint8Array(3 * side * side);
  for (let row = 0; row < side; row += 1) {
    const start = 3 * ((top + row) * width + left);
    cut.set(pixels.subarray(start, start + 3 * side), 3 * row * side);
  }
  return { pixels: cut, width: side, height: side };
}

// uint8 (3, size, size): the centre of the square of `stored` pixels per side that the image becomes.
export function fitted(image, { fit, stored_size: stored, image_size: size }) {
  const { pixels, width, height } = fit === "crop" ? centreSquare(image) : image;
  const narrow = resized(pixels, height, width, stored, 3, 3 * width, 3, 3 * stored);
  const square = resized(narrow, stored, height, stored, 3 * stored, 3, 3 * stored, 3);
  const margin = Math.floor((stored - size) / 2);
  const planes = new Uint8Array(3 * size * size);
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column < size; column += 1) {
      const from = 3 * ((row + margin) * stored + column + margin);
      for (let channel = 0; channel < 3; channel += 1) planes[(channel * size + row) * size + column] = square[from + channel];
    }
  }
  return planes;
}
