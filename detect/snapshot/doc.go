// Package snapshot writes the state of the detector's packages as octets, and reads it again.
//
// A Coder does one or the other. A package has one function for each of its types, which names the
// fields once. The function writes the fields with a Coder of NewWriter, and fills them with a
// Coder of NewReader. So the written and the read fields cannot differ.
//
// A stream is a sequence of blocks: the length of the block and the CRC-32C of its number, its
// length and its content, 4 octets each, little-endian, then the content. A block of length 0 ends
// the stream, so that streams can follow each other. The first block begins with magic, the kind
// and the format of the stream. Values follow each other without names:
//
//   - an unsigned integer as a varint (7 bits an octet, the lowest first); a signed integer
//     zigzag-encoded, then as a varint;
//   - a truth value as 0 or 1; a text as its length and its octets;
//   - a slice or map as its length plus 1, or 0 for nil, then its elements; maps in the order of
//     their keys;
//   - a pointer as 0 for nil, or 1 and the value that it points to.
//
// The same state gives the same octets. Values that are read are checked: memory is allocated as
// the elements come, so that a wrong length allocates at most a small multiple of the elements
// read. An error names the part and the octet.
//
// No goroutines. A Coder serves one goroutine.
package snapshot
