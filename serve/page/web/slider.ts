// The slider over a day shows another moment of the day without reloading the page.
import type { Live } from "./live";

const settle = 250; // milliseconds without a move, after which the moment is fetched

export function daySlider(live: Live): void {
  const nav = document.querySelector<HTMLElement>(".slider");
  const input = nav?.querySelector<HTMLInputElement>("input[name=at]");
  const hours = nav?.querySelector<HTMLElement>(".hours");
  if (!nav || !input || !hours) return;
  const day = nav.dataset.slider ?? "";
  const range = document.createElement("input");
  range.type = "range";
  range.min = "0";
  range.max = String(24 * 60 - 1);
  range.className = "minutes";
  range.setAttribute("aria-label", `Minute of ${day}, UTC`);
  hours.before(range);

  const clock = (minutes: number): string => `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
  const sync = (): void => {
    range.setAttribute("aria-valuetext", `${day} ${clock(range.valueAsNumber)} UTC`);
    input.value = `${day}T${clock(range.valueAsNumber)}`;
  };
  range.value = String(Number(input.value.slice(11, 13)) * 60 + Number(input.value.slice(14, 16)));
  range.setAttribute("aria-valuetext", `${input.value.replace("T", " ")} UTC`);

  let timer = 0;
  range.addEventListener("input", () => {
    sync();
    window.clearTimeout(timer);
    timer = window.setTimeout(() => {
      const url = new URL(location.href);
      url.searchParams.set("at", input.value + "Z");
      history.replaceState(null, "", url);
      void live.load(url.href);
    }, settle);
  });
}
