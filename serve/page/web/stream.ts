// One stream of server-sent events for all tabs of this server. Browsers open six connections to a
// server over HTTP/1.1, so with a stream in each tab the seventh tab could not load. One tab leads:
// it has the stream, and forwards the events to the others through a BroadcastChannel.

type Message = { kind: "event" } | { kind: "ask" } | { kind: "lead"; from: number } | { kind: "bye" };

// The events after which pages load their newest state: a decided minute, missed minutes, the begin
// of the stream.
const events = ["window", "reset", "hello"];

// retryFirst and retryMost are the first and the longest wait, in milliseconds, before the leader
// opens a stream again that the server has refused.
const retryFirst = 5_000;
const retryMost = 60_000;

// open keeps a stream open, and returns a function that closes it. A browser reconnects by itself,
// but not after an answer that is not a stream.
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

// follow calls heard for each event of the stream. One of the tabs has the stream.
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
    // The promise never settles, so the tab holds the lock until it is closed.
    void navigator.locks.request(name, () => new Promise<void>(() => void lead()));
    return;
  }
  elect(channel, tell, lead, heard);
}

// leadEvery is the interval of the leader's announcements, and leadGone the silence after which
// another tab takes over, in milliseconds. Browsers slow timers of hidden tabs down to one a
// minute.
const leadEvery = 10_000;
const leadGone = 100_000;

// elect chooses a leader without locks, which pages without a secure origin do not have. A new tab
// asks for a leader, who answers at once. Without an answer the tab leads after a while. Of two
// leaders the one with the greater number resigns.
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
