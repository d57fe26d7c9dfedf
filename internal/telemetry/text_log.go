package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// textHandler writes lines for people, in the layout of darkmap's other output:
//
//	2006-01-02 15:04:05  warn      message key=value
//
// Times are UTC.
type textHandler struct {
	mu   *sync.Mutex // guards w and text
	w    io.Writer
	text *bytes.Buffer
	// attrs writes the attributes of a record to text, without the time, the level and the message.
	attrs slog.Handler
}

func newTextHandler(w io.Writer, level slog.Leveler) textHandler {
	text := new(bytes.Buffer)
	return textHandler{
		mu: new(sync.Mutex), w: w, text: text,
		attrs: slog.NewTextHandler(text, &slog.HandlerOptions{
			Level: level,
			ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
				switch {
				case len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey):
					return slog.Attr{}
				case a.Value.Kind() == slog.KindTime:
					a.Value = slog.StringValue(a.Value.Time().UTC().Format(time.DateTime))
				}
				return a
			},
		}),
	}
}

// Enabled reports whether records of the level are written.
func (h textHandler) Enabled(ctx context.Context, l slog.Level) bool { return h.attrs.Enabled(ctx, l) }

// Handle writes one line.
func (h textHandler) Handle(ctx context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text.Reset()
	if err := h.attrs.Handle(ctx, r); err != nil {
		return err
	}
	line := fmt.Sprintf("%s  %-9s %s", r.Time.UTC().Format(time.DateTime),
		strings.ToLower(r.Level.String()), r.Message)
	if attrs := strings.TrimSpace(h.text.String()); attrs != "" {
		line += " " + attrs
	}
	_, err := io.WriteString(h.w, line+"\n")
	return err
}

// WithAttrs adds attributes to every line.
func (h textHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.attrs = h.attrs.WithAttrs(attrs)
	return h
}

// WithGroup puts later attributes into a group.
func (h textHandler) WithGroup(name string) slog.Handler {
	h.attrs = h.attrs.WithGroup(name)
	return h
}
