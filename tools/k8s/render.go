package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	goyaml "go.yaml.in/yaml/v3"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// release is the name under which the chart is rendered for deploy/k8s.
const release = "darkmap"

// renderChart renders the chart in dir. values override the values of the chart. It refuses values
// that the chart's schema does not know.
func renderChart(dir string, values map[string]any) ([]object, error) {
	chart, err := loader.LoadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("loading the chart: %w", err)
	}
	all, err := chartutil.ToRenderValues(chart, values, chartutil.ReleaseOptions{
		Name: release, Namespace: "default", IsInstall: true, Revision: 1,
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("taking the values: %w", err)
	}
	files, err := engine.Render(chart, all)
	if err != nil {
		return nil, fmt.Errorf("rendering the chart: %w", err)
	}
	var found []object
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if path.Ext(name) != ".yaml" {
			continue
		}
		o, err := readObjects([]byte(files[name]))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		found = append(found, o...)
	}
	return found, nil
}

// forKustomize removes from objects of the chart the parts that kustomize does itself. ConfigMaps
// that are named by their content restart the pods. The names of Jobs are fixed (deploy/k8s/upgrade
// removes finished ones).
func forKustomize(all []object) {
	for _, o := range all {
		if pod := o.pod(); pod != nil {
			annotations := asObject(at(pod, "metadata", "annotations"))
			delete(annotations, "checksum/config")
			if len(annotations) == 0 {
				delete(asObject(pod["metadata"]), "annotations")
			}
		}
		if o.kind() == "Job" {
			asObject(o["metadata"])["name"] = release + "-" + o.component()
		}
	}
}

// optional are the kustomize components that are rendered from the chart, with the values that
// enable them.
var optional = map[string]map[string]any{
	"monitoring":       {"monitoring": map[string]any{"enabled": true}},
	"keda":             {"keda": map[string]any{"enabled": true}},
	"external-secrets": {"externalSecrets": map[string]any{"enabled": true}},
	"networkpolicy":    {"networkPolicy": map[string]any{"enabled": true}},
}

const (
	rendered      = "# Rendered from deploy/chart by `make manifests`: do not edit.\n"
	configMapName = release + "-config"
)

// kustomization is the kustomization.yaml of a folder.
type kustomization struct {
	APIVersion         string           `yaml:"apiVersion"`
	Kind               string           `yaml:"kind"`
	Resources          []string         `yaml:"resources,omitempty"`
	ConfigMapGenerator []map[string]any `yaml:"configMapGenerator,omitempty"`
}

// generated returns the files below deploy/k8s that the chart in dir determines, by path.
func generated(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	all, err := renderChart(dir, nil)
	if err != nil {
		return nil, err
	}
	forKustomize(all)
	folders := map[string]*kustomization{}
	for _, o := range all {
		folder := "base/" + o.component()
		k := folders[folder]
		if k == nil {
			k = &kustomization{APIVersion: "kustomize.config.k8s.io/v1beta1", Kind: "Kustomization"}
			folders[folder] = k
		}
		if o.name() == configMapName {
			files[folder+"/darkmap.yaml"] = []byte(rendered + at(o, "data", "darkmap.yaml").(string))
			k.ConfigMapGenerator = []map[string]any{
				{"name": configMapName, "files": []string{"darkmap.yaml"}},
			}
			continue
		}
		if err := add(files, folder, k, o); err != nil {
			return nil, err
		}
	}
	base := &kustomization{APIVersion: "kustomize.config.k8s.io/v1beta1", Kind: "Kustomization"}
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		base.Resources = append(base.Resources, strings.TrimPrefix(folder, "base/"))
	}
	folders["base"] = base
	for name, values := range optional {
		all, err := renderChart(dir, values)
		if err != nil {
			return nil, err
		}
		folder := "components/" + name
		k := &kustomization{APIVersion: "kustomize.config.k8s.io/v1alpha1", Kind: "Component"}
		folders[folder] = k
		for _, o := range all {
			if o.component() != name {
				continue
			}
			if err := add(files, folder, k, o); err != nil {
				return nil, err
			}
		}
	}
	for folder, k := range folders {
		b, err := marshal(k)
		if err != nil {
			return nil, err
		}
		files[folder+"/kustomization.yaml"] = b
	}
	return files, nil
}

// add writes an object into a file of its own and names the file in the folder's kustomization.
func add(files map[string][]byte, folder string, k *kustomization, o object) error {
	b, err := marshal(o)
	if err != nil {
		return err
	}
	name := strings.ToLower(o.kind()) + ".yaml"
	if _, taken := files[folder+"/"+name]; taken || strings.HasPrefix(folder, "components/") {
		name = strings.ToLower(o.kind()) + "-" + strings.TrimPrefix(o.name(), release+"-") + ".yaml"
	}
	files[folder+"/"+name] = b
	k.Resources = append(k.Resources, name)
	return nil
}

func marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(rendered)
	e := goyaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("writing YAML: %w", err)
	}
	return out.Bytes(), e.Close()
}

// owned returns the folders below deploy/k8s that generated owns. Other files in them are left
// over.
func owned() []string {
	all := []string{"base"}
	for name := range optional {
		all = append(all, "components/"+name)
	}
	slices.Sort(all)
	return all
}

// existing returns the files in those folders.
func existing(k8s string) ([]string, error) {
	var all []string
	for _, folder := range owned() {
		err := filepath.WalkDir(filepath.Join(k8s, folder), func(p string, d os.DirEntry, err error) error {
			if os.IsNotExist(err) {
				return nil
			}
			if err == nil && !d.IsDir() {
				rel, _ := filepath.Rel(k8s, p) // both are below k8s
				all = append(all, filepath.ToSlash(rel))
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// buildOverlay runs `kustomize build` on a folder.
func buildOverlay(dir string) ([]byte, error) {
	m, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return nil, fmt.Errorf("building %s: %w", dir, err)
	}
	return m.AsYaml()
}
