package incident

import "time"

// Config is the part of the section notify that decides on messages.
type Config struct {
	// Where darkmap's pages are: a message links to <public_url>/outages/<id>. Empty: messages have no link.
	PublicURL string `yaml:"public_url" form:"a URL of http or https"`
	// What is told to whom. A target hears of an outage through the first route that matches it.
	Routes []Route `yaml:"routes"`
	// When many incidents become one message.
	Storm Storm `yaml:"storm"`
}

// Storm is the section notify.storm.
type Storm struct {
	// A target that would be told of more incidents than this within the time is told of one storm.
	MoreThan int `yaml:"more_than" min:"1" max:"1000"`
	// The time within which they begin.
	Within time.Duration `yaml:"within" min:"1s" max:"24h"`
}

// Route is an entry of notify.routes.
type Route struct {
	// The route's name, in messages and in `darkmap notify explain`.
	Name string `yaml:"name" want:"a-z, 0-9 and -, another than those of the other routes"`
	// Which outages it takes.
	Match Match `yaml:"match"`
	// The names of the targets that are told.
	To []string `yaml:"to" want:"at least one target of notify.targets"`
	// A time of the day at which nothing is told.
	QuietHours QuietHours `yaml:"quiet_hours"`
	// Tells everything in one message at a time: "daily 08:00 Europe/Berlin" or
	// "weekly mon 08:00 Europe/Berlin". Empty: each incident at once.
	Digest string `yaml:"digest" want:"daily HH:MM ZONE or weekly mon HH:MM ZONE"`
	// The text of messages, as a template of Go's text/template. Empty: darkmap's own.
	Template string `yaml:"template" want:"a template of text/template that runs"`
	// Which changes of an open incident make a message. none: no change. severity: another
	// severity, kind or wider entity, and parts that are back. all: every change. Empty: severity.
	Updates string `yaml:"updates" oneof:"none severity all"`
	// How long a new incident waits for wider events. 0 is possible. Empty: as the target has it.
	GroupWait string `yaml:"group_wait" want:"a duration such as 60s, or 0, at most 1h"`
}

// Match holds the conditions on an outage. Of each list one entry must match; an empty list matches
// all.
type Match struct {
	// Types of entities: prefix, as, country, region, world, watch.
	Types []string `yaml:"types" oneof:"prefix as country region world watch"`
	// Codes of entities: KP, KP-01, AS131279, 175.45.176.0/24.
	Codes []string `yaml:"codes"`
	// Countries in which the entity lies, as ISO 3166-1 codes.
	Countries []string `yaml:"countries"`
	// AS numbers: outages of the AS, and of prefixes that it originates.
	ASNs []uint32 `yaml:"asns"`
	// Names of watch lists: every outage of a member.
	Watch []string `yaml:"watch"`
	// Address families: ipv4, ipv6.
	Families []string `yaml:"families" oneof:"ipv4 ipv6"`
	// Kinds: outage, partial, intermittent, moved, origin.
	Kinds []string `yaml:"kinds" oneof:"outage partial intermittent moved origin"`
	// Severities: minor, moderate, major, total.
	Severity []string `yaml:"severity" oneof:"minor moderate major total"`
	// The minutes that it has to last.
	MinMinutes int `yaml:"min_minutes" min:"0" max:"10080"`
	// The number of prefixes that have to be lost at its peak.
	MinPrefixes int `yaml:"min_prefixes" min:"0" max:"100000000"`
	// Datasets. Empty: live.
	Datasets []string `yaml:"datasets"`
	// States that are told: suspected, open, closed. Empty: open and closed. With suspected its
	// retraction is told as well.
	States []string `yaml:"states" oneof:"suspected open closed"`
}

// QuietHours is the section quiet_hours of a route. It is off while from is empty.
type QuietHours struct {
	// The local time at which they begin, HH:MM. Empty: there are none.
	From string `yaml:"from" want:"a time of day such as 22:00"`
	// The local time at which they end, HH:MM.
	To string `yaml:"to" want:"a time of day such as 07:00, another than from"`
	// The IANA time zone. Empty: UTC.
	TimeZone string `yaml:"time_zone" want:"a time zone of the IANA database such as Europe/Berlin"`
	// What to do with incidents that begin in them. hold: those that are open at the end of the
	// quiet hours are sent then; chats get one line about each that is over; targets that take
	// records (webhook, CloudEvents, topic) get all of them. drop: they are not sent. Empty: hold.
	Do string `yaml:"do" oneof:"drop hold"`
	// Severities that are told nevertheless.
	Except []string `yaml:"except" oneof:"minor moderate major total"`
}

// DefaultConfig returns a configuration without routes.
func DefaultConfig() Config {
	return Config{Storm: Storm{MoreThan: 20, Within: 5 * time.Minute}}
}
