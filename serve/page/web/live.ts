// Live replaces the content of the page by its newest state. It fetches the page from the server
// again, and takes the parts that are marked with data-live. So all texts come from the server.

// silence is the time in milliseconds without a new minute after which the page is fetched anyway,
// since it may have become stale.
const silence = 180_000;
const lookEvery = 30_000;

export class Live {
  private busy = false;
  private again = false;
  private waits = false;
  private fresh = Date.now();
  private readonly shown = new WeakMap<Element, string>(); // the content of each part, as the server wrote it

  // dress is called after parts were replaced.
  constructor(private readonly dress: () => void) {}

  // changed loads the newest state. A hidden page loads it when it is shown again.
  changed(): void {
    if (document.hidden) {
      this.waits = true;
      return;
    }
    void this.load(location.href);
  }

  // watch loads the newest state when the page is shown again, and after silence.
  watch(): void {
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.waits) this.changed();
    });
    window.setInterval(() => {
      if (Date.now() - this.fresh > silence) this.changed();
    }, lookEvery);
  }

  // load replaces this page by the page of an address.
  async load(url: string): Promise<void> {
    if (this.busy) {
      this.again = true;
      return;
    }
    this.busy = true;
    this.waits = false;
    try {
      const answer = await fetch(url, { cache: "no-cache", credentials: "same-origin" });
      const text = await answer.text();
      if (answer.ok) {
        this.show(new DOMParser().parseFromString(text, "text/html"));
        this.fresh = Date.now();
      } else this.lost("The server answers " + answer.status + ".");
    } catch {
      this.lost("The server cannot be reached.");
    } finally {
      this.busy = false;
    }
    if (this.again) {
      this.again = false;
      await this.load(location.href);
    }
  }

  private show(next: Document): void {
    document.title = next.title;
    let replaced = false;
    for (const part of document.querySelectorAll<HTMLElement>("[data-live]")) {
      const other = next.querySelector<HTMLElement>(`[data-live="${part.dataset.live}"]`);
      if (!other || this.shown.get(part) === other.innerHTML) continue;
      this.shown.set(part, other.innerHTML);
      replace(part, other);
      replaced = true;
    }
    if (replaced) this.dress();
  }

  // lost adds a notice that the shown state may be over.
  private lost(why: string): void {
    const notices = document.querySelector<HTMLElement>(".notices");
    if (!notices || Date.now() - this.fresh < silence) return;
    this.shown.delete(notices);
    const p = notices.querySelector(".lost") ?? notices.appendChild(document.createElement("p"));
    p.className = "problem lost";
    p.textContent = `${why} What is shown is as of ${new Date(this.fresh).toISOString().slice(0, 16).replace("T", " ")} UTC, and may be over.`;
  }
}

// replace replaces the children of part by those of other. Open details stay open, and the focused
// element keeps the focus.
function replace(part: HTMLElement, other: HTMLElement): void {
  const open = [...part.querySelectorAll("details")].map((d) => d.open);
  const active = part.contains(document.activeElement) ? document.activeElement : null;
  const name = active?.getAttribute("href");
  const nth = name ? same(part, name).indexOf(active as Element) : -1;
  part.replaceChildren(...other.cloneNode(true).childNodes);
  part.querySelectorAll("details").forEach((d, i) => {
    if (open[i]) d.open = true;
  });
  if (name) (same(part, name)[Math.max(nth, 0)] as HTMLElement | undefined)?.focus({ preventScroll: true });
}

function same(part: HTMLElement, href: string): Element[] {
  return [...part.querySelectorAll("a")].filter((a) => a.getAttribute("href") === href);
}
