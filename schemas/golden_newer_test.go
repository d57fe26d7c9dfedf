package schemas_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
)

// newerField is a number that no message uses.
const newerField = 15_000

// newer returns fields of a version that is newer than this one, of each type of the wire.
func newer() []byte {
	b := protowire.AppendVarint(protowire.AppendTag(nil, newerField, protowire.VarintType), 1)
	b = protowire.AppendFixed32(protowire.AppendTag(b, newerField+1, protowire.Fixed32Type), 2)
	b = protowire.AppendFixed64(protowire.AppendTag(b, newerField+2, protowire.Fixed64Type), 3)
	return protowire.AppendBytes(protowire.AppendTag(b, newerField+3, protowire.BytesType), []byte("newer"))
}

// addNewer adds the fields to a message and to each message in it.
func addNewer(m protoreflect.Message) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.IsMap() || fd.Message() == nil: // no map of the topics has messages
		case fd.IsList():
			for i := range v.List().Len() {
				addNewer(v.List().Get(i).Message())
			}
		default:
			addNewer(v.Message())
		}
		return true
	})
	m.SetUnknown(newer())
}

// TestNewerRecords: records of a newer version, which have further fields in every message, decode
// to what this version knows of them. If they are encoded again, the further fields are still there.
func TestNewerRecords(t *testing.T) {
	t.Parallel()
	for name, sample := range samples() {
		want := sample.ProtoReflect().New().Interface()
		b, err := os.ReadFile(filepath.Join("testdata", "golden", name+".binpb"))
		if err != nil {
			t.Fatal(err)
		}
		if err := proto.Unmarshal(b, want); err != nil {
			t.Fatal(err)
		}
		sent := proto.Clone(want)
		addNewer(sent.ProtoReflect())
		if b, err = proto.Marshal(sent); err != nil {
			t.Fatal(err)
		}
		got := sample.ProtoReflect().New().Interface()
		fast := got.(interface {
			UnmarshalVT([]byte) error
			MarshalVT() ([]byte, error)
		})
		if err := fast.UnmarshalVT(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(sent, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s (-sent +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(want, got, protocmp.Transform(), protocmp.IgnoreUnknown()); diff != "" {
			t.Errorf("%s, without the further fields (-want +got):\n%s", name, diff)
		}
		if again, err := fast.MarshalVT(); err != nil || !bytes.Contains(again, newer()) || len(again) != len(b) {
			t.Errorf("%s: encoded again it has %d octets, %v, want %d with the further fields", name, len(again), err, len(b))
		}
	}
}
