// Package target holds the types that all targets of alerts share: messages, traits of a target, and how
// it answers. Each kind of place is a package below this one and imports no other of them. notify makes the messages, keeps what each
// place was told, and decides when something is tried again; a Target only knows its protocol.
package target
