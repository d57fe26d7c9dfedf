package cap_test

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rivo/uniseg"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/schematest"
	"github.com/darkmap/darkmap/notify/target"
	capalert "github.com/darkmap/darkmap/notify/target/cap"
	"github.com/darkmap/darkmap/notify/target/targettest"
)

// parsed is the part of an alert that the tests check, read by a separate decoder.
type parsed struct {
	Identifier string `xml:"identifier"`
	Sender     string `xml:"sender"`
	Sent       string `xml:"sent"`
	Status     string `xml:"status"`
	MsgType    string `xml:"msgType"`
	Scope      string `xml:"scope"`
	References string `xml:"references"`
	Incidents  string `xml:"incidents"`
	Info       struct {
		Category     string `xml:"category"`
		ResponseType string `xml:"responseType"`
		Urgency      string `xml:"urgency"`
		Severity     string `xml:"severity"`
		Certainty    string `xml:"certainty"`
		Headline     string `xml:"headline"`
		Description  string `xml:"description"`
		Area         struct {
			Desc     string `xml:"areaDesc"`
			Geocodes []struct {
				Name  string `xml:"valueName"`
				Value string `xml:"value"`
			} `xml:"geocode"`
		} `xml:"area"`
	} `xml:"info"`
}

func settings(t *testing.T) capalert.Config {
	t.Helper()
	cfg := capalert.DefaultConfig()
	cfg.Folder, cfg.Sender = filepath.Join(t.TempDir(), "cap"), "darkmap@example.net"
	return cfg
}

func start(t *testing.T, cfg capalert.Config) target.Target {
	t.Helper()
	if err := config.Validate(&cfg); err != nil {
		t.Fatal(err)
	}
	tg, err := capalert.New(cfg, targettest.Deps(t))
	if err != nil {
		t.Fatal(err)
	}
	return tg
}

// send sends messages in order, with the handle of the one before, and returns the last handle.
func send(t *testing.T, tg target.Target, h target.Handle, messages ...*target.Message) target.Handle {
	t.Helper()
	for _, m := range messages {
		next, err := tg.Send(t.Context(), m, h)
		if err != nil {
			t.Fatal(err)
		}
		if next != nil {
			h = next
		}
		if len(h) > 4096 {
			t.Errorf("message %d: the handle has %d octets", m.Number, len(h))
		}
	}
	return h
}

// alerts returns the alerts of the folder in the order of sending.
func alerts(t *testing.T, dir string) []parsed {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.xml"))
	if err != nil {
		t.Fatal(err)
	}
	var all []parsed
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var a parsed
		if err := xml.Unmarshal(b, &a); err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b parsed) int { return strings.Compare(a.Sent, b.Sent) })
	return all
}

// contents returns the contents of the folder's files by name.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(b)
	}
	return all
}

func validate(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.xml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got %v, %v", files, err)
	}
	t.Run("schema", func(t *testing.T) { // a separate subtest, as a machine without xmllint skips only this one
		schematest.Validate(t, schematest.CAP, files...)
		schematest.Validate(t, schematest.Atom, filepath.Join(dir, "feed.atom"))
	})
}

