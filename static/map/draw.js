// Draws the points into the pixels of the canvas: tens of thousands in a few milliseconds, on any machine.

const masks = new Map();                           // by radius: how much of each pixel a disc covers, 0…255

function maskOf(radius) {
  const rounded = Math.max(Math.round(radius * 4) / 4, 0.75);
  if (!masks.has(rounded)) {
    const reach = Math.ceil(rounded), side = 2 * reach + 1;
    const cover = new Uint8Array(side * side);
    for (let y = -reach; y <= reach; y += 1) {
      for (let x = -reach; x <= reach; x += 1) {
        const share = Math.min(Math.max(rounded + 0.5 - Math.hypot(x, y), 0), 1);
        cover[(y + reach) * side + x + reach] = Math.round(255 * share);
      }
    }
    masks.set(rounded, { reach, side, cover });
  }
  return masks.get(rounded);
}

// `colours`: packed 0xAABBGGRR; `picture`: the ImageData's pixels as Uint32Array, `ground` its colour.
export function paint(picture, width, height, ground, points, view, radius) {
  picture.fill(ground);
  const { reach, side, cover } = maskOf(radius);
  const { x, y, order, colour } = points;
  const { scale, left, top } = view;
  for (let place = 0; place < order.length; place += 1) {
    const i = order[place], said = colour[i];
    if (said === 0) continue;                      // hidden
    const across = Math.round(x[i] * scale + left), down = Math.round(y[i] * scale + top);
    if (across < -reach || down < -reach || across >= width + reach || down >= height + reach) continue;
    const inside = across >= reach && down >= reach && across < width - reach && down < height - reach;
    const red = said & 255, green = (said >>> 8) & 255, blue = (said >>> 16) & 255;
    for (let dy = 0; dy < side; dy += 1) {
      const row = down + dy - reach;
      if (!inside && (row < 0 || row >= height)) continue;
      for (let dx = 0; dx < side; dx += 1) {
        const share = cover[dy * side + dx];
        const at = across + dx - reach;
        if (share === 0 || (!inside && (at < 0 || at >= width))) continue;
        const target = row * width + at;
        if (share === 255) { picture[target] = said; continue; }
        const below = picture[target], rest = 255 - share;
        picture[target] = (255 << 24)
          | (((blue * share + ((below >>> 16) & 255) * rest) >> 8) << 16)
          | (((green * share + ((below >>> 8) & 255) * rest) >> 8) << 8)
          | ((red * share + (below & 255) * rest) >> 8);
      }
    }
  }
}

// The point that lies nearest to a place of the canvas, at most `within` pixels away; -1 for none.
export function nearest(points, view, across, down, within) {
  const { x, y, colour } = points;
  const { scale, left, top } = view;
  let best = within * within, found = -1;
  for (let i = 0; i < x.length; i += 1) {
    if (colour[i] === 0) continue;
    const dx = x[i] * scale + left - across, dy = y[i] * scale + top - down;
    const away = dx * dx + dy * dy;
    if (away < best) [best, found] = [away, i];
  }
  return found;
}

// Each number 0…n - 1 once, mixed, and always in the same way: so no class covers another one.
export function mixed(n) {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  let seed = 1;
  for (let i = n - 1; i > 0; i -= 1) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((seed / 4294967296) * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
