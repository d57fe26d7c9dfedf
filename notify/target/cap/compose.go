package cap

import (
	"strconv"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/text"
)

const (
	// parameterMessage is the kind of darkmap's message, parameterNumber its number.
	parameterMessage = "darkmap:message"
	parameterNumber  = "darkmap:number"

	// maxHeadline and maxDescription bound texts, in graphemes. Many receivers cut headlines at
	// 160.
	maxHeadline, maxDescription = 160, 4000
	// maxGeocodes and maxOutages bound lists.
	maxGeocodes, maxOutages = 50, 20
	// expiry is the time after which the last message of an incident expires.
	expiry = 24 * time.Hour
)

// ends reports whether a kind of message ends a chain.
func ends(message string) bool {
	return message == string(target.Close) || message == string(target.TakeBack) ||
		message == string(target.Test)
}

// clean makes a text one line that is valid in XML.
func clean(s string) string { return text.XML(text.Line(s)) }

// identifier returns the identifier of a message's alert. CAP forbids spaces, commas, < and &.
func identifier(m *target.Message) string { return filePrefix + token(m.ID) }

// token replaces the characters of an id that identifiers of CAP, file names or lists must not
// contain.
func token(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.~", r) {
			return r
		}
		return '_'
	}, s)
}

// compose makes the alert of a message that continues before. If before is nil, it begins a chain.
func (c *Config) compose(m *target.Message, before *chain, sent time.Time) *alert {
	a := &alert{
		Identifier: identifier(m), Sender: c.Sender, Sent: at(sent), Status: c.status(m), MsgType: typeAlert,
		Scope: "Public",
		Note:  note(m), Incidents: token(m.Incident), Info: c.info(m, sent),
	}
	if c.Restriction != "" {
		a.Scope, a.Restriction = "Restricted", clean(c.Restriction)
	}
	if before == nil {
		return a
	}
	a.References = strings.Join(before.References, " ")
	if a.MsgType = typeUpdate; m.Kind == target.TakeBack {
		a.MsgType = typeCancel
	}
	return a
}

// status returns Actual only if the configuration has it and the data are live.
func (c *Config) status(m *target.Message) string {
	switch {
	case m.Exercise:
		return statusExercise
	case c.Status == statusActual && m.Kind != target.Test:
		return statusActual
	}
	return statusTest
}

func note(m *target.Message) string {
	switch {
	case m.Exercise:
		return "Exercise: the data are not live, but a reconstruction or a replay."
	case m.Kind == target.TakeBack:
		return "The suspicion did not last and is taken back."
	}
	return ""
}

func (c *Config) info(m *target.Message, sent time.Time) info {
	now := at(sent)
	i := info{
		Language: "en", Category: "Infra", Event: event(m), Urgency: urgency(m), Severity: severity(m),
		Certainty: certainty(m),
		Effective: &now, SenderName: clean(c.SenderName),
		Headline:    text.Cut(clean(m.Heading()), maxHeadline, 4*maxHeadline),
		Description: text.Cut(text.XML(description(m)), maxDescription, 4*maxDescription), Web: m.Link,
		Contact:    clean(c.Contact),
		Parameters: parameters(m), Area: where(m),
	}
	if i.SenderName == "" {
		i.SenderName = "darkmap"
	}
	if !m.Start.IsZero() {
		onset := at(m.Start)
		i.Onset = &onset
	}
	if m.Back() {
		i.ResponseType = "AllClear"
	}
	if ends(string(m.Kind)) {
		expires := at(sent.Add(expiry))
		i.Expires = &expires
	}
	return i
}

// event describes the type of event in a few words.
func event(m *target.Message) string {
	switch {
	case m.Kind == target.Test:
		return "Test of alerts"
	case m.Subject == target.SubjectBlind:
		return "Internet routes are not measured"
	case m.Subject == target.SubjectStorm:
		return "Many networks lost Internet routes"
	case len(m.Events) == 0:
		return "Internet routes lost"
	}
	switch m.Events[0].Kind {
	case bgp.KindPartial:
		return "Internet routes lost in part"
	case bgp.KindIntermittent:
		return "Internet routes lost again and again"
	case bgp.KindMoved:
		return "Internet routes moved to other networks"
	case bgp.KindOrigin:
		return "Internet routes announced by an unexpected network"
	case bgp.KindOutage:
	}
	return "Internet routes lost"
}

// urgency returns Unknown for an end without recovery, as it is unknown whether action is needed.
func urgency(m *target.Message) string {
	switch {
	case m.Back(), m.Kind == target.TakeBack, m.Kind == target.Test, m.Kind == target.Close &&
		m.Subject != target.SubjectOutage:
		return "Past"
	case m.Kind == target.Close, m.Subject == target.SubjectBlind, !m.NotMeasuredSince.IsZero():
		return "Unknown"
	case m.Severity == bgp.SeverityTotal, m.Severity == bgp.SeverityMajor:
		return "Immediate"
	}
	return "Expected"
}

