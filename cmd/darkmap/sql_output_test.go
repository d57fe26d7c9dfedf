package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// TestSQLOutput writes files. The format follows the name, a statement that fails leaves no file,
// and no file is replaced without --force. Several statements run on the store at once.
func TestSQLOutput(t *testing.T) {
	t.Parallel()
	dir := migrated(t)
	host(t, dir, io.Discard)
	folder := t.TempDir()
	sql := func(args ...string) (int, string, string) {
		return darkmap(t, "", append([]string{"sql", "--data-dir", dir}, args...)...)
	}
	const three = "SELECT number AS n, toString(number) AS s FROM numbers(3)"
	for name, begins := range map[string]string{
		"a.parquet": "PAR1", "a.csv": "\"n\",\"s\"\n0,\"0\"\n", "a.tsv": "n\ts\n0\t0\n", "a.json": "{\n", "a.jsonl": "{\"n\":0,", "a.ndjson": "{\"n\":0,", "a.arrow": "ARROW1", "a.orc": "ORC",
		"a.avro": "Obj\x01", "a.native": "", "a.bson": "", "a.msgpack": "", "a.md": "| n | s |", "a.xml": "<?xml", "a.sql": "INSERT INTO", "a.csv.gz": "\x1f\x8b", "a.tsv.zst": "\x28\xb5\x2f\xfd",
	} {
		path := filepath.Join(folder, name)
		code, out, errs := sql("--output", path, three)
		b, err := os.ReadFile(path)
		if code != 0 || out != "" || errs != "" || err != nil || len(b) < 10 || !strings.HasPrefix(string(b), begins) {
			t.Errorf("%s: got %d, %q, %q, %v; it holds %.20q, want %q", name, code, out, errs, err, b, begins)
		}
	}
	if rows, err := parquet.ReadFile[struct {
		N uint64 `parquet:"n"`
		S string `parquet:"s"`
	}](filepath.Join(folder, "a.parquet")); err != nil || len(rows) != 3 || rows[2].N != 2 || rows[2].S != "2" {
		t.Errorf("the Parquet file holds %v, %v", rows, err)
	}
	packed, err := os.ReadFile(filepath.Join(folder, "a.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(unpacked); err != nil || string(b) != "\"n\",\"s\"\n0,\"0\"\n1,\"1\"\n2,\"2\"\n" {
		t.Errorf("the packed file holds %q, %v", b, err)
	}

	before := filesIn(t, folder)
	// The statement fails after more output than the server holds back.
	late := "SELECT throwIf(number = 3000000), repeat('x', 10) FROM numbers(4000000) SETTINGS max_threads = 1"
	for _, tt := range []struct {
		code int
		want string
		args []string
	}{
		{exitUsage, "is there already: --force replaces it", []string{"--output", filepath.Join(folder, "a.csv"), three}},
		{exitUsage, "is that of no format", []string{"--output", filepath.Join(folder, "a.dat"), three}},
		{exitUsage, "is a folder", []string{"--output", folder, "--format", "CSV", three}},
		{exitUsage, "no such file or directory", []string{"--output", filepath.Join(folder, "no", "a.csv"), three}},
		{exitUsage, "--force is for --output", []string{"--force", three}},
		{exitUsage, "want NAME=VALUE", []string{"--param", "a b=1", three}},
		{exitUsage, "want one of them", []string{"--file", "x.sql", three}},
		{exitFailed, "throwIf", []string{"--output", filepath.Join(folder, "late.parquet"), late}},
		{exitFailed, "throwIf", []string{"--output", filepath.Join(folder, "late.csv.gz"), late}},
		{exitFailed, "leave FORMAT out", []string{"--output", filepath.Join(folder, "b.parquet"), three + " FORMAT CSV"}},
		{exitFailed, "two statements have output", []string{"--output", filepath.Join(folder, "a.csv"), "--force", three + ";" + three}},
		{exitFailed, "SYNTAX_ERROR", []string{"--output", filepath.Join(folder, "a.tsv"), "--force", "SELEC 2"}},
	} {
		if code, out, errs := sql(tt.args...); code != tt.code || out != "" || !strings.Contains(errs, tt.want) {
			t.Errorf("%q: got %d, %q, %q; want %d, %q", tt.args, code, out, errs, tt.code, tt.want)
		}
	}
	if after := filesIn(t, folder); after != before {
		t.Errorf("failures left %s, want %s", after, before)
	}
	if code, out, errs := sql(late); code != exitFailed || !strings.HasSuffix(out, "x\n") || !strings.Contains(errs, "the output is not complete") || strings.Contains(out, "exception") {
		t.Errorf("a failure behind much output: got %d, %d octets, %q", code, len(out), errs)
	}
	if code, out, errs := sql("--param", `s=a\b'c`, "--param", "l=['x','y']", "SET max_threads = 1; SELECT {s:String}, {l:Array(String)}[2], getSetting('max_threads') FORMAT TSVRaw"); code != 0 || out != "a\\b'c\ty\t1\n" {
		t.Errorf("values, and SET: got %d, %q, %q", code, out, errs)
	}
	statements := filepath.Join(folder, "statements.sql")
	if err := os.WriteFile(statements, []byte("SELECT $$a;b$$; -- ;\nSELECT 2"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := sql("--file", statements); code != 0 || out != "a;b\n2\n" {
		t.Errorf("a file of statements: got %d, %q, %q", code, out, errs)
	}

	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			var out, errs bytes.Buffer
			if code := run(t.Context(), []string{"sql", "--data-dir", dir, fmt.Sprintf("SELECT count() + %d FROM numbers(1000000)", n)}, nil, &out, &errs); code != 0 || out.String() != fmt.Sprintf("%d\n", 1_000_000+n) {
				t.Errorf("at once: got %d, %q, %q", code, out.String(), errs.String())
			}
		})
	}
	wg.Wait()
}

// filesIn lists a folder.
func filesIn(t *testing.T, folder string) string {
	t.Helper()
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range files {
		all = append(all, f.Name())
	}
	return strings.Join(all, " ")
}
