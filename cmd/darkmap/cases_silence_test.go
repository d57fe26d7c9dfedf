package main

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/detect/core"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/mrttest"
)

// verdicts returns the minutes of each family in the report of a replay, in the order of
// bgp.Families.
func (r caseResult) verdicts(t *testing.T) []core.Verdicts {
	t.Helper()
	for line := range strings.Lines(r.stderr) {
		var report struct {
			Verdicts []core.Verdicts `json:"verdicts"`
		}
		if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &report) == nil && len(report.Verdicts) == len(bgp.Families) {
			return report.Verdicts
		}
	}
	t.Fatalf("no report:\n%s", r.stderr)
	return nil
}

// outageOfKP returns a world of three hours in which the four prefixes of KP are away from 01:00 to
// 01:40.
func outageOfKP(start time.Time, collectors, peers int) *mrttest.World {
	background, kp := mrttest.Background(300), mrttest.KP()
	w := mrttest.NewWorld(start, collectors, peers, slices.Concat(background, kp))
	w.Churn(0, 3*time.Hour, 2*time.Minute, w.Peers, background)
	w.Withdraw(time.Hour, w.Peers, mrttest.Prefixes(kp)...)
	w.Announce(100*time.Minute, w.Peers, kp...)
	return w
}

// undecided checks that no verdict was possible for the reason why, and that the run reports it.
func (r caseResult) undecided(t *testing.T, why bgp.NoVerdict, says string) {
	t.Helper()
	opened := slices.DeleteFunc(slices.Clone(r.outages), func(o bgp.Outage) bool { return o.State == bgp.StateSuspected })
	if r.code != exitUndecided || len(opened) != 0 || !strings.Contains(r.stderr, errUndecided.Error()) || !strings.Contains(r.stderr, says) {
		t.Errorf("got exit %d and %d outages, want %d, none, and %q:\n%s", r.code, len(opened), exitUndecided, says, r.stderr)
	}
	v := r.verdicts(t)[0]
	if v.Possible != 0 || len(v.NoVerdict) == 0 || !slices.ContainsFunc(v.NoVerdict, func(u core.Undecided) bool { return u.Reason == why }) {
		t.Errorf("got %+v, want no minute with a verdict, for the reason %s", v, why)
	}
}

// TestCaseTwoPeers: with tables of two networks nothing can be decided, nor with updates of two.
func TestCaseTwoPeers(t *testing.T) {
	t.Parallel()
	w := outageOfKP(caseStart, 1, 2)
	const says = "2 networks on 1 collector can vote, and a verdict needs 3 on 1"
	replayCase(t, w, wholeFiles(w)).undecided(t, bgp.NoVerdictVoters, says)
	replayCase(t, w, []caseFile{{"c0", "updates.mrt", w.Updates("c0", 0, 1<<62)}}).undecided(t, bgp.NoVerdictVoters, says)
}

// TestCasePartialTables: of eight networks two have a whole table, the others a tenth of one.
func TestCasePartialTables(t *testing.T) {
	t.Parallel()
	w := outageOfKP(caseStart, 1, 8)
	has := func(p mrttest.Peer, r mrttest.Route) bool {
		return p.PeerASN < w.Peers[2].PeerASN || r.Prefix.Addr().As4()[2]%10 == 0
	}
	got := replayCase(t, w, []caseFile{{"c0", "rib.mrt", w.Table("c0", 0, has)}, {"c0", "updates.mrt", w.Updates("c0", 0, 1<<62)}})
	got.undecided(t, bgp.NoVerdictVoters, "2 with a whole table")
	if !strings.Contains(got.stderr, "6 with too small a table") {
		t.Errorf("the other peers are not told:\n%s", got.stderr)
	}
}

// TestCaseOneMinute: a loss of one minute, or one shorter than the minimum, opens no event.
func TestCaseOneMinute(t *testing.T) {
	t.Parallel()
	for _, length := range []time.Duration{time.Minute, 4 * time.Minute} {
		background := mrttest.Background(300)
		w := mrttest.NewWorld(caseStart, 3, 8, background)
		w.Churn(0, length-time.Second, 30*time.Second, w.Peers, background[8:])
		w.Withdraw(10*time.Second, w.Peers, mrttest.Prefixes(background[:8])...)
		replayCase(t, w, wholeFiles(w)).undecided(t, bgp.NoVerdictMinutes, "a verdict was possible for fewer minutes in a row than a loss has to last")
	}
}

// TestCaseOneFamily: a replay of one family alone is no failure, and reports that the other is
// missing.
func TestCaseOneFamily(t *testing.T) {
	t.Parallel()
	w := outageOfKP(caseStart, 1, 8)
	got := replayCase(t, w, wholeFiles(w))
	if got.code != 0 || len(got.of(bgp.EntityCountry, "KP")) != 1 || !strings.Contains(got.stderr, "IPv6: the input has no IPv6 routes of /16 to /48: there is nothing to decide") {
		t.Errorf("IPv4 alone: got exit %d, %d outages:\n%s", got.code, len(got.outages), got.stderr)
	}
	v := got.verdicts(t)
	if v[0].Possible != v[0].Minutes || v[0].Minutes < 175 || v[0].Peers != 8 || v[0].Decidable != 304 || v[1].Peers != 0 || v[1].Possible != 0 {
		t.Errorf("got %+v", v)
	}
}

