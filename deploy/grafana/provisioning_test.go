package grafana

import (
	"testing"

	"github.com/darkmap/darkmap/internal/datatest"
)

// storeSettings are the settings of grafana-clickhouse-datasource 4.20 that a provisioned data
// source may have. Its pkg/plugin/settings.go reads these, and ignores all others.
type storeSettings struct {
	Host            string `yaml:"host"`
	Port            int    `yaml:"port"`
	Protocol        string `yaml:"protocol"`
	Secure          *bool  `yaml:"secure"`
	TLSSkipVerify   *bool  `yaml:"tlsSkipVerify"`
	Username        string `yaml:"username"`
	DefaultDatabase string `yaml:"defaultDatabase"`
	DialTimeout     string `yaml:"dialTimeout"`
	QueryTimeout    string `yaml:"queryTimeout"`
}

// TestProvisioning decodes the files that Grafana reads at its start.
func TestProvisioning(t *testing.T) {
	t.Parallel()
	var sources struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Name           string            `yaml:"name"`
			UID            string            `yaml:"uid"`
			Type           string            `yaml:"type"`
			Access         string            `yaml:"access"`
			URL            string            `yaml:"url"`
			Editable       *bool             `yaml:"editable"`
			JSONData       storeSettings     `yaml:"jsonData"`
			SecureJSONData map[string]string `yaml:"secureJsonData"`
		} `yaml:"datasources"`
	}
	datatest.StrictYAML(t, "provisioning/datasources/darkmap.yaml", &sources)
	if sources.APIVersion != 1 || len(sources.Datasources) != 2 || sources.Datasources[1].Type != "prometheus" {
		t.Fatalf("got %+v", sources)
	}
	store := sources.Datasources[0]
	if store.Type != storePlugin || store.JSONData.Protocol != "http" || store.JSONData.TLSSkipVerify == nil || *store.JSONData.TLSSkipVerify || store.JSONData.DefaultDatabase != "darkmap" {
		t.Errorf("got %+v", store)
	}
	if len(store.SecureJSONData) != 1 || store.SecureJSONData["password"] != "${DARKMAP_STORE_PASSWORD}" {
		t.Errorf("got the secrets %v, want the password alone, from the environment", store.SecureJSONData)
	}
	var boards struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name           string            `yaml:"name"`
			Folder         string            `yaml:"folder"`
			Type           string            `yaml:"type"`
			AllowUIUpdates bool              `yaml:"allowUiUpdates"`
			UpdateInterval int               `yaml:"updateIntervalSeconds"`
			Options        map[string]string `yaml:"options"`
		} `yaml:"providers"`
	}
	datatest.StrictYAML(t, "provisioning/dashboards/darkmap.yaml", &boards)
	if boards.APIVersion != 1 || len(boards.Providers) != 1 || boards.Providers[0].Type != "file" || boards.Providers[0].Options["path"] != "${DARKMAP_DASHBOARDS}" {
		t.Errorf("got %+v", boards)
	}
}
