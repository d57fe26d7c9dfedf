// Package checkpoint keeps the state of a detector on bgp.checkpoints.v1, so that a new process goes on from there and not from the beginning of
// bgp.routes.v1.
//
// A checkpoint is a manifest and chunks. The chunks hold snapshots, one after the other, in one zstd stream that is cut into pieces of at most ChunkBytes.
// A producer of its own writes them: it is not part of the stage's transactions, so a process that was replaced meanwhile (fenced) can still write some.
// The manifest is a record that the stage publishes in its next transaction, which a fenced process cannot commit. It names the offsets, the id, the length and
// the SHA-256 of the chunks: a checkpoint is what its manifest names, and nothing else in the slot counts.
//
// Two slots alternate. The newest checkpoint is the one with the highest window, whatever stands later in the topic.
//
// Goroutines: one for each Writing, ended by its end or by Writer.Close; those of franz-go's clients.
package checkpoint
