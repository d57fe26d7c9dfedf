package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/config"
)

// hushed are the secrets of these tests: that of a file or variable, and the user and the password
// of a URL.
var hushed = []string{"hunter2-of-a-file", "hunter2-of-a-user", "hunter2-of-a-url"}

// secretURL is a URL with secrets. No server listens there.
const secretURL = "://hunter2-of-a-user:hunter2-of-a-url@127.0.0.1:9/"

// hushes checks that a text holds no secrets.
func hushes(t *testing.T, where, text string) {
	t.Helper()
	for _, s := range hushed {
		if strings.Contains(text, s) {
			t.Errorf("%s shows %s:\n%s", where, s, text)
		}
	}
}

// endsAtFirst is a writer that cancels the command at its first output, because some commands wait
// for brokers without end.
type endsAtFirst struct {
	bytes.Buffer
	cancel context.CancelFunc
}

func (e *endsAtFirst) Write(b []byte) (int, error) {
	e.cancel()
	return e.Buffer.Write(b)
}

// withSecrets returns flags that set every key of a secret to a file with a secret, and servers
// that do not listen.
func withSecrets(t *testing.T) (flags []string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(hushed[0]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sets := []string{
		"kafka.brokers=[127.0.0.1:9]", "kafka.sasl.mechanism=plain", "kafka.sasl.user=a", "clickhouse.addresses=[127.0.0.1:9]", "clickhouse.reader.user=r",
		"ingest.rislive.url=wss" + secretURL, "ingest.archive.broker=https" + secretURL, "ingest.archive.index=https" + secretURL,
		"notify.heartbeat={url_secret: {file: PATH}}", "notify.routes=[{name: all, to: [hook, chat, page, other]}]",
		"notify.targets={hook: {webhook: {url_secret: {file: PATH}, secrets: [{file: PATH}]}}, chat: {slack: {url: {file: PATH}}}, page: {pagerduty: {routing_key: {file: PATH}}}, other: {shoutrrr: {url: {file: PATH}}}}",
	}
	for i := range sets {
		sets[i] = strings.ReplaceAll(sets[i], "PATH", path)
	}
	named := 0
	for _, k := range config.Keys(defaultConfiguration()) {
		// A door needs the embedded store. The keys of notify are set above.
		if k.Parent == reflect.TypeFor[config.Secret]() && k.Field.Name == "File" && !strings.HasPrefix(k.Name, "clickhouse.door.") && !strings.HasPrefix(k.Name, "notify.") {
			named++
			sets = append(sets, k.Name+"="+path)
		}
	}
	if named < 4 {
		t.Errorf("found %d keys of secrets: too few to be all", named)
	}
	for _, s := range sets {
		flags = append(flags, "--set", s)
	}
	return append(flags, "--data-dir", filepath.Join(t.TempDir(), "data"), "--log-level", "debug")
}

// TestSecretsAreNotPrinted runs commands that fail, with a secret in every key of a secret and in
// URLs. No output holds a secret.
func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	flags := withSecrets(t)
	for _, command := range []string{
		"config check", "config print", "config print --plain", "topics apply", "migrate", "sql SELECT_1", "sql --print-connection", "outages", "datasets list", "feeds", "show AS64496",
		"show AS64496 --detector 127.0.0.1:9", "dump https" + secretURL, "replay https" + secretURL, "enrich --admin-addr 127.0.0.1:0", "ingest --admin-addr 127.0.0.1:0", "https" + secretURL,
		"config check --set kafka.sasl.password=" + hushed[0], "config check --set clickhouse.password.value=" + hushed[0], "config check --set ingest.rislive.url=x" + secretURL,
		"config check --set kafka.brokers=[https" + secretURL + "]", "config check --config https" + secretURL,
		"notify --admin-addr 127.0.0.1:0", "notify status", "notify check", "notify parked", "notify explain x", "notify silence --all --for 2h", "notify test hook", "notify test chat", "notify test page", "notify test other",
		"config check --set notify.targets.chat.slack.url=https" + secretURL, "config check --set notify.heartbeat.url_secret=" + hushed[0],
	} {
		ctx, cancel := context.WithCancel(t.Context())
		errs, out := endsAtFirst{cancel: cancel}, bytes.Buffer{}
		code := run(ctx, slices.Concat(strings.Fields(command), flags), strings.NewReader(""), &out, &errs)
		cancel()
		if out.Len()+errs.Len() == 0 {
			t.Errorf("darkmap %s: exit %d and not a word", command, code)
		}
		hushes(t, "darkmap "+command, out.String()+errs.String())
	}
}

