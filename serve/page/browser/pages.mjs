// Tests the pages in a real browser: node pages.mjs BASE FOLDER POINTS. BASE is the address at
// which darkmap shows the demo of December 2014, FOLDER takes screenshots, POINTS is a JSON file
// with a point of the map for each country's code. It prints a line for each fault, and exits with
// 1 if there are any.
import { readFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [base, folder, pointsFile] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const points = JSON.parse(readFileSync(pointsFile, "utf8"));
mkdirSync(folder, { recursive: true });

const at = "at=2014-12-22T17:00Z";
const outage = "/outage/country-KP-ipv4-20141222T1615Z";
const pages = { world: `/?${at}`, country: `/country/KP?${at}&span=7d`, network: `/as/131279?${at}`, outage, feeds: `/feeds?${at}`, prefix: `/prefix/175.45.176.0/24?${at}`, about: "/about", methods: "/methods", api: "/api", search: "/search?q=united" };
const looks = {
  light: { viewport: { width: 1200, height: 900 }, colorScheme: "light" },
  dark: { viewport: { width: 1200, height: 900 }, colorScheme: "dark" },
  phone: { viewport: { width: 390, height: 844 }, colorScheme: "light", isMobile: true, hasTouch: true },
};

let faults = 0;
const fault = (text) => {
  faults++;
  console.log("FAULT " + text);
};
const measured = (name, value) => console.log(`MEASURED ${name} ${value}`);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"],
});

// guarded opens a page that records violations of the CSP, requests to other hosts, and errors of
// scripts.
async function guarded(options) {
  const context = await browser.newContext({ ...options, locale: "ar-EG", timezoneId: "Pacific/Kiritimati" });
  await context.addInitScript(() => {
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (e) => window.violations.push(`${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}`));
  });
  const page = await context.newPage();
  page.on("request", (r) => {
    if (new URL(r.url()).origin !== new URL(base).origin) fault(`a request to ${r.url()}`);
  });
  page.on("pageerror", (e) => fault(`a script failed: ${e}`));
  return page;
}

// looksRight visits every page in every look. It checks axe-core, sideways scrolling and
// violations, and keeps a screenshot.
async function looksRight() {
  for (const [look, options] of Object.entries(looks)) {
    const page = await guarded(options);
    for (const [name, path] of Object.entries(pages)) {
      await page.goto(base + path, { waitUntil: "load" });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) fault(`${name} (${look}) scrolls sideways by ${wide} pixels`);
      await page.screenshot({ path: `${folder}/${name}-${look}.png`, fullPage: true });
      const violations = await page.evaluate(() => window.violations);
      for (const v of violations) fault(`${name} (${look}) violates the CSP: ${v}`);
      const result = await page.evaluate(async (source) => {
        (0, eval)(source); // through the debugger: no page runs it
        return window.axe.run(document, { resultTypes: ["violations"] });
      }, axe).catch((e) => ({ error: String(e) }));
      if (result.error) fault(`axe-core on ${name} (${look}): ${result.error}`);
      for (const v of result.violations ?? []) fault(`${name} (${look}): axe-core ${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(" | ")}`);
    }
    await page.context().close();
  }
}

// withoutScript opens December 2014 without JavaScript, and follows a link to another hour.
async function withoutScript() {
  const page = await guarded({ ...looks.light, javaScriptEnabled: false });
  await page.goto(base + pages.world);
  const heading = await page.locator("h1").innerText();
  if (!/1 country .* dark/.test(heading)) fault(`without JavaScript the first page says ${heading}`);
  if ((await page.locator('.worldmap a[data-code="KP"].loss5').count()) === 0) fault("without JavaScript North Korea has not the colour of a total loss");
  if (!(await page.locator("#open + div").innerText()).includes("North Korea")) fault("without JavaScript the table lacks North Korea");
  await page.screenshot({ path: `${folder}/world-without-script.png`, fullPage: true });
  await page.locator(".hours a").nth(12).click();
  if (!page.url().includes("at=2014-12-22T12%3A00Z")) fault(`the link of an hour leads to ${page.url()}`);
  if ((await page.locator(".hours a[aria-current]").innerText()).trim().slice(-2) !== "12") fault("the hour that is shown is not marked");
  await page.goto(base + outage);
  const text = await page.locator("main").innerText();
  for (const want of ["175.45.176.0/24", "AS4837", "16:15", "9 h 31 min"]) if (!text.includes(want)) fault(`without JavaScript the outage's page lacks ${want}`);
  if ((await page.locator("svg.chart .line").count()) !== 1) fault("without JavaScript there is no withdrawal curve");
  await page.context().close();
}

