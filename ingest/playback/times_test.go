package playback

import (
	"fmt"
	"strings"
	"testing"
)

// minutes returns a row of times, in minutes. Two numbers a-b mean one per minute from a to b.
func minutes(spec string) []int64 {
	var out []int64
	for part := range strings.FieldsSeq(spec) {
		var from, to int64
		if n, _ := fmt.Sscanf(part, "%d-%d", &from, &to); n < 2 {
			to = from
		}
		for m := from; m <= to; m++ {
			out = append(out, someDay+m*minuteMicroseconds)
		}
	}
	return out
}

// someDay is 2026-03-02T00:00:00Z.
const someDay = 1772409600 * 1_000_000

// TestTimesAfterLargeTable checks that the times of a table without any order, such as of 1.1
// million routes in a BMP recording, are cut off, and those of the records after it are not.
func TestTimesAfterLargeTable(t *testing.T) {
	t.Parallel()
	s := stretches{limit: 3}
	for i, at := range minutes("500 100 300 900 200 700 400") {
		s.add(uint64(i), at, true)
	}
	for i, at := range minutes("1000-1009") {
		s.add(uint64(10+i), at, false)
	}
	if len(s.all) != 4 || len(s.live) != 1 || s.live[0].records != 10 {
		t.Errorf("got %d rows, live %+v, want 4 and one of 10 records", len(s.all), s.live)
	}
}

// TestTimesOfOneCollector checks which times in the files of one collector are credible, and when
// the other records are played, in minutes.
func TestTimesOfOneCollector(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		files []string
		// time at which each record is played; a row that is played unchanged is "as it is"
		want []string
	}{
		{"in order", []string{"0-90"}, []string{"as it is"}},
		{"one 12 h ahead", []string{"0-9 730 10-90"}, []string{"0-9 9 10-90"}},
		{"one 40 days ahead", []string{"0-9 57610 10-90"}, []string{"0-9 9 10-90"}},
		{"one 12 h back", []string{"0-9 -710 10-90"}, []string{"0-9 9 10-90"}},
		{"a clock an hour ahead for ten minutes", []string{"0-9 70-79 20-90"}, []string{"0-9 10-19 20-90"}},
		{"a clock an hour behind for ten minutes", []string{"0-29 -30--21 40-90"}, []string{"0-29 30-39 40-90"}},
		{"a clock set right after the first ten minutes", []string{"60-69 10-90"}, []string{"1-10 10-90"}},
		{"33 of 90 minutes two hours ahead", []string{"1-28 149-181 62-90"}, []string{"1-28 29-61 62-90"}},
		{"more than half of them two hours ahead", []string{"1-20 141-191 72-90"}, []string{"1-20 21-71 72-90"}},
		{"33 quiet minutes two hours ahead", []string{"1-27 148 150 152 154 156 158 160 162 164 166 168 170 172 174 176 178 180 62-90"}, []string{"1-27 27 29 31 33 35 37 39 41 43 45 47 49 51 53 55 57 59 62-90"}},
		{"33 minutes two hours ahead over the end of a file", []string{"1-28 149-180", "181-183 64-120"}, []string{"1-28 28-59", "59-61 64-120"}},
		{"ten minutes an hour behind after nine", []string{"1-9 -50--41 20-90"}, []string{"1-9 10-19 20-90"}},
		{"a peer an hour behind that is heard first and last", []string{"-59 1-20 -39 21-50 -10 51-80 20"}, []string{"-59 1-20 20 21-50 50 51-80 80"}},
		{"two strays of one clock around the rest", []string{"-60 0-60 1"}, []string{"-60 0-60 60"}},
		{"a quiet clock an hour ahead", []string{"0 2 4 6 8 70 73 76 79 20 22 24 26 28 30 32 34 36"}, []string{"0 2 4 6 8 8 11 14 17 20 22 24 26 28 30 32 34 36"}},
		{"several odd ones", []string{"0-9 700 10-19 800 -900 20-90"}, []string{"0-9 9 10-19 19 19 20-90"}},
		{"the first one a day back", []string{"-1440 0-90"}, []string{"0 0-90"}},
		{"the last one a day ahead", []string{"0-90 1500"}, []string{"0-90 90"}},
		{"the last one of a file, contradicted by the next file", []string{"0-9 70", "10-90"}, []string{"0-9 9", "as it is"}},
		{"cut within an hour ahead", []string{"0-9 70-74", "75-79 20-90"}, []string{"0-9 9-13", "13-17 20-90"}},
		{"three hours without a record", []string{"0-60 240-300"}, []string{"as it is"}},
		{"a record an hour", []string{"0 60 120 180 240 300 360"}, []string{"as it is"}},
		{"a peer an hour ahead", []string{"0 60 1 2 61 3 4 62 5 6 63 7 8 64 9 10"}, []string{"0 0 1 2 2 3 4 4 5 6 6 7 8 8 9 10"}},
	} {
		c := collectorPlan{name: "file/c"}
		var times [][]int64
		for i, spec := range tt.files {
			f := &filePlan{glance: &glance{}, path: fmt.Sprint(i), sum: [32]byte{byte(i)}}
			row := minutes(spec)
			for n, at := range row {
				f.rows = add(f.rows, uint64(n+1), at)
			}
			f.settle()
			times = append(times, row)
			c.updates = append(c.updates, f)
		}
		if err := c.agree(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		for i, f := range c.updates {
			want := times[i]
			if tt.want[i] != "as it is" {
				want = minutes(tt.want[i])
			}
			odd := f.odd
			for n, at := range times[i] {
				for len(odd) > 0 && odd[0].to < uint64(n+1) {
					odd = odd[1:]
				}
				if len(odd) > 0 && odd[0].from <= uint64(n+1) {
					at = odd[0].at(at)
				}
				if at != want[n] {
					t.Errorf("%s: record %d of file %d is played at minute %d, want %d", tt.name, n+1, i, (at-someDay)/minuteMicroseconds, (want[n]-someDay)/minuteMicroseconds)
				}
			}
		}
	}
}

