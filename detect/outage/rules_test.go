package outage

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
)

const noon = "2024-03-01T12:00Z"

// TestRules plays timelines that begin at noon without a loss, and compares the events: name,
// kind, state, and start and end in minutes since noon.
func TestRules(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		size int // of the country, in /24s
		play func(w *world, k Key)
		want []string
	}{
		{
			name: "a loss of four minutes is a blip", size: 20,
			play: func(w *world, k Key) { w.away(k, 10, 4); w.minutes(30) },
			want: []string{"closed outage closed 0..4"},
		},
		{
			name: "one of five minutes is an outage", size: 20,
			play: func(w *world, k Key) { w.away(k, 10, 5); w.minutes(30) },
			want: []string{"opened outage open 0..-", "closed outage closed 0..5"},
		},
		{
			name: "a tenth opens", size: 100,
			play: func(w *world, k Key) { w.setDown(k, 10); w.minutes(6) },
			want: []string{"opened outage open 0..-"},
		},
		{
			name: "less does not", size: 100,
			play: func(w *world, k Key) { w.setDown(k, 9); w.minutes(60) },
		},
		{
			name: "five minutes must be consecutive", size: 20,
			play: func(w *world, k Key) { w.away(k, 5, 4); w.minutes(1); w.away(k, 5, 4); w.minutes(5) },
			want: []string{"closed outage closed 0..4", "closed outage closed 5..9"},
		},
		{
			name: "nearly everything is suspected after two minutes and opened after five", size: 20,
			play: func(w *world, k Key) { w.setDown(k, 18); w.minutes(6) },
			want: []string{"suspected outage suspected 0..-", "opened outage open 0..-"},
		},
		{
			name: "a suspicion that does not hold is retracted", size: 20,
			play: func(w *world, k Key) { w.away(k, 18, 4); w.minutes(6) },
			want: []string{"suspected outage suspected 0..-", "retracted outage retracted 0..4"},
		},
		{
			name: "less than nine tenths is not suspected", size: 20,
			play: func(w *world, k Key) { w.away(k, 17, 4); w.minutes(6) },
			want: []string{"closed outage closed 0..4"},
		},
		{
			name: "nor is what two collectors see", size: 20,
			play: func(w *world, k Key) { w.collect = 2; w.away(k, 20, 4); w.minutes(6) },
			want: []string{"closed outage closed 0..4"},
		},
		{
			name: "nine quiet minutes do not close", size: 20,
			play: func(w *world, k Key) { w.away(k, 10, 20); w.minutes(9); w.away(k, 10, 2); w.minutes(12) },
			want: []string{
				"opened outage open 0..-",
				"closed outage closed 0..31",
			},
		},
		{
			name: "ten do", size: 20,
			play: func(w *world, k Key) { w.away(k, 10, 20); w.minutes(10); w.away(k, 10, 2); w.minutes(12) },
			want: []string{
				"opened outage open 0..-", "closed outage closed 0..20", "closed outage closed 30..32",
			},
		},
		{
			name: "more than half of the threshold is not quiet", size: 100,
			play: func(w *world, k Key) { w.setDown(k, 15); w.minutes(20); w.setDown(k, 6); w.minutes(30) },
			want: []string{"opened outage open 0..-"},
		},
		{
			name: "half of it is", size: 100,
			play: func(w *world, k Key) { w.setDown(k, 15); w.minutes(20); w.setDown(k, 5); w.minutes(30) },
			want: []string{"opened outage open 0..-", "closed outage closed 0..20"},
		},
		{
			name: "a loss 30 minutes after the end is the same event", size: 20,
			play: func(w *world, k Key) { w.away(k, 10, 10); w.minutes(30); w.away(k, 10, 10); w.minutes(20) },
			want: []string{
				"opened outage open 0..-", "closed outage closed 0..10",
				"reopened outage open 0..-", "closed outage closed 0..50",
			},
		},
		{
			name: "one 31 minutes after it is another", size: 20,
			play: func(w *world, k Key) { w.away(k, 10, 10); w.minutes(31); w.away(k, 10, 10); w.minutes(20) },
			want: []string{
				"opened outage open 0..-", "closed outage closed 0..10",
				"opened outage open 41..-", "closed outage closed 41..51",
			},
		},
		{
			name: "a blip does not open an outage again, and an outage does not merge with a blip", size: 20,
			play: func(w *world, k Key) {
				w.away(k, 10, 10)
				w.minutes(20)
				w.away(k, 10, 2)
				w.minutes(30)
				w.away(k, 10, 5)
				w.minutes(15)
			},
			want: []string{
				"opened outage open 0..-", "closed outage closed 0..10", "closed outage closed 30..32",
				"opened outage open 62..-", "closed outage closed 62..67",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, noon, DefaultConfig())
			k := country("AA")
			w.add(k, networks(tt.size))
			w.now -= 60 * minute
			w.minutes(60)
			tt.play(w, k)
			if diff := cmp.Diff(tt.want, w.life(k)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestFlapping plays short losses.
func TestFlapping(t *testing.T) {
	t.Parallel()
	// Three losses of three minutes that begin 30 minutes apart; the last is over after 63 minutes.
	three := func(w *world, k Key) {
		for range 3 {
			w.away(k, 10, 3)
			w.minutes(27)
		}
	}
	tests := []struct {
		name string
		play func(w *world, k Key)
		want []string
	}{
		{
			name: "three losses in 60 minutes are an intermittent event under the first one's id",
			play: func(w *world, k Key) { three(w, k); w.minutes(60) },
			want: []string{
				"closed outage closed 0..3", "closed outage closed 30..33", "reopened intermittent open 0..-",
				"retracted outage retracted 30..33", "closed intermittent closed 0..63",
			},
		},
		{
			name: "three in 61 are not",
			play: func(w *world, k Key) {
				w.away(k, 10, 3)
				w.minutes(27)
				w.away(k, 10, 3)
				w.minutes(28)
				w.away(k, 10, 3)
				w.minutes(80)
			},
			want: []string{"closed outage closed 0..3", "closed outage closed 30..33", "closed outage closed 61..64"},
		},
		{
			name: "59 quiet minutes do not end it",
			play: func(w *world, k Key) { three(w, k); w.until("2024-03-01T14:02Z"); w.away(k, 10, 1); w.minutes(70) },
			want: []string{
				"closed outage closed 0..3", "closed outage closed 30..33", "reopened intermittent open 0..-",
				"retracted outage retracted 30..33",
				"closed intermittent closed 0..123",
			},
		},
		{
			name: "60 do, and what follows is counted anew",
			play: func(w *world, k Key) { three(w, k); w.until("2024-03-01T14:03Z"); w.away(k, 10, 1); w.minutes(70) },
			want: []string{
				"closed outage closed 0..3", "closed outage closed 30..33", "reopened intermittent open 0..-",
				"retracted outage retracted 30..33",
				"closed intermittent closed 0..63", "closed outage closed 123..124",
			},
		},
		{
			name: "a loss of five minutes ends it at its start; later flaps are counted anew",
			play: func(w *world, k Key) {
				three(w, k)
				w.away(k, 10, 20) // 90
				w.minutes(20)     // 110
				w.away(k, 10, 3)  // 130
				w.minutes(10)
				w.away(k, 10, 3) // 143
				w.minutes(10)
				w.away(k, 10, 3) // 156
				w.minutes(70)
			},
			want: []string{
				"closed outage closed 0..3", "closed outage closed 30..33", "reopened intermittent open 0..-",
				"retracted outage retracted 30..33",
				"closed intermittent closed 0..90", "opened outage open 90..-", "closed outage closed 90..110",
				"closed outage closed 130..133", "closed outage closed 143..146", "reopened intermittent open 130..-",
				"retracted outage retracted 143..146",
				"closed intermittent closed 130..159",
			},
		},
		{
			name: "a loss after an intermittent event does not open the outage before it again",
			play: func(w *world, k Key) {
				w.away(k, 10, 5)
				w.minutes(10) // closed, ended at 5
				for range 3 { // 15, 19, 23
					w.away(k, 10, 2)
					w.minutes(2)
				}
				w.away(k, 10, 5) // 27, within 30 minutes of 5
				w.minutes(10)
			},
			want: []string{
				"opened outage open 0..-", "closed outage closed 0..5", "closed outage closed 15..17",
				"closed outage closed 19..21", "reopened intermittent open 15..-",
				"retracted outage retracted 19..21", "closed intermittent closed 15..27",
				"opened outage open 27..-", "closed outage closed 27..32",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, noon, DefaultConfig())
			k := country("AA")
			w.add(k, networks(20))
			w.now -= 60 * minute
			w.minutes(60)
			tt.play(w, k)
			if diff := cmp.Diff(tt.want, w.life(k)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestIntermittentFigures(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	k := country("AA")
	w.add(k, networks(4))
	w.minutes(60)
	for range 10 {
		w.away(k, 4, 2)
		w.minutes(8)
	}
	w.minutes(70)
	got := w.final(k)
	if len(got) != 1 {
		t.Fatalf("got %d events, want 1: %v", len(got), w.life(k))
	}
	o := got[0]
	// Ten losses of two minutes from minute 0 to minute 92.
	if o.Kind != bgp.KindIntermittent || o.Evidence.LossesInEvent != 10 || o.Evidence.DutyCyclePercent.String() != "21.74" || o.Score != 2000 ||
		o.Severity != bgp.SeverityTotal || o.Flaps.Hour != 0 {
		t.Errorf("got %s, %d losses, duty %v, score %d, %s, flaps %+v", o.Kind, o.Evidence.LossesInEvent, o.Evidence.DutyCyclePercent, o.Score,
			o.Severity, o.Flaps)
	}
}

// TestFigures checks the figures of an outage with a pause.
func TestFigures(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2024-03-01T11:00Z", DefaultConfig())
	w.origin, w.up = 64500, []bgp.ASN{64510}
	k := country("AA")
	w.add(k, networks(20))
	w.minutes(30)
	w.away(k, 20, 3) // 11:30, a short loss
	w.until(noon)
	w.setDown(k, 5)
	w.minutes(10)
	w.setDown(k, 15)
	w.minutes(10)
	w.setDown(k, 0)
	w.minutes(20)
	w.away(k, 10, 6) // 12:40
	w.minutes(40)
	got := w.final(k)
	if len(got) != 1 {
		t.Fatalf("got %d events, want 1", len(got))
	}
	o := got[0]
	if o.ID != "country-AA-ipv4-20240301T1200Z" || o.Severity != bgp.SeverityMajor || o.Score != 10*25+10*75+6*50 ||
		o.DurationSeconds != 46*60-8 || o.Baseline != (bgp.Size{Prefixes: 20, Space: 2000}) ||
		o.Peak != (bgp.Loss{LostPrefixes: 15, LostSpace: 1500, LossPercent: 7500}) || o.Now != (bgp.Loss{}) ||
		o.LostPrefixesTotal != 15 || o.SurvivingPrefixesTotal != 5 || o.Flaps.Hour != 1 || o.Flaps.Day != 1 || o.Flaps.UsualDay != nil {
		t.Errorf("got %+v", o)
	}
	if len(o.Gaps) != 1 || o.Gaps[0].Start.Format("15:04") != "12:20" || o.Gaps[0].End.Format("15:04:05") != "12:40:08" {
		t.Errorf("gaps: got %v", o.Gaps)
	}
	if len(o.Origins) != 1 || o.Origins[0].Name != "Example Net" || len(o.Upstreams) != 1 || o.Upstreams[0].Name != "Example Transit" ||
		o.Panel.Voters != 40 || o.Evidence.ChurnBefore == nil || o.Evidence.ChurnBefore.Day != 40 || !o.Evidence.OnTheHour ||
		o.Evidence.Shape != shapeAbrupt || o.Evidence.UpstreamsLostTogether == nil || !*o.Evidence.UpstreamsLostTogether {
		t.Errorf("got origins %v, upstreams %v, evidence %+v", o.Origins, o.Upstreams, o.Evidence)
	}
}
