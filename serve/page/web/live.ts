// Live puts the newest state of the page in the place of what is shown: it asks the server for the page again, and takes the parts that are marked with
// data-live. So the server alone decides what is said.

const silence = 180_000; // after so long without a new minute the page is asked for anyway: it may have become stale
const lookEvery = 30_000;

export class Live {
  private busy = false;
  private again = false;
  private waits = false;
  private fresh = Date.now();
  private readonly shown = new WeakMap<Element, string>(); // what each part shows, as the server wrote it

  // dress is called after parts were replaced.
  constructor(private readonly dress: () => void) {}

  // changed says that there is a newer state. A hidden page takes it when it is shown.
  changed(): void {
    if (document.hidden) {
      this.waits = true;
      return;
    }
    void this.load(location.href);
  }

  // watch takes the newest state when the page is shown again, and where nothing was heard for long.
  watch(): void {
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.waits) this.changed();
    });
    window.setInterval(() => {
      if (Date.now() - this.fresh > silence) this.changed();
    }, lookEvery);
  }

  // load shows the page of an address in the place of this one.
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

  // lost says that what is shown may be over.
  private lost(why: string): void {
    const notices = document.querySelector<HTMLElement>(".notices");
    if (!notices || Date.now() - this.fresh < silence) return;
    this.shown.delete(notices);
    const p = notices.querySelector(".lost") ?? notices.appendChild(document.createElement("p"));
    p.className = "problem lost";
    p.textContent = `${why} What is shown is as of ${new Date(this.fresh).toISOString().slice(0, 16).replace("T", " ")} UTC, and may be over.`;
  }
}

// replace puts the children of other into part. What is open stays open, and what has the focus keeps it.
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
