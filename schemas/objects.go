package schemas

import _ "embed" // for the schemas below

// Outage is the JSON Schema of an outage, Answer the JSON Schema of a detector's answer.
var (
	//go:embed outage.schema.json
	Outage []byte
	//go:embed answer.schema.json
	Answer []byte
)
