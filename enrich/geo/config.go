package geo

// Kind is the quality class of a location file's countries.
type Kind string

// The kinds. The zero value means that the content decides: RIR statistics are delegation; MMDBs of
// a type of MaxMind, DB-IP or IPinfo are geolocation; all other files are whois.
const (
	KindGeolocation Kind = "geolocation"
	KindDelegation  Kind = "delegation"
	KindWhois       Kind = "whois"
)

// File is a location file. In YAML it is a path, or a map with path and kind.
type File struct {
	// Where the file is. The path alone may be written instead of the map.
	Path string `yaml:"path" min:"1"`
	// How good the file's countries are. Empty: what the content says.
	Kind Kind `yaml:"kind,omitempty" oneof:"geolocation delegation whois"`
}

// UnmarshalYAML reads both forms, as strictly as the decoder that calls it.
func (f *File) UnmarshalYAML(unmarshal func(any) error) error {
	if unmarshal(&f.Path) == nil {
		return nil
	}
	type plain File
	return unmarshal((*plain)(f))
}

// MarshalYAML writes the path alone if the kind is empty.
func (f File) MarshalYAML() (any, error) {
	if f.Kind == "" {
		return f.Path, nil
	}
	type plain File
	return plain(f), nil
}

// Config is the section enrich.geo.
type Config struct {
	// Locations or RIR delegations; among files of one kind the first that knows an address counts.
	// Empty: the data that `darkmap fetch` brings.
	Files []File `yaml:"files" max:"64"`
}
