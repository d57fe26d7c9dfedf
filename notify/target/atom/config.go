package atom

import (
	"net/url"
	"strings"

	"github.com/darkmap/darkmap/internal/atomfeed"
	"github.com/darkmap/darkmap/internal/config"
)

// Config is the section atom of an entry of notify.targets.
type Config struct {
	// The file, such as /var/www/outages.atom; its folder has to be there. Everybody on the machine may read it.
	File string `yaml:"file" min:"1" made:"yes"`
	// The feed's id, a tag URI of a domain of your own. It must never change: readers would take every
	// entry for a new one.
	ID string `yaml:"id" min:"1" want:"a tag URI such as tag:example.net,2026:outages"`
	// The feed's title. Empty: Internet outages.
	Title string `yaml:"title"`
	// Who writes it. Empty: darkmap.
	Author string `yaml:"author"`
	// Where readers find the file. Empty: the feed does not say it.
	URL string `yaml:"url" form:"a URL of http or https"`
	// How many entries the feed holds.
	Entries int `yaml:"entries" min:"1" max:"10000"`
}

// DefaultConfig returns the defaults, without a file and an id.
func DefaultConfig() Config {
	return Config{Title: "Internet outages", Author: "darkmap", Entries: 100}
}

// Faults returns the faults that struct tags cannot express.
func (c Config) Faults() []config.Fault {
	var faults []config.Fault
	if c.ID != "" && (!atomfeed.IsTag(c.ID) || strings.HasSuffix(c.ID, "/")) {
		faults = append(faults, config.Fault{Key: "id", Value: c.ID})
	}
	if u, err := url.Parse(c.URL); err == nil && u.User != nil {
		faults = append(faults, config.Fault{Key: "url", Value: "a URL with a password", Want: "one without"})
	}
	return faults
}
