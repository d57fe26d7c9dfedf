// One stream of server-sent events for all tabs of this server. Browsers open six connections to a server over HTTP/1.1, so a stream in each tab would keep
// the seventh from loading. The tab that leads has the stream, and tells the others through a BroadcastChannel.

type Message = { kind: "event" } | { kind: "ask" } | { kind: "lead"; from: number } | { kind: "bye" };

// Events that say that something is new: a decided minute, that minutes were missed, that the stream has begun.
const events = ["window", "reset", "hello"];

// retryFirst and retryMost are for how long the leader waits before it opens a stream that the server has refused, milliseconds.
const retryFirst = 5_000;
const retryMost = 60_000;

// open keeps a stream open, and returns what closes it. A browser connects again by itself, but not after an answer that is no stream.
function open(url: string, heard: () => void): () => void {
  let source: EventSource;
  let timer = 0;
  let wait = retryFirst;
  const connect = (): void => {
    source = new EventSource(url);
    source.onopen = () => {
      wait = retryFirst;
    };
    for (const name of events) source.addEventListener(name, heard);
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return;
      timer = window.setTimeout(connect, wait);
      wait = Math.min(wait * 2, retryMost);
    };
  };
  connect();
  return () => {
    window.clearTimeout(timer);
    source.close();
  };
}

// follow calls heard for each event of the stream, which one of the tabs has.
export function follow(url: string, heard: () => void): void {
  const name = "darkmap " + new URL(url, location.href).pathname;
  if (!("BroadcastChannel" in window)) {
    open(url, heard);
    return;
  }
  const channel = new BroadcastChannel(name);
  const tell = (m: Message): void => channel.postMessage(m);
  const lead = (): (() => void) =>
    open(url, () => {
      tell({ kind: "event" });
      heard();
    });
  if (navigator.locks) {
    channel.onmessage = (e: MessageEvent<Message>) => {
      if (e.data.kind === "event") heard();
    };
    // The lock is held until the tab is closed: the promise has no end.
    void navigator.locks.request(name, () => new Promise<void>(() => void lead()));
    return;
  }
  elect(channel, tell, lead, heard);
}

// leadEvery is how often the leader says that it is there, leadGone after how long of silence another one takes over, milliseconds. Browsers slow
// timers of hidden tabs down to one a minute.
const leadEvery = 10_000;
const leadGone = 100_000;

// elect chooses a leader where there are no locks: pages that are not from a safe origin have none. A new tab asks whether there is a leader, which answers
// at once, and leads after a while without an answer. Of two leaders the one with the greater number resigns.
function elect(channel: BroadcastChannel, tell: (m: Message) => void, lead: () => () => void, heard: () => void): void {
  const me = Math.random();
  let last = 0;
  let resign: (() => void) | null = null;
  channel.onmessage = (e: MessageEvent<Message>) => {
    switch (e.data.kind) {
      case "bye":
        last = 0;
        window.setTimeout(check, 200 * me);
        return;
      case "ask":
        if (resign) tell({ kind: "lead", from: me });
        return;
      case "event":
        last = Date.now();
        heard();
        return;
      case "lead":
        last = Date.now();
        if (resign && e.data.from < me) {
          resign();
          resign = null;
        } else if (resign) tell({ kind: "lead", from: me });
    }
  };
  const check = (): void => {
    if (!resign && Date.now() - last > leadGone) resign = lead();
    if (resign) tell({ kind: "lead", from: me });
  };
  window.setInterval(check, leadEvery);
  window.setTimeout(check, 500 + 500 * me);
  tell({ kind: "ask" });
  window.addEventListener("pagehide", () => {
    if (resign) tell({ kind: "bye" });
  });
}
