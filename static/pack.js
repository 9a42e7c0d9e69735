// A zip of many files without compression: images are compressed already. The files stay on the disk; they
// are read once, one after the other, for their checksums.

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit += 1) n = n & 1 ? 0xEDB88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});
const MOST_FILES = 65534, MOST_BYTES = 0xFFFFFFF0;  // beyond them a zip has another form
const UTF8 = 0x0800, VERSION = 20;

function crc32(bytes, before) {
  let crc = ~before;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xFF] ^ (crc >>> 8);
  return ~crc >>> 0;
}

// Numbers as a zip has them: [bytes, value] each, the lowest byte first.
function record(...numbers) {
  const view = new DataView(new ArrayBuffer(numbers.reduce((all, [bytes]) => all + bytes, 0)));
  let place = 0;
  for (const [bytes, value] of numbers) {
    if (bytes === 2) view.setUint16(place, value, true); else view.setUint32(place, value, true);
    place += bytes;
  }
  return new Uint8Array(view.buffer);
}

// The zip of `files`, { path, file } each, as a Blob. `tell` gets (bytes read, bytes in all).
export async function pack(files, signal, tell) {
  const all = files.reduce((sum, { file }) => sum + file.size, 0);
  if (files.length > MOST_FILES || all > MOST_BYTES) {
    const most = `${MOST_FILES.toLocaleString("en")} files and 4.2 GB`;
    throw new Error(`A folder of at most ${most} can be packed here; zip this one yourself.`);
  }
  const parts = [], directory = [];
  let offset = 0, read = 0;
  for (const { path, file } of files) {
    let crc = 0;
    for (const reader = file.stream().getReader();;) {
      const { done, value } = await reader.read();
      if (done) break;
      signal.throwIfAborted();
      crc = crc32(value, crc);
      read += value.length;
      tell(read, all);
    }
    const name = new TextEncoder().encode(path);
    const about = [
      [2, UTF8], [2, 0], [2, 0], [2, 0x21],  // not compressed; 1 January 1980
      [4, crc], [4, file.size], [4, file.size], [2, name.length], [2, 0],
    ];
    parts.push(record([4, 0x04034B50], [2, VERSION], ...about), name, file);
    const where = [[2, 0], [2, 0], [2, 0], [4, 0], [4, offset]];
    directory.push(record([4, 0x02014B50], [2, VERSION], [2, VERSION], ...about, ...where), name);
    offset += 30 + name.length + file.size;
  }
  const length = directory.reduce((sum, part) => sum + part.length, 0);
  const counts = [[2, files.length], [2, files.length], [4, length], [4, offset]];
  const end = record([4, 0x06054B50], [2, 0], [2, 0], ...counts, [2, 0]);
  return new Blob([...parts, ...directory, end]);
}
