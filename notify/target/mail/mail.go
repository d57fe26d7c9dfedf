package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	netmail "net/mail"
	"net/textproto"
	"os"
	"sync"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/neterror"
	"github.com/darkmap/darkmap/notify/target"
)

const (
	// maxAge is the age from which news is late. groupWait is how long an incident waits for wider
	// events. interval is the minimum time between mails.
	maxAge    = 6 * time.Hour
	groupWait = time.Minute
	interval  = time.Second
)

// mailTarget is a mail server with its recipients. mu guards the last two fields.
type mailTarget struct {
	cfg         Config
	name        string
	from        *netmail.Address
	replyTo     *netmail.Address
	to          []*netmail.Address
	unsubscribe string
	password    string
	tls         *tls.Config
	now         func() time.Time
	logger      *slog.Logger

	mu      sync.Mutex
	message string          // the id of the message being sent
	done    map[string]bool // by address: true if the mail was accepted, false if it was refused permanently
}

// New makes the target. It does not contact the server.
func New(cfg Config, d target.Deps) (target.Target, error) {
	if err := config.Validate(&cfg); err != nil {
		return nil, err
	}
	t := &mailTarget{
		cfg: cfg, name: d.Name, now: d.Now, logger: d.Logger, unsubscribe: cfg.Unsubscribe,
		tls: &tls.Config{MinVersion: tls.VersionTLS12, ServerName: cfg.Host},
	}
	var err error
	if t.password, err = cfg.Password.Read(); err != nil {
		return nil, err
	}
	if t.from, err = netmail.ParseAddress(cfg.From); err != nil {
		return nil, fmt.Errorf("from: %w", err)
	}
	if cfg.ReplyTo != "" {
		if t.replyTo, err = netmail.ParseAddress(cfg.ReplyTo); err != nil {
			return nil, fmt.Errorf("reply_to: %w", err)
		}
	}
	for _, s := range cfg.To {
		a, err := netmail.ParseAddress(s)
		if err != nil {
			return nil, fmt.Errorf("to: %w", err)
		}
		t.to = append(t.to, a)
	}
	if t.unsubscribe == "" {
		t.unsubscribe = "mailto:" + t.from.Address + "?subject=unsubscribe"
	}
	if cfg.CAFile != "" {
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading ca_file: %w", err)
		}
		t.tls.RootCAs = x509.NewCertPool()
		if !t.tls.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading ca_file: %s holds no certificate in PEM", cfg.CAFile)
		}
	}
	return t, nil
}

// Traits returns the traits of a chat. Mails cannot be edited, so each message of an incident is a
// mail of its thread.
func (t *mailTarget) Traits() target.Traits {
	return target.Traits{Style: target.Chat, MaxAge: maxAge, Interval: interval, GroupWait: groupWait}
}

// client returns a client that is not connected yet. dial is used for connections that are not
// encrypted from the start; for the others go-mail needs its own dialer.
func (t *mailTarget) client(dial mail.DialContextFunc) (*mail.Client, error) {
	options := []mail.Option{
		mail.WithPort(t.cfg.port()), mail.WithTimeout(t.cfg.Timeout),
		mail.WithTLSConfig(t.tls),
	}
	switch t.cfg.encryption() {
	case tlsWhole:
		options = append(options, mail.WithSSL())
	case tlsStart:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory), mail.WithDialContextFunc(dial))
	default:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS), mail.WithDialContextFunc(dial))
	}
	if t.cfg.User != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(t.cfg.User),
			mail.WithPassword(t.password))
	}
	return mail.NewClient(t.cfg.Host, options...)
}

// dial connects.
func (t *mailTarget) dial(ctx context.Context) (*mail.Client, error) {
	var opened net.Conn
	c, err := t.client(func(ctx context.Context, network, address string) (_ net.Conn, err error) {
		opened, err = new(net.Dialer).DialContext(ctx, network, address)
		return opened, err
	})
	if err != nil {
		return nil, &target.Fault{
			Err: fmt.Errorf("%s: the settings of the mail server cannot be used: %w", t.cfg.Host, err), Refused: true,
		}
	}
	if err := c.DialWithContext(ctx); err != nil {
		if opened != nil { // go-mail leaves the connection open if the server refuses the password
			_ = opened.Close()
		}
		return nil, t.undialled(err)
	}
	return c, nil
}

