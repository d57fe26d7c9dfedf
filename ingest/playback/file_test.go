package playback

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/datatest"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

func TestParseInput(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	odd := filepath.Join(dir, "a=b.mrt")
	if err := os.WriteFile(odd, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		arg  string
		want Input
		err  string
	}{
		{arg: "updates.gz", want: Input{Collector: "file/local", Path: "updates.gz"}},
		{arg: "rrc00=updates.gz", want: Input{Collector: "file/rrc00", Named: true, Path: "updates.gz"}},
		{arg: "rrc00=-", want: Input{Collector: "file/rrc00", Named: true, Path: "-"}},
		{arg: odd, want: Input{Collector: "file/local", Path: odd}},
		{arg: "rrc00=", err: "no file"},
		{arg: "rrc 00=x", err: "letters, digits"},
		{arg: "=x", err: "letters, digits"},
	}
	for _, tt := range tests {
		got, err := ParseInput(tt.arg)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("ParseInput(%q): got %v, want an error with %q", tt.arg, err, tt.err)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("ParseInput(%q): got %+v, %v; want %+v", tt.arg, got, err, tt.want)
		}
	}
}

// play returns the records of the inputs, and the damages.
func play(t *testing.T, inputs ...Input) (*Plan, []*pb.UpdateRecord, []error) {
	t.Helper()
	plan, err := NewPlan(t.Context(), inputs)
	if err != nil {
		t.Fatal(err)
	}
	src := plan.Open()
	defer src.Close() //nolint:errcheck // only read
	var records []*pb.UpdateRecord
	var damages []error
	for {
		r, err := src.Next()
		if _, ok := errors.AsType[*capture.Damage](err); ok {
			damages = append(damages, err)
			continue
		}
		if errors.Is(err, io.EOF) {
			return plan, records, damages
		}
		if err != nil {
			t.Fatal(err)
		}
		if (r.Collector == "") != (r.Update.GetClock() != nil) || r.Collector != r.Update.GetPosition().GetCollector() {
			t.Fatalf("collector %q on %v", r.Collector, r.Update)
		}
		records = append(records, proto.CloneOf(r.Update))
	}
}

// check asserts the invariants of every stream: positions without holes, a merged clock that never
// goes back, ticks of every collector that is up at each minute, one end.
func check(t *testing.T, plan *Plan, records []*pb.UpdateRecord) (messages int) {
	t.Helper()
	next := map[bgp.LaneKey]uint64{}
	up := map[string]bool{}
	ticked := map[string]int64{}
	var clock int64
	for i, r := range records {
		p := codec.ParsePosition(r.GetPosition())
		key := p.Of()
		if next[key]++; p.Sequence != next[key] {
			t.Fatalf("record %d: position %v, want sequence %d", i, p, next[key])
		}
		if lane := bgp.FileLane(plan.Hash); p.Lane != lane && p.Lane != bgp.ClockLane(string(lane)) {
			t.Fatalf("record %d: lane %q of plan %s", i, p.Lane, plan.Hash)
		}
		switch b := r.GetBody().(type) {
		case *pb.UpdateRecord_CollectorUp:
			up[p.Collector] = true
		case *pb.UpdateRecord_CollectorDown:
			up[p.Collector] = false
		case *pb.UpdateRecord_Tick:
			ticked[p.Collector] = r.GetTimestampUs()
		case *pb.UpdateRecord_Clock:
			if at := r.GetTimestampUs(); at < clock || !b.Clock.GetEnd() && (at == clock || at%minuteMicroseconds != 0) {
				t.Fatalf("record %d: clock %d after %d", i, r.GetTimestampUs(), clock)
			}
			clock = r.GetTimestampUs()
			for c, isUp := range up {
				if isUp && ticked[c] != clock && !b.Clock.GetEnd() {
					t.Fatalf("record %d: no tick of %s before clock %d", i, c, clock)
				}
			}
			if b.Clock.GetEnd() != (i == len(records)-1) {
				t.Fatalf("record %d of %d: end is %v", i, len(records), b.Clock.GetEnd())
			}
		case *pb.UpdateRecord_BgpMessage:
			messages++
			if !up[p.Collector] {
				t.Fatalf("record %d: a message of %s, which is not up", i, p.Collector)
			}
		}
	}
	return messages
}

