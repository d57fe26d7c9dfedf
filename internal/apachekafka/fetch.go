package apachekafka

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// pom pins the versions of Kafka and of its logging library.
//
//go:embed pom.xml
var pom []byte

// ErrMissing reports that the machine has no Java, no Maven, or no access to Maven's repository.
var ErrMissing = errors.New("a program is missing")

// Java returns the path of the Java runtime.
func Java() (string, error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return "", fmt.Errorf("%w: Kafka needs Java 17: apt-get install openjdk-17-jre-headless", ErrMissing)
	}
	return java, nil
}

// Fetch returns the folder of Kafka's jars. If they are not in the user's cache folder, it fetches
// them with Maven, 45 MB. Several processes may call it at the same time: each fetches into its own
// folder, and the first that finishes gives its folder the final name.
func Fetch(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("looking for the user's cache folder: %w", err)
	}
	sum := sha256.Sum256(pom)
	parent := filepath.Join(cache, "darkmap", "apache-kafka")
	lib := filepath.Join(parent, hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(lib); err == nil {
		return lib, nil
	}
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return "", fmt.Errorf("%w: Kafka is fetched with Maven: apt-get install maven", ErrMissing)
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return "", fmt.Errorf("fetching Kafka: %w", err)
	}
	tmp, err := os.MkdirTemp(parent, "fetch-")
	if err != nil {
		return "", fmt.Errorf("fetching Kafka: %w", err)
	}
	defer func() { _ = os.RemoveAll(tmp) }() // a failure leaves a folder in the cache
	project := filepath.Join(tmp, "pom.xml")
	if err := os.WriteFile(project, pom, 0o600); err != nil {
		return "", fmt.Errorf("fetching Kafka: %w", err)
	}
	fetch := exec.CommandContext(ctx, mvn, "-q", "-B", "-f", project, //nolint:gosec // our own arguments
		"dependency:copy-dependencies", "-DoutputDirectory="+filepath.Join(tmp, "lib"))
	if out, err := fetch.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: Kafka could not be fetched from Maven: %w\n%s", ErrMissing, err, out)
	}
	if err := os.Rename(filepath.Join(tmp, "lib"), lib); err != nil {
		if _, statErr := os.Stat(lib); statErr != nil {
			return "", fmt.Errorf("fetching Kafka: %w", err)
		}
	}
	return lib, nil
}