// keyboardAlone reaches the outage with Tab and Enter, and closes the tooltip with Escape.
async function keyboardAlone() {
  const page = await guarded(looks.light);
  await page.goto(base + pages.world);
  const focused = () => page.evaluate(() => ({ href: document.activeElement?.getAttribute("href") ?? "", code: document.activeElement?.getAttribute("data-code") ?? "" }));
  let tabs = 0;
  let now = { href: "", code: "" };
  for (; tabs < 40 && now.href !== "#open"; tabs++) {
    await page.keyboard.press("Tab");
    now = await focused();
  }
  await page.keyboard.press("Enter");
  for (; tabs < 80 && !now.href.includes(outage); tabs++) {
    await page.keyboard.press("Tab");
    now = await focused();
  }
  if (!now.href.includes(outage)) fault("Tab and Enter do not reach the outage of North Korea");
  measured("keys to the outage", tabs);
  const name = await page.locator(":focus").ariaSnapshot();
  if (!/North Korea.*lost: 4 of 4 prefixes/.test(name)) fault(`the link of the outage is called ${name}`);
  await page.keyboard.press("Enter");
  await page.waitForURL((u) => u.pathname.endsWith(outage));

  await page.goto(base + pages.world);
  const country = page.locator('.worldmap a[data-code="KP"]').last();
  await country.focus();
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Tab");
  const tip = page.locator(".tip");
  if (!(await tip.isVisible()) || !/North Korea: 100.% lost in IPv4/.test(await tip.innerText())) fault("the tooltip of North Korea does not show with the focus");
  await page.screenshot({ path: `${folder}/world-tooltip.png` });
  await page.keyboard.press("Escape");
  if (await tip.isVisible()) fault("Escape does not close the tooltip");
  await page.context().close();
}

// everyCountry finds each country under its point, and opens its page.
async function everyCountry() {
  const page = await guarded(looks.light);
  await page.goto(base + pages.world);
  const found = await page.evaluate((points) => {
    const svg = document.querySelector("svg.worldmap");
    svg.scrollIntoView({ block: "center" });
    const out = {};
    for (const [code, [x, y]] of Object.entries(points)) {
      const p = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM());
      const a = document.elementFromPoint(p.x, p.y)?.closest("a[data-code]");
      out[code] = { code: a?.dataset.code ?? "nothing", href: a?.getAttribute("href") ?? "", x: p.x, y: p.y };
    }
    return out;
  }, points);
  const codes = Object.keys(found);
  if (codes.length !== 250) fault(`there are ${codes.length} countries`);
  for (const code of codes) {
    const f = found[code];
    if (f.code !== code) fault(`at the point of ${code} lies ${f.code}`);
    else if (!new URL(f.href, base).pathname.endsWith(`/country/${code}`)) fault(`${code} leads to ${f.href}`);
  }
  for (const code of codes) {
    const answer = await page.request.get(new URL(found[code].href, base).href);
    if (answer.status() !== 200) fault(`the page of ${code} answers ${answer.status()}`);
  }
  for (const code of ["SG", "MT", "TO", "KP", "XK", "GF"]) {
    await page.goto(base + pages.world);
    await page.evaluate(() => document.querySelector("svg.worldmap").scrollIntoView({ block: "center" }));
    await page.mouse.click(found[code].x, found[code].y);
    await page.waitForURL((u) => u.pathname.endsWith(`/country/${code}`), { timeout: 10_000 }).catch(() => fault(`a click on ${code} does not open its page`));
  }
  await page.context().close();
}

// light measures the octets that a first visit loads, and the time until it is painted.
async function light() {
  for (const [name, path] of Object.entries(pages)) {
    const page = await guarded(looks.light);
    const session = await page.context().newCDPSession(page);
    await session.send("Network.enable");
    let octets = 0;
    session.on("Network.loadingFinished", (e) => (octets += e.encodedDataLength));
    await page.goto(base + path, { waitUntil: "networkidle" });
    const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0);
    measured(`first load of ${name}, octets`, octets);
    measured(`first paint of ${name}, ms`, Math.round(paint));
    if (octets > 120_000) fault(`the first load of ${name} takes ${octets} octets`);
    await page.context().close();
  }
}

// cursorsAndSlider reads a chart with the arrow keys, and moves the slider.
async function cursorsAndSlider() {
  const page = await guarded(looks.light);
  await page.goto(base + outage);
  await page.locator(".pad").focus();
  await page.keyboard.press("Home");
  for (let i = 0; i < 4; i++) await page.keyboard.press("ArrowRight");
  const said = await page.locator(".readout").innerText();
  if (!/^2014-12-22 16:15:\d\d UTC: .*Share/.test(said)) fault(`the cursor of the curve says ${said}`);
  await page.screenshot({ path: `${folder}/outage-cursor.png` });
  await page.goto(base + pages.world);
  await page.locator(".minutes").focus();
  await page.keyboard.press("Home");
  await page.waitForFunction(() => document.querySelector(".hours a[aria-current]")?.textContent?.trim().endsWith("00"), null, { timeout: 10_000 }).catch(() => fault("the slider does not show another hour"));
  if (!page.url().includes("at=2014-12-22T00")) fault(`the slider's address is ${page.url()}`);
  const violations = await page.evaluate(() => window.violations);
  for (const v of violations) fault(`the slider violates the CSP: ${v}`);
  await page.context().close();
}

for (const step of [looksRight, withoutScript, keyboardAlone, everyCountry, cursorsAndSlider, light]) {
  await step().catch((e) => fault(`${step.name}: ${e}`));
}
await browser.close();
console.log(`${faults} faults`);
process.exit(faults ? 1 : 0);
