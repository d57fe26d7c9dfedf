// The picture of December 2014 for README.md: node screenshot.mjs DARKMAP FILE. It plays the demo
// into a store of its own, shows the state at 17:00 UTC on the 22nd, and takes a picture of the
// first page.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { smaller } from "./palette.mjs";

const [darkmap, file] = process.argv.slice(2);
const most = 150_000; // octets
const dir = mkdtempSync(join(tmpdir(), "darkmap-screenshot-"));
const server = { process: null };
try {
  const played = spawnSync(darkmap, ["demo", "--data-dir", dir], { stdio: ["ignore", "ignore", "inherit"] });
  if (played.status !== 0) throw new Error(`darkmap demo ended with ${played.status}`);
  server.process = spawn(darkmap, ["serve", "--data-dir", dir, "--dataset", "demo", "--at", "2014-12-22T17:00Z", "--listen", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0"], { stdio: ["ignore", "ignore", "pipe"] });
  const url = await new Promise((done, failed) => {
    let text = "";
    server.process.stderr.on("data", (b) => {
      text += b;
      const at = /the pages are at (http:\S+)/.exec(text);
      if (at) done(at[1]);
    });
    server.process.on("exit", () => failed(new Error(text)));
  });
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
  const page = await browser.newPage({ viewport: { width: 1000, height: 800 }, colorScheme: "light" });
  await page.goto(url + "/", { waitUntil: "load" });
  const picture = await page.screenshot();
  writeFileSync(file, await smaller(await browser.newPage(), picture));
  await browser.close();
  const size = statSync(file).size;
  console.log(`${file}: ${size} octets`);
  if (size > most) throw new Error(`the picture has ${size} octets, more than ${most}`);
} finally {
  server.process?.kill("SIGTERM");
  await new Promise((done) => (server.process ? server.process.on("exit", done) : done()));
  rmSync(dir, { recursive: true, force: true });
}
