// A browser that a test in Go drives: node driver.mjs. Each line of standard input is a command in
// JSON, each line of standard output its result: {"value": ...} or {"error": "..."}.
//   {"do":"open","context":"a","pages":["p","q"],"url":"http://...","options":{}}   opens pages in a context, all at the same time; the value is their status
//   {"do":"eval","page":"p","code":"document.title"}                                  the value of an expression, which may be a promise
//   {"do":"wait","page":"p","code":"...","ms":1000}                                   waits until an expression is true; the value is how long that took, ms
//   {"do":"shot","page":"p","path":"/tmp/p.png","clip":{},"full":false}               a screenshot
//   {"do":"close","context":"a"}                                                      closes a context with its pages, or, with "page", a page
// Names below .test resolve to 127.0.0.1.
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--host-resolver-rules=MAP *.test 127.0.0.1"],
});
const contexts = new Map();
const pages = new Map();

const commands = {
  async open({ context, pages: names, url, options, init }) {
    let c = contexts.get(context);
    if (!c) {
      c = await browser.newContext({ locale: "ar-EG", timezoneId: "Pacific/Kiritimati", ...options });
      if (init) await c.addInitScript(init);
      contexts.set(context, c);
    }
    return Promise.all(names.map(async (name) => {
      const page = await c.newPage();
      pages.set(name, page);
      page.faults = [];
      page.on("pageerror", (e) => page.faults.push(String(e)));
      const answer = await page.goto(url, { waitUntil: "load", timeout: 60_000 });
      return answer ? answer.status() : 0;
    }));
  },
  eval: ({ page, code }) => pages.get(page).evaluate(code),
  async wait({ page, code, ms }) {
    const began = Date.now();
    for (;;) {
      if (await pages.get(page).evaluate(code)) return Date.now() - began;
      if (Date.now() - began > ms) throw new Error(`after ${ms} ms still not: ${code}; the page shows ${(await pages.get(page).evaluate("document.body.innerText")).slice(0, 600)}`);
      await new Promise((done) => setTimeout(done, 20));
    }
  },
  async shot({ page, path, clip, full }) {
    await pages.get(page).screenshot({ path, clip, fullPage: full });
  },
  async close({ context, page }) {
    if (page) return void (await pages.get(page).close());
    await contexts.get(context)?.close();
    contexts.delete(context);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  let result;
  try {
    result = { value: await commands[command.do](command) ?? null };
  } catch (e) {
    result = { error: String(e) };
  }
  console.log(JSON.stringify(result));
}
await browser.close();
