package cap

import (
	"encoding/xml"
	"fmt"
	"strings"
	"time"
)

// namespace is the XML namespace of CAP 1.2.
const namespace = "urn:oasis:names:tc:emergency:cap:1.2"

// Values of CAP that this package uses (CAP-v1.2 §3.2).
const (
	statusActual, statusTest, statusExercise = "Actual", "Test", "Exercise"
	typeAlert, typeUpdate, typeCancel        = "Alert", "Update", "Cancel"
)

// alert is an alert of CAP 1.2. Its fields have the order of the schema.
type alert struct {
	XMLName     xml.Name `xml:"urn:oasis:names:tc:emergency:cap:1.2 alert"`
	Identifier  string   `xml:"identifier"`
	Sender      string   `xml:"sender"`
	Sent        moment   `xml:"sent"`
	Status      string   `xml:"status"`
	MsgType     string   `xml:"msgType"`
	Scope       string   `xml:"scope"`
	Restriction string   `xml:"restriction,omitempty"`
	Note        string   `xml:"note,omitempty"`
	// References is a list of sender,identifier,sent of the chain's earlier messages, separated by
	// spaces.
	References string `xml:"references,omitempty"`
	Incidents  string `xml:"incidents,omitempty"`
	Info       info   `xml:"info"`
}

// info is the only info of an alert, in English.
type info struct {
	Language     string  `xml:"language"`
	Category     string  `xml:"category"`
	Event        string  `xml:"event"`
	ResponseType string  `xml:"responseType,omitempty"`
	Urgency      string  `xml:"urgency"`
	Severity     string  `xml:"severity"`
	Certainty    string  `xml:"certainty"`
	Effective    *moment `xml:"effective,omitempty"`
	Onset        *moment `xml:"onset,omitempty"`
	Expires      *moment `xml:"expires,omitempty"`
	SenderName   string  `xml:"senderName,omitempty"`
	Headline     string  `xml:"headline"`
	Description  string  `xml:"description"`
	Web          string  `xml:"web,omitempty"`
	Contact      string  `xml:"contact,omitempty"`
	Parameters   []named `xml:"parameter"`
	Area         area    `xml:"area"`
}

type area struct {
	Desc     string  `xml:"areaDesc"`
	Geocodes []named `xml:"geocode"`
}

// named is a value with a name.
type named struct {
	Name  string `xml:"valueName"`
	Value string `xml:"value"`
}

// moment is a time in CAP's format: whole seconds, and -00:00 for UTC, never Z (CAP-v1.2 §3.3.2).
type moment struct{ time.Time }

const momentLayout = "2006-01-02T15:04:05"

func at(t time.Time) moment { return moment{t.UTC().Truncate(time.Second)} }

// String returns a time such as 2014-12-22T16:15:08-00:00.
func (m moment) String() string { return m.UTC().Format(momentLayout) + "-00:00" }

// MarshalText returns the text of String.
func (m moment) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText parses the text of MarshalText.
func (m *moment) UnmarshalText(b []byte) error {
	t, err := time.Parse(time.RFC3339, string(b))
	m.Time = t.UTC()
	return err
}

// reference returns the text by which a later message refers to this one.
func (a *alert) reference() string { return a.Sender + "," + a.Identifier + "," + a.Sent.String() }

// parameter returns the value of a parameter; empty if there is none.
func (a *alert) parameter(name string) string {
	for _, p := range a.Info.Parameters {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// chain holds the references for the next message.
type chain struct {
	// References are the references to the messages so far.
	References []string `json:"references"`
	// Ended means that the last message ended the incident.
	Ended bool `json:"ended"`
}

// maxReferences bounds a chain's references: the first message and the newest ones.
const maxReferences = 20

// chain returns the chain of an alert and the messages before it.
func (a *alert) chain() *chain {
	refs := append(strings.Fields(a.References), a.reference())
	if n := len(refs); n > maxReferences {
		refs = append(refs[:1:1], refs[n-maxReferences+1:]...)
	}
	return &chain{References: refs, Ended: ends(a.parameter(parameterMessage))}
}

// write returns the document.
func (a *alert) write() ([]byte, error) {
	b, err := xml.MarshalIndent(a, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing a CAP alert: %w", err)
	}
	return append(append([]byte(xml.Header), b...), '\n'), nil
}

// readAlert parses a document of write.
func readAlert(b []byte) (*alert, error) {
	var a alert
	if err := xml.Unmarshal(b, &a); err != nil {
		return nil, fmt.Errorf("reading a CAP alert: %w", err)
	}
	if a.XMLName.Space != namespace || a.Identifier == "" || a.Sent.IsZero() {
		return nil, fmt.Errorf("reading a CAP alert: %q is not one of CAP 1.2", a.Identifier)
	}
	return &a, nil
}
