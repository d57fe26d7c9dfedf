// Package checkpoint keeps the state of a detector on bgp.checkpoints.v1, so that a new process
// continues from that state and not from the beginning of bgp.routes.v1.
//
// A checkpoint is a manifest and chunks. The chunks hold snapshots, one after the other, in one
// zstd stream that is cut into pieces of at most ChunkBytes. A separate producer writes them. It is
// not part of the stage's transactions, so a process that was replaced meanwhile (fenced) can still
// write some. The stage publishes the manifest as a record of its next transaction, which a fenced
// process cannot commit. The manifest names the offsets, the id, the length and the SHA-256 of the
// chunks. Only the chunks that a manifest names belong to a checkpoint; other chunks in the slot do
// not count.
//
// Two slots alternate. The newest checkpoint is the one with the highest window, wherever its
// records are in the topic.
//
// Goroutines: one for each Writing, which ends when the chunks are written or with Writer.Close;
// and those of franz-go's clients.
package checkpoint
