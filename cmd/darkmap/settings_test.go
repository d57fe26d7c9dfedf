package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/config"
)

// TestDefaultsEdition: a change of a default that decides results has to raise defaultsEdition and
// to enter the new hash here. A new key whose default keeps the former behaviour only replaces the
// hash.
func TestDefaultsEdition(t *testing.T) {
	t.Parallel()
	editions := map[int]string{3: "108685472bde3955"}
	h := sha256.New()
	cfg := defaultConfiguration()
	for _, k := range config.Keys(cfg) {
		if k.Field.Tag.Get("result") == "yes" && k.Default() != "" {
			fmt.Fprintf(h, "%s=%s\n", k.Name, k.Default())
		}
	}
	if got := hex.EncodeToString(h.Sum(nil)[:8]); got != editions[defaultsEdition] {
		t.Errorf("the defaults of edition %d have the hash %s, not %s: a changed default raises defaultsEdition; a new key only replaces the hash", defaultsEdition, got, editions[defaultsEdition])
	}
}

// TestResultSettings: each key that decides results changes the settings of a dataset when it alone
// is changed. No other key does, and no key does at its default.
func TestResultSettings(t *testing.T) {
	t.Parallel()
	usual := resultSettings(defaultConfiguration())
	if usual != "defaults 3\n" {
		t.Errorf("the defaults: got %q", usual)
	}
	tagged := 0
	for i, k := range config.Keys(defaultConfiguration()) {
		if strings.Contains(k.Name, "[]") || strings.Contains(k.Name, "."+config.AnyName+".") {
			continue
		}
		cfg := defaultConfiguration()
		other(t, config.Keys(cfg)[i].Value)
		got, decides := resultSettings(cfg), k.Field.Tag.Get("result") == "yes"
		if decides {
			tagged++
		}
		if (got != usual) != decides || decides && !strings.Contains(got, k.Name+"=") {
			t.Errorf("%s, tagged %v: got %q", k.Name, decides, got)
		}
	}
	if tagged < 40 {
		t.Errorf("%d keys decide results: want those of detect", tagged)
	}
}

// other changes a value.
func other(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Int, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(v.Int() + int64(time.Minute))
		if v.Type().Bits() < 64 {
			v.SetInt(7)
		}
	case reflect.Slice:
		e := reflect.New(v.Type().Elem()).Elem()
		if p, ok := reflect.TypeAssert[*netip.Prefix](e.Addr()); ok {
			*p = netip.MustParsePrefix("192.0.2.0/24")
		}
		v.Set(reflect.Append(v, e))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.New(v.Type().Key()).Elem(), reflect.Zero(v.Type().Elem()))
	default:
		t.Fatalf("a key of the kind %v", v.Kind())
	}
}
