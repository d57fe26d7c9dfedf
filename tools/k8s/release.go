package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
)

// edition is a version of darkmap that is released, with the digest of its image.
type edition struct {
	version, repository, digest string
	date                        time.Time
}

// write writes the chart as a package, and both overlays rendered, into a folder. All of them name
// the image by its digest. The same edition gives the same files.
func (e edition) write(k8s, chartDir, out string) error {
	if err := e.packageChart(chartDir, out); err != nil {
		return err
	}
	for _, name := range []string{"single", "cluster"} {
		text, err := buildOverlay(filepath.Join(k8s, "overlays", name))
		if err != nil {
			return err
		}
		path := filepath.Join(out, fmt.Sprintf("darkmap-%s-%s.yaml", name, e.version))
		if err := os.WriteFile(path, e.pinOverlay(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// ownImage matches a line of an overlay that names the image of darkmap.
var ownImage = regexp.MustCompile(`(?m)^(\s*(?:- )?image: )darkmap:\S+$`)

// pinOverlay names the edition's image in a rendered overlay.
func (e edition) pinOverlay(text []byte) []byte {
	return ownImage.ReplaceAll(text, []byte("${1}"+e.repository+":"+e.version+"@"+e.digest))
}

// Lines of values.yaml that an edition replaces.
var (
	repositoryLine = regexp.MustCompile(`(?m)^  repository: darkmap$`)
	digestLine     = regexp.MustCompile(`(?m)^  digest: ""$`)
)

// packageChart writes the chart as helm's package, with the edition's version and image.
func (e edition) packageChart(dir, out string) error {
	c, err := loader.LoadDir(dir)
	if err != nil {
		return fmt.Errorf("loading the chart: %w", err)
	}
	c.Metadata.Version, c.Metadata.AppVersion = e.version, e.version
	if err := e.pinValues(c); err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "chart")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp) //nolint:errcheck // a temporary folder
	path, err := chartutil.Save(c, temp)
	if err != nil {
		return fmt.Errorf("packing the chart: %w", err)
	}
	return e.restamp(path, filepath.Join(out, filepath.Base(path)))
}

func (e edition) pinValues(c *chart.Chart) error {
	for _, f := range c.Raw {
		if f.Name != chartutil.ValuesfileName {
			continue
		}
		if len(repositoryLine.FindAll(f.Data, -1)) != 1 || len(digestLine.FindAll(f.Data, -1)) != 1 {
			return errors.New("values.yaml does not name the repository darkmap and an empty digest, once each")
		}
		f.Data = repositoryLine.ReplaceAll(f.Data, []byte("  repository: "+e.repository))
		f.Data = digestLine.ReplaceAll(f.Data, []byte("  digest: "+e.digest))
		return nil
	}
	return errors.New("the chart has no values.yaml")
}

// restamp copies a package. helm gives its files the time of day, the copy has the edition's date.
func (e edition) restamp(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	unpacked, err := gzip.NewReader(in)
	if err != nil {
		return err
	}
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	packed := gzip.NewWriter(out)
	files := tar.NewWriter(packed)
	err = e.copyFiles(files, tar.NewReader(unpacked))
	return errors.Join(err, files.Close(), packed.Close(), out.Close())
}

func (e edition) copyFiles(to *tar.Writer, from *tar.Reader) error {
	for {
		h, err := from.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		h.ModTime = e.date
		if err := to.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(to, from); err != nil {
			return err
		}
	}
}
