package mail

import (
	"net/mail"
	"net/netip"
	"net/url"
	"time"

	"github.com/darkmap/darkmap/internal/config"
)

// Config is the section mail of an entry of notify.targets.
type Config struct {
	// The host of the mail server that takes mails from darkmap.
	Host string `yaml:"host" min:"1"`
	// Its port. 0: 587 for starttls, 465 for tls, 25 for none.
	Port int `yaml:"port" min:"0" max:"65535"`
	// How the connection is encrypted: starttls, tls from the start, or none, which only a server on
	// loopback may have. Empty: starttls, or none on loopback.
	TLS string `yaml:"tls" oneof:"starttls tls none"`
	// The certificates, PEM, of the authorities that sign the server's. Empty: the system's.
	CAFile string `yaml:"ca_file"`
	// The user's name. Empty: the server asks for none.
	User string `yaml:"user"`
	// The user's password.
	Password config.Secret `yaml:"password"`
	// Who sends: darkmap@example.net, or Darkmap <darkmap@example.net>.
	From string `yaml:"from" min:"1" want:"a mail address"`
	// Who gets the mails; each gets one of his own.
	To []string `yaml:"to" min:"1" max:"50" want:"mail addresses"`
	// Where answers go. Empty: to the sender.
	ReplyTo string `yaml:"reply_to" want:"a mail address"`
	// How one gets no more mails, in List-Unsubscribe: a URL of https or mailto. Empty: a mail to the
	// sender with the subject unsubscribe.
	Unsubscribe string `yaml:"unsubscribe" want:"a URL of https or mailto"`
	// How long one attempt may last.
	Timeout time.Duration `yaml:"timeout" min:"1s" max:"2m"`
}

// DefaultConfig returns the defaults, without the server and the addresses.
func DefaultConfig() Config { return Config{Timeout: 30 * time.Second} }

// The values of Config.TLS.
const (
	tlsStart   = "starttls"
	tlsWhole   = "tls"
	tlsWithout = "none"
)

// Faults returns the faults that struct tags cannot express.
func (c Config) Faults() []config.Fault {
	var faults []config.Fault
	add := func(key string, value any, want string) {
		faults = append(faults, config.Fault{Key: key, Value: value, Want: want})
	}
	for key, address := range map[string]string{"from": c.From, "reply_to": c.ReplyTo} {
		if _, err := mail.ParseAddress(address); address != "" && err != nil {
			add(key, address, "")
		}
	}
	for _, address := range c.To {
		if _, err := mail.ParseAddress(address); err != nil {
			add("to", address, "")
		}
	}
	if c.TLS == tlsWithout && !c.loopback() {
		add("tls", c.TLS, "starttls or tls: the server is not on loopback")
	}
	if (c.User == "") != (c.Password == config.Secret{}) {
		add("user", c.User, "it together with password")
	}
	if u, err := url.Parse(c.Unsubscribe); c.Unsubscribe != "" &&
		(err != nil || u.Scheme != "https" && u.Scheme != "mailto") {
		add("unsubscribe", c.Unsubscribe, "")
	}
	return faults
}

// loopback reports whether the server is on this machine.
func (c Config) loopback() bool {
	a, err := netip.ParseAddr(c.Host)
	return c.Host == "localhost" || err == nil && a.IsLoopback()
}