// Send sends the message to each recipient that does not have it yet.
func (t *mailTarget) Send(ctx context.Context, m *target.Message, h target.Handle) (target.Handle, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var before thread
	_ = json.Unmarshal(h, &before) // an unreadable handle begins a thread
	if t.message != m.ID {
		t.message, t.done = m.ID, map[string]bool{}
	}
	c, err := t.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }() // the mails are delivered or not by now
	var last, refused error
	taken := false
	for _, to := range t.to {
		if done, tried := t.done[to.Address]; tried {
			taken = taken || done
			continue
		}
		err := t.sendOne(c, m, to, before)
		f := target.FaultOf(err)
		switch {
		case err == nil:
			t.done[to.Address], taken = true, true
		case f != nil && f.Refused:
			t.done[to.Address], refused = false, err
			t.logger.Warn("a mail server refuses a recipient", "target", t.name, "recipient", to.Address, "err", err)
		default:
			last = err
		}
		if ctx.Err() != nil {
			last = ctx.Err()
		}
		if last != nil && (f == nil || f.Status == 0 || f.Throttle) { // the connection cannot be used any more
			break
		}
	}
	switch {
	case last != nil:
		return nil, last
	case !taken && refused != nil:
		return nil, refused
	case !taken:
		return nil, &target.Fault{Err: errors.New("the mail server refuses every recipient"), Refused: true}
	}
	after := thread{First: before.First, Last: t.messageID(m)}
	if after.First == "" {
		after.First = after.Last
	}
	return json.Marshal(after)
}

// sendOne sends the mail of one recipient.
func (t *mailTarget) sendOne(c *mail.Client, m *target.Message, to *netmail.Address, before thread) error {
	msg := t.compose(m, to, before)
	err := c.Send(msg)
	if err == nil || msg.IsDelivered() { // errors after the server accepted the mail do not matter
		return nil
	}
	if e, ok := errors.AsType[*mail.SendError](err); ok && e.ErrorCode() != 0 {
		return t.answered(e.ErrorCode(), err)
	}
	return &target.Fault{Err: fmt.Errorf("sending a mail through %s: %s", t.cfg.Host, t.reason(err))}
}

// undialled returns the reason why there is no connection.
func (t *mailTarget) undialled(err error) error {
	if p, ok := errors.AsType[*textproto.Error](err); ok {
		f := t.answered(p.Code, err)
		f.Gone, f.Refused = p.Code >= 530 && p.Code <= 538, p.Code >= 500 && (p.Code < 530 || p.Code > 538)
		return f
	}
	return &target.Fault{Err: fmt.Errorf("connecting to the mail server %s: %s", t.cfg.Host, t.reason(err))}
}

// answered returns the fault for an answer of the server.
func (t *mailTarget) answered(code int, err error) *target.Fault {
	f := &target.Fault{
		Err: fmt.Errorf("%s answers: %s", t.cfg.Host, t.reason(err)), Status: code,
		Refused: code >= 500,
	}
	f.Throttle = code == 421
	return f
}

// reason returns an error as one line of bounded length, without secrets.
func (t *mailTarget) reason(err error) string {
	coded := base64.StdEncoding.EncodeToString // the form in which AUTH sends them (RFC 4616 and LOGIN)
	return target.Quote(neterror.Why(err), t.password, coded([]byte(t.password)),
		coded([]byte("\x00"+t.cfg.User+"\x00"+t.password)))
}

// Check connects and authenticates. It sends no mail.
func (t *mailTarget) Check(ctx context.Context) error {
	c, err := t.dial(ctx)
	if err != nil {
		return err
	}
	return c.Close()
}

// Close does nothing: a connection is closed after each message.
func (t *mailTarget) Close() error { return nil }