// secretProxies are variables that name a proxy with a password. No proxy listens there.
func secretProxies() []string {
	return []string{"HTTP_PROXY=http" + secretURL, "HTTPS_PROXY=http" + secretURL}
}

// TestUpHushes runs an up whose sources fail. Its targets and heartbeat are reached by a proxy with
// a password. Its outputs, its pages and its run.json hold no secrets of URLs.
func TestUpHushes(t *testing.T) {
	t.Parallel()
	hook := written(t, "hook", "http://"+hushed[1]+":"+hushed[2]+"@hook.example.net/"+hushed[0]+"\n")
	secret := written(t, "whsec", "whsec_aHVudGVyMi1vZi1hLXdlYmhvb2std2l0aC1hLXNlY3JldA==\n")
	o := newObservatory(t, "ingest.rislive.url=ws"+secretURL, "ingest.rislive.collectors=[rrc00]", "ingest.archive.broker=http"+secretURL,
		"notify.heartbeat={url_secret: {file: "+hook+"}}", "notify.targets={hook: {webhook: {url_secret: {file: "+hook+"}, secrets: [{file: "+secret+"}]}}}",
		"notify.routes=[{name: all, to: [hook]}]")
	o.args, o.env = append(o.args, "--log-level", "debug"), secretProxies()
	o.start()
	o.eventually("it says that it cannot connect, and why there is no heartbeat", func() bool {
		said := o.said()
		return strings.Contains(said, "127.0.0.1:9 refuses the connection") && strings.Contains(said, "no heartbeat") && o.get("/readyz") != ""
	})
	pages := o.get("/metrics")
	if !strings.Contains(pages, "darkmap_build_info") || !strings.Contains(pages, `darkmap_notify_sent_total{target="hook"}`) {
		t.Errorf("got no metrics: %s", pages)
	}
	state, err := os.ReadFile(filepath.Join(o.dir, "run.json"))
	if err != nil {
		t.Error(err)
	}
	pages += o.get("/readyz") + o.get("/debug/pprof/cmdline") + o.doing()
	o.mu.Lock()
	printed := o.stdout.String() + o.stderr.String()
	o.mu.Unlock()
	if !strings.Contains(printed, "proxy=127.0.0.1:9") && !strings.Contains(printed, `"proxy":"127.0.0.1:9"`) {
		t.Errorf("it does not say that a proxy is used: %s", printed)
	}
	hushes(t, "up", printed)
	hushes(t, "its pages", pages)
	hushes(t, "run.json", string(state))

	for _, env := range [][]string{secretProxies(), {"HTTP_PROXY=http://" + hushed[1] + ":" + hushed[2] + "@[::1"}} {
		args := []string{"notify", "test", "hook", "--log-level", "debug"}
		for i, a := range o.args {
			if a == "--set" {
				args = append(args, a, o.args[i+1])
			}
		}
		test := exec.CommandContext(t.Context(), os.Args[0], args...)
		test.Env = slices.Concat(os.Environ(), env, []string{asDarkmap + "=1"})
		out, err := test.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "proxy") {
			t.Errorf("notify test: got %v: %s", err, out)
		}
		hushes(t, "notify test", string(out))
	}
}
