package sqlshell

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		want []string
		open bool
	}{
		{"", nil, false},
		{" ; ;\n-- nothing\n/* ; */;", nil, false},
		{"SELECT 1", []string{"SELECT 1"}, true},
		{"SELECT 1;", []string{"SELECT 1"}, false},
		{"SELECT 1; SELECT 2", []string{"SELECT 1", "SELECT 2"}, true},
		{`SELECT ';', "a;b", ` + "`c;d`" + `; SELECT 'it''s;', 'a\';b';`, []string{`SELECT ';', "a;b", ` + "`c;d`", `SELECT 'it''s;', 'a\';b'`}, false},
		{"SELECT 1 -- one; two\n; SELECT /* ; */ 2;", []string{"SELECT 1 -- one; two", "SELECT /* ; */ 2"}, false},
		{"SELECT 'open; ", []string{"SELECT 'open;"}, true},
		{"SELECT $$a;'b$$; SELECT $q$ ; $$ ; $q$;", []string{"SELECT $$a;'b$$", "SELECT $q$ ; $$ ; $q$"}, false},
		{"SELECT $$a;\nb", []string{"SELECT $$a;\nb"}, true},
		{"SELECT $a b$x; SELECT $a b$", []string{"SELECT $a b$x", "SELECT $a b$"}, true}, // no heredoc: a tag holds no blank
		{"SELECT a$b$ ; SELECT c$b$;", []string{"SELECT a$b$", "SELECT c$b$"}, false},    // no heredoc: part of a name
		{"SELECT 1 /* a /* ; */ ; */; SELECT 2", []string{"SELECT 1 /* a /* ; */ ; */", "SELECT 2"}, true},
		{"SELECT 1 /*/ ; */; SELECT 2;", []string{"SELECT 1 /*/ ; */", "SELECT 2"}, false},
		{"SELECT 1 // ; x\n;# ; y\nSELECT 2#! ;\n;", []string{"SELECT 1 // ; x", "# ; y\nSELECT 2#! ;"}, false},
		{"SELECT ‘a;b’, “c;d”; SELECT 2;", []string{"SELECT ‘a;b’, “c;d”", "SELECT 2"}, false},
		{"SELECT '\\\\'; SELECT 2;", []string{`SELECT '\\'`, "SELECT 2"}, false},
		{"\ufeffSELECT\u00a01\u2000;\u200b;", []string{"SELECT\u00a01"}, false},
		{"SELECT 4 / 2; SELECT 3 - 1;", []string{"SELECT 4 / 2", "SELECT 3 - 1"}, false},
	} {
		statements, open := Split(tt.text)
		var got []string
		for _, s := range statements {
			got = append(got, s.SQL)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || open != tt.open {
			t.Errorf("%q: open %v, want %v (-want +got):\n%s", tt.text, open, tt.open, diff)
		}
	}
	got, open := Split(`SELECT 1\G SELECT '\G';`)
	if diff := cmp.Diff([]Statement{{"SELECT 1", true}, {`SELECT '\G'`, false}}, got); diff != "" || open {
		t.Errorf("vertical (-want +got):\n%s", diff)
	}
}

// FuzzSplit checks that any text is split without a panic, and that no part of a statement is lost.
func FuzzSplit(f *testing.F) {
	for _, text := range []string{"SELECT 1; SELECT $a$;$a$", "/* /* */ ;", "'\\", "‘;", "$", "a$", `\G`, "\u2000", "\ufeff1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		statements, open := Split(text + ";")
		for _, s := range statements {
			if again, still := Split(s.SQL + "\n;"); !open && (still || len(again) != 1 || again[0].SQL != s.SQL) {
				t.Errorf("%q: %q is split again into %+v", text, s.SQL, again)
			}
		}
	})
}

func TestWords(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff([]string{"SET", "MAX_THREADS"}, words("-- a\n(set /* x */ max_threads = 'y'", 2)); diff != "" {
		t.Error(diff)
	}
}