// TestCaseUnreadableBesideGood: unreadable files, empty files and files of another time do not
// change the results of the good files beside them.
func TestCaseUnreadableBesideGood(t *testing.T) {
	t.Parallel()
	w := outageOfKP(caseStart, 1, 8)
	want := len(replayCase(t, w, wholeFiles(w)).of(bgp.EntityCountry, "KP"))
	if want != 1 {
		t.Fatalf("got %d outages of KP, want 1", want)
	}
	noise := make([]byte, 4096)
	for i, r := 0, rand.NewChaCha8([32]byte{1}); i < len(noise); i++ {
		noise[i] = byte(r.Uint64())
	}
	quiet := func(days, peers int) *mrttest.World { // its c2 is no collector of w
		q := mrttest.NewWorld(caseStart.AddDate(0, 0, days), 3, peers, w.Routes)
		q.Churn(0, 3*time.Hour, 2*time.Minute, q.Peers, mrttest.Background(300))
		return q
	}
	before, after, month := quiet(-2, 10), quiet(2, 10), quiet(30, 10)
	cut := quiet(0, 30).Table("c2", 0, nil)
	for name, tt := range map[string]struct {
		file caseFile
		code int
	}{
		"empty":                      {caseFile{"x", "x.mrt", nil}, exitDamaged},
		"no format":                  {caseFile{"x", "x.mrt", noise}, exitDamaged},
		"updates of two days before": {caseFile{"x", "x.mrt", before.Updates("c2", 0, 1<<62)}, 0},
		"updates of two days after":  {caseFile{"x", "x.mrt", after.Updates("c2", 0, 1<<62)}, 0},
		"updates of another month":   {caseFile{"x", "x.mrt", month.Updates("c2", 0, 1<<62)}, exitDamaged}, // left out
		"table of two days before":   {caseFile{"x", "x.mrt", before.Table("c2", 0, nil)}, 0},
		"table that breaks off":      {caseFile{"x", "x.mrt", cut[:len(cut)*2/3]}, exitDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := replayCase(t, w, append(wholeFiles(w), tt.file))
			if kp := got.of(bgp.EntityCountry, "KP"); got.code != tt.code || len(kp) != 1 || kp[0].Start.Sub(caseStart).Round(time.Minute) != time.Hour {
				t.Errorf("got exit %d and %+v of KP, want %d and one outage:\n%s", got.code, kp, tt.code, got.stderr)
			}
		})
	}
}

// TestCaseTwoOfThree: of three collectors one has an unreadable table, and one has no table. The
// panel is that of the third.
func TestCaseTwoOfThree(t *testing.T) {
	t.Parallel()
	w := outageOfKP(caseStart, 3, 8)
	files := wholeFiles(w)
	files[2].bytes = files[2].bytes[:len(files[2].bytes)/3] // the table of c1
	files = slices.Delete(files, 4, 5)                      // and that of c2
	got := replayCase(t, w, append(files[:3], files[4:]...))
	if got.code != exitDamaged || len(got.outages) != 6 || !strings.Contains(got.stderr, "a verdict was possible in ") {
		t.Errorf("got exit %d and %d outages, want %d and 6:\n%s", got.code, len(got.outages), exitDamaged, got.stderr)
	}
}

// TestCaseNothingHeardTwice: without tables, a prefix of which half of the voters sent no update
// cannot be decided.
func TestCaseNothingHeardTwice(t *testing.T) {
	t.Parallel()
	background := mrttest.Background(300)
	w := mrttest.NewWorld(caseStart, 1, 9, background)
	for i, p := range w.Peers { // each peer sends updates of prefixes of its own
		w.Churn(0, time.Hour, time.Minute, []mrttest.Peer{p}, background[30*i:30*i+30])
	}
	replayCase(t, w, []caseFile{{"c0", "updates.mrt", w.Updates("c0", 0, 1<<62)}}).undecided(t, bgp.NoVerdictPrefixes, "of no prefix half of the 9 voters have sent updates")
}

// TestCaseRubbish: a replay that can decide nothing reports that. A file that is no capture is
// refused, with its kind of contents.
func TestCaseRubbish(t *testing.T) {
	t.Parallel()
	w := outageOfKP(caseStart, 1, 1)
	got := replayCase(t, w, []caseFile{{"x", "x", nil}})
	if got.code != exitUndecided || !strings.Contains(got.stderr, "the files of file/x name no peer") || !strings.Contains(got.stderr, errUndecided.Error()) || !strings.Contains(got.stderr, "1 damaged part") {
		t.Errorf("got exit %d, want %d:\n%s", got.code, exitUndecided, got.stderr)
	}
	for text, says := range map[string]string{"no capture": "it is text, not an MRT, RIS Live or BMP file", "\x00\xff\x80\x01": "not an MRT, RIS Live or BMP file"} {
		if got := replayCase(t, w, []caseFile{{"x", "x", []byte(text)}}); got.code != exitUsage || !strings.Contains(got.stderr, says) {
			t.Errorf("%q: got exit %d, want %d and %q:\n%s", text, got.code, exitUsage, says, got.stderr)
		}
	}
}