// TestChain checks Alert, Update and the end, by reason. Each message must refer to the earlier
// ones.
func TestChain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		reason                                   bgp.EndReason
		msgType, response, severity, urgency, ct string
	}{
		{bgp.EndRecovered, "Update", "AllClear", "Minor", "Past", "Observed"},
		{bgp.EndSuperseded, "Update", "", "Unknown", "Unknown", "Unknown"},
		{bgp.EndNewNormal, "Update", "", "Unknown", "Unknown", "Unknown"},
		{bgp.EndLeftTable, "Update", "", "Unknown", "Unknown", "Unknown"},
		{bgp.EndCovered, "Update", "", "Unknown", "Unknown", "Unknown"},
		{bgp.EndRemoved, "Update", "", "Unknown", "Unknown", "Unknown"},
		{bgp.EndLostSight, "Update", "", "Unknown", "Unknown", "Unknown"},
		{bgp.NotEnded, "Cancel", "", "Minor", "Past", "Unlikely"},
	} {
		t.Run(string(tt.reason), func(t *testing.T) {
			t.Parallel()
			cfg := settings(t)
			send(t, start(t, cfg), nil, targettest.Day(tt.reason)...)
			validate(t, cfg.Folder)
			got := alerts(t, cfg.Folder)
			if len(got) != 3 || got[0].MsgType != "Alert" || got[1].MsgType != "Update" || got[2].MsgType != tt.msgType {
				t.Fatalf("got %+v", got)
			}
			refs := ""
			for i, a := range got {
				if a.References != refs {
					t.Errorf("message %d refers to %q, want %q", i, a.References, refs)
				}
				refs = strings.TrimSpace(refs + " " + a.Sender + "," + a.Identifier + "," + a.Sent)
				if a.Status != "Test" || a.Scope != "Public" || a.Info.Category != "Infra" || a.Incidents != "country-KP-ipv4-20141222T1615Z" {
					t.Errorf("got %+v", a)
				}
				if !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d-00:00$`).MatchString(a.Sent) || strings.ContainsAny(a.Identifier+a.Sender, " ,<&") {
					t.Errorf("got sent %q, identifier %q", a.Sent, a.Identifier)
				}
			}
			first, last := got[0], got[2]
			if first.Info.Severity != "Extreme" || first.Info.Certainty != "Observed" || first.Info.Urgency != "Immediate" || first.Info.ResponseType != "" {
				t.Errorf("got %+v", first.Info)
			}
			if last.Info.ResponseType != tt.response || last.Info.Severity != tt.severity || last.Info.Urgency != tt.urgency || last.Info.Certainty != tt.ct {
				t.Errorf("got %+v", last.Info)
			}
			if a := first.Info.Area; a.Desc != "North Korea" || len(a.Geocodes) != 2 || a.Geocodes[0].Value != "KP" || a.Geocodes[1].Value != "131279" {
				t.Errorf("got %+v", a)
			}
		})
	}
}

// TestNewChain checks that an opening after an end, including a Cancel, begins a chain.
func TestNewChain(t *testing.T) {
	t.Parallel()
	for _, reason := range []bgp.EndReason{bgp.NotEnded, bgp.EndRecovered} {
		cfg := settings(t)
		tg := start(t, cfg)
		h := send(t, tg, nil, targettest.Day(reason)...)
		send(t, tg, h, targettest.Message(4, target.Open, targettest.Back.Add(time.Hour)), targettest.Message(5, target.Update, targettest.Back.Add(2*time.Hour)))
		got := alerts(t, cfg.Folder)
		if len(got) != 5 || got[3].MsgType != "Alert" || got[3].References != "" || got[4].MsgType != "Update" || got[4].References != got[3].Sender+","+got[3].Identifier+","+got[3].Sent {
			t.Errorf("%s: got %+v", reason, got)
		}
		validate(t, cfg.Folder)
	}
}

// TestRestart checks that the files are the same if the process restarts between any two messages,
// and if a message is sent twice. The references must survive the loss of the folder, through the
// handle, and the loss of the handle, through the folder.
func TestRestart(t *testing.T) {
	t.Parallel()
	whole, restarted, forgot := settings(t), settings(t), settings(t)
	day := targettest.Day(bgp.EndRecovered)
	send(t, start(t, whole), nil, day...)
	want := contents(t, whole.Folder)
	var h target.Handle
	for _, m := range day {
		h = send(t, start(t, restarted), h, m)
		h = send(t, start(t, restarted), h, m)
		send(t, start(t, forgot), nil, m)
	}
	for name, cfg := range map[string]capalert.Config{"restarted": restarted, "without handles": forgot} {
		got := contents(t, cfg.Folder)
		for file, content := range want {
			if got[file] != content {
				t.Errorf("%s: %s differs: %s", name, file, got[file])
			}
		}
		if len(got) != len(want) || len(want) != 4 {
			t.Errorf("%s: got %d files, want %d", name, len(got), len(want))
		}
	}
	lost := settings(t)
	h = send(t, start(t, lost), nil, day[:2]...)
	if err := os.RemoveAll(lost.Folder); err != nil {
		t.Fatal(err)
	}
	send(t, start(t, lost), h, day[2])
	if got := alerts(t, lost.Folder); len(got) != 1 || len(strings.Fields(got[0].References)) != 2 || got[0].Info.ResponseType != "AllClear" {
		t.Errorf("after the folder was lost: got %+v", got)
	}
}

// TestUntold checks that an unknown incident is not taken back, and that its update is an Alert.
func TestUntold(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	tg := start(t, cfg)
	send(t, tg, nil, targettest.Day(bgp.EndRecovered)[2], targettest.Day(bgp.NotEnded)[2])
	notice := targettest.Message(1, target.Notice, targettest.Start)
	notice.Incident = ""
	send(t, tg, nil, notice)
	if got := contents(t, cfg.Folder); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	send(t, tg, nil, targettest.Day(bgp.EndRecovered)[1])
	if got := alerts(t, cfg.Folder); len(got) != 1 || got[0].MsgType != "Alert" || got[0].References != "" {
		t.Errorf("got %+v", got)
	}
}

// TestStatus checks that the status is Actual only if the configuration has it, the data are live,
// and the message is no test.
func TestStatus(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		configured string
		exercise   bool
		kind       target.Kind
		want       string
	}{
		{"Test", false, target.Open, "Test"},
		{"", false, target.Open, "Test"},
		{"Actual", false, target.Open, "Actual"},
		{"Actual", true, target.Open, "Exercise"},
		{"Test", true, target.Open, "Exercise"},
		{"Actual", false, target.Test, "Test"},
	} {
		cfg := settings(t)
		cfg.Status = tt.configured
		m := targettest.Message(1, tt.kind, targettest.Start)
		if m.Exercise = tt.exercise; tt.kind == target.Test {
			m.Incident, m.Subject, m.Events = "", target.SubjectNone, nil
		}
		send(t, start(t, cfg), nil, m)
		validate(t, cfg.Folder)
		if got := alerts(t, cfg.Folder); len(got) != 1 || got[0].Status != tt.want {
			t.Errorf("%+v: got %+v", tt, got)
		}
	}
}

// TestPrivate checks that incidents of private lists are written only to restricted folders, and
// that an incident that becomes private is withdrawn.
func TestPrivate(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	tg := start(t, cfg)
	private := targettest.Message(1, target.Open, targettest.Start)
	private.Private = true
	h := send(t, tg, nil, private)
	if got := contents(t, cfg.Folder); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	h = send(t, tg, h, targettest.Message(2, target.Open, targettest.Start.Add(time.Minute)))
	later := targettest.Message(3, target.Update, targettest.Start.Add(2*time.Minute))
	later.Private, later.Headline = true, "a secret list"
	send(t, tg, h, later)
	validate(t, cfg.Folder)
	got := alerts(t, cfg.Folder)
	if len(got) != 2 || got[1].MsgType != "Cancel" || got[1].Info.Headline != got[0].Info.Headline {
		t.Errorf("got %+v", got)
	}
	restricted := settings(t)
	restricted.Restriction = "For the members of the CERT"
	send(t, start(t, restricted), nil, private)
	validate(t, restricted.Folder)
	if got := alerts(t, restricted.Folder); len(got) != 1 || got[0].Scope != "Restricted" {
		t.Errorf("got %+v", got)
	}
	if info, err := os.Stat(filepath.Join(restricted.Folder, "feed.atom")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("got %v, %v, want mode 0640", info.Mode(), err)
	}
}

// TestBounds checks the limits of the folder and the feed. Closed incidents must be removed before
// open ones, and the newest alert of each incident must stay.
func TestBounds(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	cfg.Entries, cfg.Files = 3, 5
	tg := start(t, cfg)
	for i := range 6 {
		at := targettest.Start.Add(time.Duration(i) * time.Hour)
		incident := func(m *target.Message) *target.Message {
			m.Incident, m.ID = targettest.ID(string(rune('a'+i))), targettest.ID(m.ID+string(rune('a'+i)))
			return m
		}
		h := send(t, tg, nil, incident(targettest.Message(1, target.Open, at)), incident(targettest.Message(2, target.Update, at.Add(time.Minute))))
		if i%2 == 0 {
			end := incident(targettest.Message(3, target.Close, at.Add(2*time.Minute)))
			end.Reason = bgp.EndRecovered
			send(t, tg, h, end)
		}
		if n := len(alerts(t, cfg.Folder)); n > cfg.Files {
			t.Errorf("got %d alerts, want at most %d", n, cfg.Files)
		}
	}
	validate(t, cfg.Folder)
	feed := contents(t, cfg.Folder)["feed.atom"]
	for _, i := range []string{"b", "d", "f"} { // the three open incidents
		if !strings.Contains(feed, targettest.ID(i)) {
			t.Errorf("incident %s has left the feed though it lasts", i)
		}
	}
	if n := strings.Count(feed, "<entry>"); n != 3 {
		t.Errorf("got %d entries, want 3", n)
	}
}

// TestLongChain checks that the references of a chain stay bounded and keep the first one.
func TestLongChain(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	cfg.Sender = strings.Repeat("a", 60) + "@example.net"
	tg := start(t, cfg)
	var h target.Handle
	for i := range uint64(50) {
		kind := target.Update
		if i == 0 {
			kind = target.Open
		}
		h = send(t, tg, h, targettest.Message(i+1, kind, targettest.Start.Add(time.Duration(i)*time.Minute)))
	}
	got := alerts(t, cfg.Folder)
	refs := strings.Fields(got[49].References)
	if len(refs) != 20 || !strings.Contains(refs[0], got[0].Identifier) || !strings.Contains(refs[19], got[48].Identifier) {
		t.Errorf("got %v", refs)
	}
	validate(t, cfg.Folder)
}

func TestHostileNames(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	cfg.SenderName, cfg.Restriction = targettest.Evil, targettest.Evil
	send(t, start(t, cfg), nil, targettest.Hostile(target.Open))
	validate(t, cfg.Folder)
	for name, content := range contents(t, cfg.Folder) {
		if strings.ContainsAny(content, "\u202e\u202c\u200b\ufeff\x1b\x07\x00\r") || strings.Contains(content, "<script") || strings.Contains(content, "&#xD;") || strings.Contains(content, "\ufffd") {
			t.Errorf("%s: %s", name, content)
		}
	}
	a := alerts(t, cfg.Folder)[0]
	if n := uniseg.GraphemeClusterCount(a.Info.Headline); n > 160 || strings.Contains(a.Info.Headline, "\n") {
		t.Errorf("got %d graphemes: %s", n, a.Info.Headline)
	}
	if n := uniseg.GraphemeClusterCount(a.Info.Description); n > 4000 {
		t.Errorf("the description has %d graphemes", n)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*capalert.Config){
		"sender": func(c *capalert.Config) { c.Sender = "a, b" }, "status": func(c *capalert.Config) { c.Status = "Real" },
		"feed_id": func(c *capalert.Config) { c.FeedID = "https://example.net" }, "files": func(c *capalert.Config) { c.Files = 10 },
		"url": func(c *capalert.Config) { c.URL = "https://user:secret@example.net/" },
	} {
		cfg := settings(t)
		change(&cfg)
		if err := config.Validate(&cfg); err == nil || !strings.HasPrefix(err.Error(), name+":") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	cfg := settings(t)
	cfg.Folder = filepath.Join(cfg.Folder, "missing", "cap")
	if _, err := capalert.New(cfg, targettest.Deps(t)); err == nil {
		t.Error("a folder without a parent is taken")
	}
	cfg = settings(t)
	tg := start(t, cfg)
	checker, ok := tg.(target.Checker)
	if !ok || checker.Check(t.Context()) != nil {
		t.Error("the folder cannot be checked")
	}
	if err := os.RemoveAll(cfg.Folder); err != nil {
		t.Fatal(err)
	}
	if ok && checker.Check(t.Context()) == nil {
		t.Error("a folder that is gone passes")
	}
}
