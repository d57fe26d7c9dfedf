// Package wire decodes octets into the types of package bgp: BGP messages (RFC 4271, 4760, 6793,
// 7606, 7911, 8654), MRT records (RFC 6396, 8050), BMP (RFC 7854) and the JSON of RIS Live. It also
// encodes plain UPDATEs.
//
// Inputs are byte slices and readers of foreign data. Each length is checked against the available
// octets before use, and against a cap before any allocation. The package logs nothing, starts no
// goroutine and retains no input. A Decoder and an MRTReader reuse their memory: a result is valid
// until the next call, and neither is safe for concurrent use.
package wire
