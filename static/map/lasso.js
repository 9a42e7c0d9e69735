// The area that a person draws on the map: its corners in the numbers of the map, as the server counts them (app/deck/lasso.py).

const SIDE = 10000, MOST = 60;

export function contains(corners, x, y) {
  let inside = false;
  for (let i = 0, j = corners.length - 1; i < corners.length; j = i, i += 1) {
    let [a, b] = [corners[j], corners[i]];
    if (a[1] > b[1]) [a, b] = [b, a];
    const width = b[0] - a[0], height = b[1] - a[1];
    if (a[1] <= y && y < b[1] && x * height - y * width < a[0] * height - a[1] * width) inside = !inside;
  }
  return inside;
}

const whole = (value) => Math.min(Math.max(Math.round(value), 0), SIDE);

// The corners of a line that was drawn: whole numbers, and no more than an address can hold.
export function corners(line) {
  let found = line.map(([x, y]) => [whole(x), whole(y)]);
  for (let apart = 1; ; apart *= 1.6) {
    found = simpler(found, apart);
    if (found.length <= MOST) return found;
  }
}

// Ramer, Douglas and Peucker: what lies nearer than `apart` to the line between two corners is left out.
function simpler(line, apart) {
  if (line.length < 3) return line;
  const [a, b] = [line[0], line.at(-1)];
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const length = Math.hypot(dx, dy);
  let far = 0, at = 0;
  for (let i = 1; i < line.length - 1; i += 1) {
    const [x, y] = [line[i][0] - a[0], line[i][1] - a[1]];
    const away = length ? Math.abs(x * dy - y * dx) / length : Math.hypot(x, y);
    if (away > far) [far, at] = [away, i];
  }
  if (far <= apart) return [a, b];
  return [...simpler(line.slice(0, at + 1), apart).slice(0, -1), ...simpler(line.slice(at), apart)];
}

export const box = (left, top, right, bottom) => {
  const [a, b, c, d] = [Math.floor(left), Math.floor(top), Math.ceil(right), Math.ceil(bottom)].map(whole);
  return [[a, b], [c, b], [c, d], [a, d]];
};

export const address = (map, area) => `${map}_${area.map(([x, y]) => `${x}.${y}`).join("_")}`;
