// The tooltip of the map describes the country under the pointer or with the focus. Escape closes
// it.

// nameCountries turns the titles into labels, so that browsers do not show a second tooltip.
export function nameCountries(): void {
  for (const title of document.querySelectorAll(".worldmap a > title")) {
    title.parentElement?.setAttribute("aria-label", title.textContent ?? "");
    title.remove();
  }
  for (const a of document.querySelectorAll<SVGAElement>(".worldmap .shapes a[aria-hidden]")) {
    const dot = document.querySelector(`.worldmap .dots a[data-code="${a.dataset.code}"]`);
    a.dataset.label = dot?.getAttribute("aria-label") ?? "";
  }
}

export function mapTips(): void {
  const figure = document.querySelector<HTMLElement>("figure.map");
  if (!figure) return;
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("role", "tooltip");
  document.body.append(tip);

  let shown: Element | null = null;
  const hide = (): void => {
    tip.hidden = true;
    shown = null;
  };
  const show = (link: Element): void => {
    shown = link;
    tip.textContent = link.getAttribute("aria-label") ?? (link as SVGAElement).dataset.label ?? "";
    tip.hidden = tip.textContent === "";
    const box = link.getBoundingClientRect();
    const size = tip.getBoundingClientRect();
    const width = document.documentElement.clientWidth;
    const left = Math.min(Math.max(box.left + box.width / 2 - size.width / 2, 4), width - size.width - 4);
    const above = box.top - size.height - 6;
    tip.style.left = `${left + window.scrollX}px`;
    tip.style.top = `${(above > 0 ? above : Math.min(box.bottom + 6, window.innerHeight - size.height - 6)) + window.scrollY}px`;
  };
  const linkOf = (e: Event): Element | null => (e.target instanceof Element ? e.target.closest(".worldmap a") : null);
  figure.addEventListener("pointerover", (e) => {
    const link = linkOf(e);
    if (link && link !== shown) show(link);
  });
  figure.addEventListener("pointerout", (e) => {
    if (!(e.relatedTarget instanceof Element && e.relatedTarget.closest(".worldmap a"))) hide();
  });
  figure.addEventListener("focusin", (e) => {
    const link = linkOf(e);
    if (link?.matches(":focus-visible")) show(link);
  });
  figure.addEventListener("focusout", hide);
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape") hide();
  });
}
