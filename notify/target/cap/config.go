package cap

import (
	"net/url"
	"regexp"

	"github.com/darkmap/darkmap/internal/atomfeed"
	"github.com/darkmap/darkmap/internal/config"
)

// Config is the section cap of an entry of notify.targets.
type Config struct {
	// The folder of the alerts. It is made if it is missing; its parent has to be there.
	Folder string `yaml:"folder" min:"1" made:"yes"`
	// Who sends: a name within a domain of the sender's own, such as darkmap@example.net. It must never change.
	Sender string `yaml:"sender" min:"1" want:"an address such as darkmap@example.net: no spaces, commas, < or &"`
	// The sender's name for people. Empty: darkmap.
	SenderName string `yaml:"sender_name"`
	// The contact for questions. Empty: none.
	Contact string `yaml:"contact"`
	// The status of alerts of live data: Test, or Actual, which tells receivers to act. Empty: Test.
	Status string `yaml:"status" oneof:"Test Actual"`
	// For whom the alerts are if not for everybody. Then their scope is Restricted, files have mode
	// 0640, and incidents of private watch lists are among them. Empty: the scope is Public.
	Restriction string `yaml:"restriction"`
	// Where the folder's files are for readers, such as https://example.net/cap/. Empty: the feed's
	// links are relative to the feed.
	URL string `yaml:"url" form:"a URL of http or https"`
	// The feed's id, a tag URI that never changes: tag:example.net,2026:cap. Empty: made of the sender's domain.
	FeedID string `yaml:"feed_id" want:"a tag URI such as tag:example.net,2026:cap"`
	// How many incidents the feed holds. Those that are over go first, the oldest of them before the others.
	Entries int `yaml:"entries" min:"1" max:"10000"`
	// How many alerts the folder holds. Those that a later one replaces go first.
	Files int `yaml:"files" min:"1" max:"100000"`
}

// DefaultConfig returns the defaults, without a folder and a sender.
func DefaultConfig() Config { return Config{Status: statusTest, Entries: 200, Files: 2000} }

// sender matches an address or a domain without CAP's forbidden characters, which is also valid in
// a tag URI.
var sender = regexp.MustCompile(`^([A-Za-z0-9._+-]+@)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)

// Faults returns the faults that struct tags cannot express.
func (c Config) Faults() []config.Fault {
	var faults []config.Fault
	if c.Sender != "" && !sender.MatchString(c.Sender) {
		faults = append(faults, config.Fault{Key: "sender", Value: c.Sender})
	}
	if c.FeedID != "" && !atomfeed.IsTag(c.FeedID) {
		faults = append(faults, config.Fault{Key: "feed_id", Value: c.FeedID})
	}
	if c.Files < c.Entries {
		faults = append(faults, config.Fault{Key: "files", Value: c.Files, Want: "at least as many as entries"})
	}
	if u, err := url.Parse(c.URL); err == nil && u.User != nil {
		faults = append(faults, config.Fault{Key: "url", Value: "a URL with a password", Want: "one without"})
	}
	return faults
}
