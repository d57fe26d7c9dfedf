// Package wire turns bytes into the domain and nothing else: BGP messages (RFC 4271, 4760, 6793, 7606, 7911, 8654), MRT
// records (RFC 6396, 8050), BMP (RFC 7854) and RIS Live's JSON.
//
// Inputs are byte slices and readers of other people's data: every length is checked against what is there before it is
// used and against a cap before anything is allocated. Nothing here logs, starts a goroutine or keeps its input. A Decoder
// and an MRTReader reuse their memory: what they return holds until their next call, and neither is safe for concurrent use.
package wire
