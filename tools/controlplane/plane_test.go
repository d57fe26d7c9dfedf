package controlplane

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const token = "token-of-the-tests"

// plane is a running control plane with six nodes in three zones.
type plane struct {
	bin, dir, server string
	kwok             *exec.Cmd
}

// newPlane starts a control plane. It ends with the test.
func newPlane(t *testing.T) *plane {
	t.Helper()
	bin := os.Getenv("CONTROLPLANE")
	if bin == "" {
		t.Skip("CONTROLPLANE does not name the folder of the programs: run make k8s-test")
	}
	p := &plane{bin: bin, dir: t.TempDir()}
	etcd, peer, api := freePort(t), freePort(t), freePort(t)
	p.server = "https://127.0.0.1:" + api
	p.write(t, "tokens.csv", token+",tests,1,system:masters\n")
	p.write(t, "key.pem", string(newKey(t)))
	p.write(t, "kubeconfig", fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: %q, insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: %s}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
`, p.server, token))
	store, peers := "http://127.0.0.1:"+etcd, "http://127.0.0.1:"+peer
	p.start(t, "etcd", "--data-dir="+p.path("etcd"), "--unsafe-no-fsync", "--listen-client-urls="+store, "--advertise-client-urls="+store,
		"--listen-peer-urls="+peers, "--initial-advertise-peer-urls="+peers, "--initial-cluster=default="+peers)
	p.start(t, "kube-apiserver", "--etcd-servers="+store, "--bind-address=127.0.0.1", "--secure-port="+api, "--cert-dir="+p.path("certs"),
		"--token-auth-file="+p.path("tokens.csv"), "--authorization-mode=RBAC", "--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=10.96.0.0/16,fd00:10:96::/112", "--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+p.path("key.pem"), "--service-account-signing-key-file="+p.path("key.pem"))
	within(t, 2*time.Minute, "the API server is ready", func() bool {
		status, _ := p.request(t, http.MethodGet, "/readyz", "")
		return status == http.StatusOK
	})
	config := "--kubeconfig=" + p.path("kubeconfig")
	// Nodes send no heartbeat, so that another kwok can take them over at once.
	p.start(t, "kube-controller-manager", config, "--leader-elect=false", "--secure-port=0", "--node-monitor-grace-period=1h",
		"--service-account-private-key-file="+p.path("key.pem"))
	p.start(t, "kube-scheduler", config, "--leader-elect=false", "--secure-port=0")
	p.ready(t, 0)
	p.kubectl(t, nodes(), "create", "-f", "-")
	p.kubectl(t, "", "wait", "--for=condition=Ready", "--timeout=60s", "node", "--all")
	p.kubectl(t, volumes(), "create", "-f", "-")
	return p
}

// nodes returns six nodes with 8 cores and 32 GiB each, two in each zone.
func nodes() string {
	var b strings.Builder
	for i := range 6 {
		fmt.Fprintf(&b, `---
apiVersion: v1
kind: Node
metadata:
  name: node-%d
  labels: {kubernetes.io/hostname: node-%d, kubernetes.io/os: linux, kubernetes.io/arch: amd64, topology.kubernetes.io/zone: zone-%d}
status:
  allocatable: &size {cpu: 8, memory: 32Gi, pods: 110, ephemeral-storage: 100Gi}
  capacity: *size
`, i, i, i%3)
	}
	return b.String()
}

// volumes returns a class and two volumes for the overlay single: nothing provisions volumes here.
func volumes() string {
	class := `
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: local, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
`
	for i := range 2 {
		class += fmt.Sprintf(`---
apiVersion: v1
kind: PersistentVolume
metadata: {name: volume-%d}
spec: {storageClassName: local, accessModes: [ReadWriteOnce], capacity: {storage: 1Ti}, hostPath: {path: /volume}}
`, i)
	}
	return class
}

// ready makes kwok give readiness to each pod after a delay. A second call replaces kwok.
func (p *plane) ready(t *testing.T, delay time.Duration) {
	t.Helper()
	if p.kwok != nil {
		end(p.kwok)
	}
	cmd := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kwok")
	cmd.Dir = "nodes"
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("finding kwok's module: %v", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "kustomize", "stage")
	var stages []string
	for _, name := range []string{
		"pod/fast/pod-ready", "pod/fast/pod-complete", "pod/fast/pod-delete", "node/fast/node-initialize",
	} {
		b, err := os.ReadFile(filepath.Join(dir, name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		if strings.HasSuffix(name, "pod-ready") {
			text = strings.Replace(text, "  next:\n", fmt.Sprintf("  delay:\n    durationMilliseconds: %d\n  next:\n", delay.Milliseconds()), 1)
			if !strings.Contains(text, "durationMilliseconds") {
				t.Fatal("kwok's stage of a ready pod has another form")
			}
		}
		stages = append(stages, text)
	}
	p.write(t, "stages.yaml", strings.Join(stages, "---\n"))
	p.kwok = p.start(t, "kwok", "--kubeconfig="+p.path("kubeconfig"), "--manage-all-nodes=true", "--config="+p.path("stages.yaml"),
		"--node-lease-duration-seconds=0", "--node-ip=127.0.0.1", "--cidr=10.0.0.1/16")
}

func (p *plane) path(name string) string { return filepath.Join(p.dir, name) }

func (p *plane) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(p.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// start starts a program. Its log is printed if the test fails. It ends after those that were
// started later.
func (p *plane) start(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	log, err := os.Create(p.path(name + ".log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(p.bin, name), args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, p.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		end(cmd)
		log.Close()
		if b, err := os.ReadFile(log.Name()); t.Failed() && err == nil {
			t.Logf("the end of the log of %s:\n%s", name, b[max(0, len(b)-800):])
		}
	})
	return cmd
}

// end ends a program and waits for it. A second call does nothing.
func end(cmd *exec.Cmd) {
	if cmd.ProcessState != nil {
		return
	}
	cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
	defer timer.Stop()
	cmd.Wait()
}

// kubectl runs kubectl and returns its output. A warning of the server is a failure.
func (p *plane) kubectl(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	out, err := p.try(t, stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// try runs kubectl. Its error holds what kubectl wrote to standard error.
func (p *plane) try(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(p.bin, "kubectl"), args...)
	cmd.Env = p.env()
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, &errs)
	}
	if strings.Contains(errs.String(), "Warning:") {
		return out.String(), fmt.Errorf("kubectl %s warns:\n%s", strings.Join(args, " "), &errs)
	}
	return out.String(), nil
}

// env returns the environment in which kubectl is the plane's and reaches it.
func (p *plane) env() []string {
	return append(os.Environ(), "KUBECONFIG="+p.path("kubeconfig"), "PATH="+p.bin+":"+os.Getenv("PATH"), "KUBECACHEDIR="+p.path("kube-cache"))
}

var client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}

// request sends a request to the API server. The status is 0 if there is no answer.
func (p *plane) request(t *testing.T, method, path, body string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, p.server+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}

// within waits until done returns true.
func within(t *testing.T, limit time.Duration, what string, done func() bool) {
	t.Helper()
	var late atomic.Bool
	defer time.AfterFunc(limit, func() { late.Store(true) }).Stop()
	for !done() {
		if late.Load() {
			t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

func newKey(t *testing.T) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}