// TestTimesWithoutSense checks impossible times, and times that count from a router's start.
func TestTimesWithoutSense(t *testing.T) {
	t.Parallel()
	const year2106, year1970 = 4_294_967_295 * 1_000_000, 100 * 1_000_000
	for _, tt := range []struct {
		name  string
		times []int64
		first int64
	}{
		{"of 1970 before others", append([]int64{year1970}, minutes("0-3")...), someDay},
		{"of 2106 before others", append([]int64{year2106}, minutes("0-3")...), someDay},
		{"of 2106 alone", []int64{year2106, year2106}, 0},
		{"of 1970 alone", []int64{year1970, year1970 + minuteMicroseconds}, routerStart + year1970},
	} {
		f := &filePlan{glance: &glance{}}
		for n, at := range tt.times {
			f.rows = add(f.rows, uint64(n+1), at)
		}
		f.settle()
		if f.first != tt.first {
			t.Errorf("%s: got the first time %s, want %s", tt.name, clock(f.first), clock(tt.first))
		}
	}
}

// TestHoles checks the holes found between files.
func TestHoles(t *testing.T) {
	t.Parallel()
	const dense = "0-14"
	for _, tt := range []struct {
		name   string
		files  []string // name and times
		tables []int64  // minutes
		want   []string // the notes
		played int      // tables
	}{
		{"whole", []string{"a " + dense, "b 15-29", "c 30-44"}, nil, nil, 0},
		{"one of three is missing", []string{"a " + dense, "c 30-44"}, nil, []string{"missing from 2026-03-02T00:14:00Z to 2026-03-02T00:30:00Z, between a and c: what its peers hold is learned anew"}, 0},
		{"and a table comes", []string{"a " + dense, "c 30-44"}, []int64{0, 40}, []string{"its next table"}, 2},
		{"and a table comes with the next file", []string{"a " + dense, "c 30-44"}, []int64{0, 30}, []string{"its next table"}, 2},
		{"a table within what is missing", []string{"a " + dense, "c 30-44"}, []int64{0, 20}, []string{"not played", "no later table"}, 1},
		{"the first table behind what is missing", []string{"a " + dense, "c 30-44"}, []int64{40}, []string{"learned anew"}, 1},
		{"a table that is younger", []string{"a " + dense}, []int64{0, 15}, []string{"younger"}, 1},
		{"quiet", []string{"a 0 4 9 13 22 31 33 41 49 55", "b 66 71 79 88 90 99 104 111 115", "c 126 130 131 138 144 151 158 166 170", "d 180 185 190 195 200 205 206 207 208 209 210"}, nil, nil, 0},
		{"names a quarter apart", []string{"updates.20260302.0000 1 4", "updates.20260302.0015 17", "updates.20260302.0045 47 50"}, nil, []string{"missing from 2026-03-02T00:17:00Z to 2026-03-02T00:45:00Z"}, 0},
		{"names an hour apart, quiet", []string{"updates.20260302.0000 1", "updates.20260302.0100 117", "updates.20260302.0200 121"}, nil, nil, 0},
		{"a record a file", []string{"a 0", "b 60", "c 120", "d 400"}, nil, nil, 0},
	} {
		c := collectorPlan{name: "file/c"}
		for i, spec := range tt.files {
			name, times, _ := strings.Cut(spec, " ")
			f := &filePlan{glance: &glance{}, title: name, sum: [32]byte{byte(i)}}
			for n, at := range minutes(times) {
				for k := range int64(3) { // some further times
					f.rows = add(f.rows, uint64(3*n)+uint64(k)+1, at+k)
				}
			}
			if strings.HasPrefix(tt.name, "a record") || strings.HasPrefix(tt.name, "names") {
				f.rows = nil
				for n, at := range minutes(times) {
					f.rows = add(f.rows, uint64(n+1), at)
				}
			}
			f.settle()
			c.updates = append(c.updates, f)
		}
		for i, m := range tt.tables {
			at := someDay + m*minuteMicroseconds
			c.tables = append(c.tables, &filePlan{glance: &glance{table: true}, title: "rib", first: at, last: at, sum: [32]byte{100, byte(i)}})
		}
		if err := c.agree(); err != nil {
			t.Fatal(err)
		}
		c.findHoles()
		got := c.tellHoles()
		if len(got) != len(tt.want) || len(c.tables) != tt.played {
			t.Errorf("%s: got %d tables and notes %q, want %d and %q", tt.name, len(c.tables), got, tt.played, tt.want)
			continue
		}
		for i, want := range tt.want {
			if !strings.Contains(got[i], want) {
				t.Errorf("%s: got %q, want %q", tt.name, got[i], want)
			}
		}
	}
}