// severity returns the incident's severity while the incident is open.
func severity(m *target.Message) string {
	switch {
	case m.Back(), m.Kind == target.TakeBack, m.Kind == target.Test:
		return "Minor"
	case m.Kind == target.Close, m.Subject == target.SubjectBlind:
		return "Unknown"
	}
	switch m.Severity {
	case bgp.SeverityTotal:
		return "Extreme"
	case bgp.SeverityMajor:
		return "Severe"
	case bgp.SeverityModerate:
		return "Moderate"
	case bgp.SeverityMinor:
		return "Minor"
	}
	return "Unknown"
}

func certainty(m *target.Message) string {
	switch {
	case m.Kind == target.Test:
		return "Unknown"
	case m.Subject != target.SubjectOutage:
		return "Observed"
	case m.Kind == target.TakeBack:
		return "Unlikely"
	case m.Kind == target.Close && !m.Back(), !m.NotMeasuredSince.IsZero():
		return "Unknown"
	case len(m.Events) > 0 && m.Events[0].State == bgp.StateSuspected:
		return "Possible"
	}
	return "Observed"
}

// description returns the summary and the facts, one a line.
func description(m *target.Message) string {
	lines := []string{text.Lines(m.Summary)}
	if m.Summary == "" {
		lines[0] = text.Line(m.Headline)
	}
	for _, f := range m.Facts() {
		lines = append(lines, text.Line(f.Name+": "+f.Text))
	}
	return strings.Join(lines, "\n")
}

// parameters returns the values for programs.
func parameters(m *target.Message) []named {
	all := []named{{parameterMessage, string(m.Kind)}, {parameterNumber, strconv.FormatUint(m.Number, 10)}}
	add := func(name, value string) {
		if value != "" {
			all = append(all, named{"darkmap:" + name, clean(value)})
		}
	}
	add("severity", string(m.Severity))
	add("end_reason", string(m.Reason))
	if !m.NotMeasuredSince.IsZero() {
		add("not_measured_since", at(m.NotMeasuredSince).String())
	}
	if len(m.Events) > 0 {
		o := &m.Events[0]
		add("kind", string(o.Kind))
		add("loss_percent_now", o.Now.LossPercent.String())
		add("loss_percent_worst", o.Peak.LossPercent.String())
		add("voters", strconv.Itoa(o.Panel.Voters))
		add("collectors", strconv.Itoa(o.Panel.Collectors))
	}
	for i := range m.Events {
		if i == maxOutages {
			break
		}
		add("outage", m.Events[i].ID)
	}
	if m.EventsTotal > 0 {
		add("outages_total", strconv.Itoa(m.EventsTotal))
	}
	return all
}

// where returns the area of the message in words and codes.
func where(m *target.Message) area {
	a := area{Desc: text.Cut(clean(m.Title), maxHeadline, 4*maxHeadline)}
	told := map[named]bool{}
	add := func(name, value string) {
		if g := (named{name, clean(value)}); value != "" && !told[g] && len(a.Geocodes) < maxGeocodes {
			told[g] = true
			a.Geocodes = append(a.Geocodes, g)
		}
	}
	for i := range m.Events {
		o := &m.Events[i]
		switch o.Entity.Type {
		case bgp.EntityCountry:
			add("ISO 3166-1", o.Entity.Code)
		case bgp.EntityRegion:
			add("ISO 3166-2", o.Entity.Code)
			country, _, _ := strings.Cut(o.Entity.Code, "-")
			add("ISO 3166-1", country)
		case bgp.EntityAS:
			add("ASN", strings.TrimPrefix(o.Entity.Code, "AS"))
		case bgp.EntityPrefix, bgp.EntityWorld, bgp.EntityWatch:
		}
		for _, country := range o.Countries {
			add("ISO 3166-1", country)
		}
		for _, origin := range o.Origins {
			add("ASN", strconv.FormatUint(uint64(origin.ASN), 10))
		}
	}
	if a.Desc == "" {
		a.Desc = "Not known"
	}
	if len(m.Events) > 0 {
		if t := m.Events[0].Entity.Type; t == bgp.EntityAS || t == bgp.EntityPrefix {
			a.Desc += countries(m.Events[0].Countries)
		}
	}
	return a
}

// countries formats the first countries: " (North Korea, China)".
func countries(codes []string) string {
	const shown = 3
	var names []string
	for _, code := range codes[:min(len(codes), shown)] {
		if name := bgp.CountryName(code); name != "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " (" + strings.Join(names, ", ") + ")"
}
