// The script of the pages: new minutes, a tooltip on the map, a cursor on charts, a slider over the
// day, copy buttons. Every page works without it.
import { chartCursors } from "./chart";
import { copyButtons } from "./copy";
import { Live } from "./live";
import { mapTips, nameCountries } from "./map";
import { daySlider } from "./slider";
import { follow } from "./stream";

function dress(): void {
  nameCountries();
  chartCursors();
  copyButtons();
}

const live = new Live(dress);
dress();
mapTips();
daySlider(live);

const stream = document.body.dataset.stream;
if (stream) {
  follow(stream, () => live.changed());
  live.watch();
}
