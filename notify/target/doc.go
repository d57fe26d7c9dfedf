// Package target holds the types that all targets of alerts share: messages, traits of a target,
// and its answers. Each kind of target is a package below this one and does not import the others.
// notify makes the messages, stores the state sent to each target, and decides on retries; a Target
// only implements its protocol.
package target
