// A mask that is painted over a picture: white where the film is to be made anew. One byte a pixel, of the film's own size.

export interface Mask {
  width: number;
  height: number;
  data: Uint8ClampedArray; // 0 keeps, 255 is made anew
}

export interface Spot {
  x: number; // pixels of the film
  y: number;
}

export function emptyMask(width: number, height: number): Mask {
  if (!(Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0)) {
    throw new RangeError(`mask of ${width}x${height}: wanted whole numbers above 0`);
  }
  return { width, height, data: new Uint8ClampedArray(width * height) };
}

/** A stroke from one spot to another with a round brush, drawn into a copy; `value` 0 rubs out. */
export function stroke(mask: Mask, from: Spot, to: Spot, radius: number, value: 0 | 255 = 255): Mask {
  const data = mask.data.slice();
  const left = Math.max(0, Math.floor(Math.min(from.x, to.x) - radius));
  const right = Math.min(mask.width - 1, Math.ceil(Math.max(from.x, to.x) + radius));
  const top = Math.max(0, Math.floor(Math.min(from.y, to.y) - radius));
  const bottom = Math.min(mask.height - 1, Math.ceil(Math.max(from.y, to.y) + radius));
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      if (fromLine({ x: x + 0.5, y: y + 0.5 }, from, to) <= radius) data[y * mask.width + x] = value;
    }
  }
  return { ...mask, data };
}

/** The distance of a spot from the line between two others. */
export function fromLine(spot: Spot, a: Spot, b: Spot): number {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const long = dx * dx + dy * dy;
  const share = long === 0 ? 0 : Math.min(1, Math.max(0, ((spot.x - a.x) * dx + (spot.y - a.y) * dy) / long));
  return Math.hypot(spot.x - a.x - share * dx, spot.y - a.y - share * dy);
}

/** All of a rectangle, for those who cannot paint: a keyboard moves its corners. */
export function rectangle(mask: Mask, x: number, y: number, width: number, height: number): Mask {
  const data = new Uint8ClampedArray(mask.data.length);
  for (let row = Math.max(0, y); row < Math.min(mask.height, y + height); row++) {
    data.fill(255, row * mask.width + Math.max(0, x), row * mask.width + Math.min(mask.width, x + width));
  }
  return { ...mask, data };
}

/** A rectangle between two corners, alone: the old mask goes. */
export function boxed(mask: Mask, a: Spot, b: Spot): Mask {
  const [left, right] = [Math.round(Math.min(a.x, b.x)), Math.round(Math.max(a.x, b.x))];
  const [top, bottom] = [Math.round(Math.min(a.y, b.y)), Math.round(Math.max(a.y, b.y))];
  return rectangle(mask, left, top, right - left, bottom - top);
}

export const inverted = (mask: Mask): Mask => ({ ...mask, data: mask.data.map((value) => 255 - value) });

/** The share of the picture that is white, 0..1. */
export const covered = (mask: Mask): number =>
  mask.data.reduce((sum, value) => sum + (value > 127 ? 1 : 0), 0) / mask.data.length;

/** The spot of the film under a pointer, where the picture is shown at `box`. */
export function spotAt(
  clientX: number,
  clientY: number,
  box: { left: number; top: number; width: number; height: number },
  mask: Mask,
): Spot {
  return { x: ((clientX - box.left) / box.width) * mask.width, y: ((clientY - box.top) / box.height) * mask.height };
}

/** A PNG (8-bit grey) of the mask. */
export async function toPng(mask: Mask): Promise<Uint8Array<ArrayBuffer>> {
  const lines = new Uint8Array(mask.height * (mask.width + 1)); // each line begins with its filter, 0: as it stands
  for (let y = 0; y < mask.height; y++) {
    lines.set(mask.data.subarray(y * mask.width, (y + 1) * mask.width), y * (mask.width + 1) + 1);
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, mask.width);
  view.setUint32(4, mask.height);
  header.set([8, 0, 0, 0, 0], 8); // bits, grey, deflate, filters, no interlacing
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  return joined([signature, chunk("IHDR", header), chunk("IDAT", await deflated(lines)), chunk("IEND", new Uint8Array(0))]);
}

async function deflated(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function chunk(kind: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(body.length + 12);
  const view = new DataView(whole.buffer);
  view.setUint32(0, body.length);
  whole.set(new TextEncoder().encode(kind), 4);
  whole.set(body, 8);
  view.setUint32(body.length + 8, crc32(whole.subarray(4, body.length + 8)));
  return whole;
}

export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
