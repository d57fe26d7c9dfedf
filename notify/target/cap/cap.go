package cap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/darkmap/darkmap/notify/target"
)

// maxAge is the age from which news is late.
const maxAge = 6 * time.Hour

// groupWait is how long an incident waits for wider events.
const groupWait = time.Minute

// capTarget is a folder of CAP alerts. mu guards it.
type capTarget struct {
	cfg    Config
	mu     sync.Mutex
	folder folder
}

// New makes the target. It returns an error if the folder cannot be used.
func New(cfg Config, d target.Deps) (target.Target, error) {
	if cfg.Folder == "" || cfg.Sender == "" {
		return nil, errors.New("a target of the type cap needs a folder and a sender")
	}
	t := &capTarget{cfg: cfg, folder: folder{dir: cfg.Folder, file: 0o644, below: 0o755}}
	if cfg.Restriction != "" {
		t.folder.file, t.folder.below = 0o640, 0o750
	}
	if err := t.folder.open(d.Logger); err != nil {
		return nil, err
	}
	return t, nil
}

// Traits returns the traits of a feed. It is keyed, as a message that is sent twice makes the same
// file.
func (t *capTarget) Traits() target.Traits {
	return target.Traits{
		Style: target.Feed, Keyed: true, Public: t.cfg.Restriction == "", MaxAge: maxAge,
		GroupWait: groupWait,
	}
}

// Send writes the alert of the message, if there is one, and the feed. The handle repeats the
// chain's references in case the folder is lost.
func (t *capTarget) Send(_ context.Context, m *target.Message, h target.Handle) (target.Handle, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m.Kind == target.Notice {
		return nil, nil
	}
	before, newest := t.before(m, h)
	if m.Private && t.cfg.Restriction == "" {
		return t.withdraw(m, before, newest)
	}
	// An earlier attempt wrote the alert, and perhaps not the feed.
	if t.folder.has(identifier(m)) {
		return nil, t.folder.writeFeed(&t.cfg)
	}
	if before == nil && (m.Kind == target.Close || m.Kind == target.TakeBack) {
		return nil, nil
	}
	sent := m.Time
	if newest != nil && sent.Before(newest.Sent.Time) {
		sent = newest.Sent.Time
	}
	return t.put(t.cfg.compose(m, before, sent))
}

// put writes an alert and returns the handle.
func (t *capTarget) put(a *alert) (target.Handle, error) {
	if err := t.folder.write(a, &t.cfg); err != nil {
		return nil, err
	}
	h, err := json.Marshal(a.chain())
	if err != nil {
		return nil, fmt.Errorf("writing the references of a CAP chain: %w", err)
	}
	return h, nil
}

// before returns the chain that a message continues, or nil if the message begins a chain, and the
// incident's newest alert.
func (t *capTarget) before(m *target.Message, h target.Handle) (*chain, *alert) {
	if m.Incident == "" {
		return nil, nil
	}
	newest := t.folder.newest[token(m.Incident)]
	var c chain
	switch {
	case newest != nil:
		c = *newest.chain()
	case len(h) == 0 || json.Unmarshal(h, &c) != nil:
		return nil, nil
	}
	if c.Ended || len(c.References) == 0 {
		return nil, newest
	}
	return &c, newest
}

// withdraw cancels the chain of an incident that became private. The Cancel contains nothing that
// earlier alerts did not contain.
func (t *capTarget) withdraw(m *target.Message, before *chain, newest *alert) (target.Handle, error) {
	if before == nil || newest == nil {
		return nil, nil
	}
	a := *newest
	a.Identifier, a.MsgType, a.Sent, a.Note = identifier(m), typeCancel, at(m.Time), "No longer for the public."
	if a.Sent.Before(newest.Sent.Time) {
		a.Sent = newest.Sent
	}
	a.References = strings.Join(before.References, " ")
	a.Info.ResponseType, a.Info.Urgency, a.Info.Certainty = "", "Unknown", "Unknown"
	a.Info.Parameters = []named{
		{parameterMessage, string(target.TakeBack)},
		{parameterNumber, fmt.Sprint(m.Number)},
	}
	return t.put(&a)
}

// Check returns an error if an alert could not be written.
func (t *capTarget) Check(context.Context) error {
	f, err := os.CreateTemp(t.cfg.Folder, "check-*.tmp")
	if err != nil {
		return fmt.Errorf("writing into the folder of CAP alerts: %w", err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// Close does nothing.
func (t *capTarget) Close() error { return nil }
