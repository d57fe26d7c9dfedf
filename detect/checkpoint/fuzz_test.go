package checkpoint

import (
	"bytes"
	"testing"

	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// FuzzRecord: no record of the topic makes a reader fail in another way than with an error.
func FuzzRecord(f *testing.F) {
	m := Manifest{ID: "a", Format: Format, Settings: Hash(""), Offsets: map[int32]int64{0: 1}, Length: 5, Sum: Hash(""), Chunks: []int64{3}}
	rec, err := m.Record("t", "detect")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(rec.Value)
	var b bytes.Buffer
	if err := encode(&b, []State{noise(100, 1)}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(_ *testing.T, b []byte) {
		r := &pb.CheckpointRecord{}
		if r.UnmarshalVT(b) == nil && r.GetManifest() != nil {
			if m, err := parse(r, 1); err == nil {
				_ = m.Usable(Situation{Ends: map[int32]int64{0: 1}}) // it must return
			}
		}
		var got octets
		_ = decode(bytes.NewReader(b), []State{&got}) // an error, or octets
	})
}
