// smaller writes a PNG with a palette of 255 colours, which has a third of the octets of a
// screenshot. page decodes the picture. Any page of a browser can do that.
import { crc32, deflateSync } from "node:zlib";

export async function smaller(page, png) {
  const { width, height, pixels } = await page.evaluate(async (data) => {
    const image = await createImageBitmap(await (await fetch(data)).blob());
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    const rgba = canvas.getImageData(0, 0, image.width, image.height).data;
    const pixels = [];
    for (let i = 0; i < rgba.length; i += 4) pixels.push((rgba[i] << 16) | (rgba[i + 1] << 8) | rgba[i + 2]);
    return { width: image.width, height: image.height, pixels };
  }, "data:image/png;base64," + png.toString("base64"));
  const counts = new Map();
  for (const p of pixels) counts.set(p, (counts.get(p) ?? 0) + 1);
  const palette = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, 255).map(([p]) => p);
  const nearest = new Map(palette.map((p, i) => [p, i]));
  const far = (a, b) => ((a >> 16) - (b >> 16)) ** 2 + (((a >> 8) & 255) - ((b >> 8) & 255)) ** 2 + ((a & 255) - (b & 255)) ** 2;
  for (const p of counts.keys()) {
    if (!nearest.has(p)) nearest.set(p, palette.reduce((best, c, i) => (far(p, c) < far(p, palette[best]) ? i : best), 0));
  }
  const rows = Buffer.alloc((width + 1) * height); // each row begins with filter 0
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = nearest.get(pixels[y * width + x]);
  const chunk = (kind, body) => {
    const named = Buffer.concat([Buffer.from(kind), body]);
    const out = Buffer.alloc(named.length + 8);
    out.writeUInt32BE(body.length, 0);
    named.copy(out, 4);
    out.writeUInt32BE(crc32(named), named.length + 4);
    return out;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8); // 8 bits a pixel, of a palette
  const colours = Buffer.from(palette.flatMap((p) => [p >> 16, (p >> 8) & 255, p & 255]));
  return Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), chunk("IHDR", head), chunk("PLTE", colours), chunk("IDAT", deflateSync(rows, { level: 9 })), chunk("IEND", Buffer.alloc(0))]);
}
