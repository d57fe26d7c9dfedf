// Package snapshot writes the state of the detector's packages as octets, and reads it again.
//
// A Coder does either. A package has one function for each of its types that names the fields once; it writes them with a Coder of
// NewWriter, and fills them with one of NewReader. So what is written and what is read cannot differ.
//
// A stream is a sequence of blocks: the length of the block and the CRC-32C of its number, its length and its content, 4 octets each,
// little-endian, then the content. A block of length 0 ends the stream, so that streams can follow each other. The first block begins with
// magic, the kind and the format of the stream. Values follow each other without names:
//
//   - an unsigned integer as a varint (7 bits an octet, the lowest first), a signed one zigzag-encoded before;
//   - a truth value as 0 or 1; a text as its length and its octets;
//   - a slice or map as its length plus 1, 0 for nil, then its elements; maps in the order of their keys;
//   - a pointer as 0 for nil, or 1 and what it points to.
//
// The same state makes the same octets. What is read is checked: a length never allocates more than the elements that were read need,
// times a small factor, and an error names the part and the octet.
//
// No goroutines. A Coder is for one goroutine.
package snapshot