func archived(t *testing.T, i int) string {
	t.Helper()
	return datatest.Path(t, "mrt", "routeviews2-20130101-arch"+string(rune('0'+i))+".mrt.gz")
}

func TestOneCollectorInFourFiles(t *testing.T) {
	t.Parallel()
	var inputs []Input
	for _, i := range []int{3, 0, 2, 1} { // the order on the command line does not matter
		inputs = append(inputs, Input{Collector: "file/local", Path: archived(t, i)})
	}
	plan, records, damages := play(t, inputs...)
	if len(damages) > 0 {
		t.Errorf("got damages %v", damages)
	}
	if got, want := check(t, plan, records), 18088+18213+19021+1342; got != want {
		t.Errorf("got %d messages, want %d", got, want)
	}
	voters := plan.Voters[plan.Collectors()[0]]
	if len(plan.Voters) != 1 || len(voters) < 30 || len(voters) > 35 || !slices.IsSortedFunc(voters, bgp.PeerKey.Compare) {
		t.Errorf("got the voters %v", plan.Voters)
	}
	again, err := NewPlan(t.Context(), []Input{inputs[1], inputs[3], inputs[2], inputs[0]})
	if err != nil || again.Hash != plan.Hash {
		t.Errorf("another order: hash %s, %v; want %s", again.Hash, err, plan.Hash)
	}
	other, err := NewPlan(t.Context(), []Input{inputs[1], inputs[3], inputs[2]})
	if err != nil || other.Hash == plan.Hash {
		t.Errorf("a file less: hash %s, %v; want another", other.Hash, err)
	}
}

func TestCollectorsAreMergedOnTime(t *testing.T) {
	t.Parallel()
	plan, records, _ := play(t, Input{Collector: "file/a", Path: archived(t, 0)}, Input{Collector: "file/b", Path: archived(t, 1)}, Input{Collector: "file/c", Path: archived(t, 2)})
	check(t, plan, records)
	var order []string
	for _, r := range records {
		switch r.GetBody().(type) {
		case *pb.UpdateRecord_CollectorUp:
			order = append(order, "up "+r.GetPosition().GetCollector())
		case *pb.UpdateRecord_CollectorDown:
			order = append(order, "down "+r.GetPosition().GetCollector())
		}
	}
	got, want := strings.Join(order, ", "), "up file/a, up file/b, down file/a, up file/c, down file/b"
	if got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

func TestOverlapIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b, err := os.ReadFile(archived(t, 3))
	if err != nil {
		t.Fatal(err)
	}
	same := filepath.Join(dir, "copy")
	if err := os.WriteFile(same, b, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = NewPlan(t.Context(), []Input{{Collector: "file/local", Path: archived(t, 3)}, {Collector: "file/local", Path: same}})
	if !errors.Is(err, ErrOverlap) {
		t.Errorf("the same file twice: got %v, want ErrOverlap", err)
	}
	if _, err = NewPlan(t.Context(), []Input{{Collector: "file/a", Path: archived(t, 3)}, {Collector: "file/b", Path: same}}); err != nil {
		t.Errorf("in two collectors: got %v", err)
	}
	early := datatest.Path(t, "mrt", "ris.rrc06.updates.1427846400.gz")
	late := datatest.Path(t, "rislive", "morrowc-1k-msgs")
	if _, err = NewPlan(t.Context(), []Input{{Collector: "file/local", Path: early}, {Collector: "file/local", Path: late}}); !errors.Is(err, ErrApart) {
		t.Errorf("years apart: got %v, want ErrApart", err)
	}
}

func TestHoleBetweenFilesIsAGap(t *testing.T) {
	t.Parallel()
	plan, records, _ := play(t, Input{Collector: "file/local", Path: archived(t, 0)}, Input{Collector: "file/local", Path: archived(t, 2)})
	check(t, plan, records)
	var begin, end int
	var ticked int64
	for i, r := range records {
		if r.GetTick() != nil {
			ticked = r.GetTimestampUs()
		}
		if r.GetGapBegin() != nil {
			begin = i
			if ticked > r.GetTimestampUs() {
				t.Errorf("the gap of %d begins after the tick at %d", r.GetTimestampUs(), ticked)
			}
		}
		if g := r.GetGapEnd(); g != nil {
			end = i
			if g.GetComplete() {
				t.Error("the gap is said to be filled")
			}
		}
	}
	if begin == 0 || end <= begin {
		t.Errorf("gap begins at record %d and ends at %d", begin, end)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	tests := []struct {
		file     string
		prefixes int
		entries  int
		complete bool
		damages  int
	}{
		{"bview.20020722.2337.gz", 112988, 115521, true, 0},
		{"rib.20140523.0600_firstMB.bz2", 9072, 270005, true, 2},
		{"rib6.20151101.0600_firstMB.bz2", 6870, 149578, true, 2},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			plan, records, damages := play(t, Input{Collector: "file/local", Path: datatest.Path(t, "mrt", tt.file)})
			check(t, plan, records)
			if len(damages) != tt.damages {
				t.Errorf("got damages %v, want %d", damages, tt.damages)
			}
			prefixes, entries := map[string]bool{}, 0
			for _, r := range records {
				if n := r.SizeVT(); n > 256<<10 {
					t.Errorf("a record of %d bytes", n)
				}
				for _, p := range r.GetTableChunk().GetPrefixes() {
					prefixes[string(p.GetPrefix())] = true
					for _, path := range p.GetPaths() {
						for _, b := range path.GetPeers() {
							for ; b != 0; b &= b - 1 {
								entries++
							}
						}
					}
				}
				if g := r.GetGapEnd(); g != nil && g.GetComplete() != tt.complete {
					t.Errorf("the table ends complete: %v, want %v", g.GetComplete(), tt.complete)
				}
			}
			if len(prefixes) != tt.prefixes || entries != tt.entries {
				t.Errorf("got %d prefixes and %d entries, want %d and %d", len(prefixes), entries, tt.prefixes, tt.entries)
			}
		})
	}
}

func TestBadFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	empty, rubbish := filepath.Join(dir, "empty"), filepath.Join(dir, "rubbish")
	for path, content := range map[string]string{empty: "", rubbish: strings.Repeat("no MRT at all\n", 100)} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	plan, records, damages := play(t, Input{Collector: "file/a", Path: empty}, Input{Collector: "file/b", Path: rubbish}, Input{Collector: "file/c", Path: archived(t, 3)})
	if got := check(t, plan, records); got != 1342 {
		t.Errorf("got %d messages beside the bad files, want 1342", got)
	}
	if len(damages) != 1 || !strings.HasSuffix(damages[0].Error(), "empty: the file is empty") {
		t.Errorf("got damages %v", damages)
	}
	if want := rubbish + " is left out: it is text, not an MRT, RIS Live or BMP file"; plan.LeftOut != 1 || !slices.Contains(plan.Notes, want) {
		t.Errorf("%d left out, %q, want %q", plan.LeftOut, plan.Notes, want)
	}
	if _, err := NewPlan(t.Context(), []Input{{Collector: "file/a", Path: filepath.Join(dir, "none")}}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: got %v", err)
	}
}

// TestAbsurdTime sets one record's time to 2099. The record is named and played at its place, and
// the clock does not follow it.
func TestAbsurdTime(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(archived(t, 3))
	if err != nil {
		t.Fatal(err)
	}
	zip, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	second := 12 + binary.BigEndian.Uint32(plain[8:])
	binary.BigEndian.PutUint32(plain[second:], 4070908800)
	path := filepath.Join(t.TempDir(), "absurd.mrt")
	if err := os.WriteFile(path, plain, 0o600); err != nil {
		t.Fatal(err)
	}
	plan, records, damages := play(t, Input{Collector: "file/local", Path: path})
	if got := check(t, plan, records); got != 1342 || len(damages) != 1 || !strings.Contains(damages[0].Error(), "2099-01-01") {
		t.Errorf("got %d messages and damages %v, want all and one", got, damages)
	}
	if last := records[len(records)-1].GetTimestampUs(); last != 1357002000e6 {
		t.Errorf("got an end at %s, want 2013-01-01T01:00:00Z", clock(last))
	}
}
