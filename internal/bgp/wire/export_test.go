package wire

// bmpFlagF has the V flag's place in a Loc-RIB peer's header (RFC 9069 §4.2).
const bmpFlagF = 0x80

// Filtered is the F flag: the router sends a part of its Loc-RIB (RFC 9069 §4.2).
func (p *BMPPeer) Filtered() bool { return p.Type == BMPPeerLocRIB && p.Flags&bmpFlagF != 0 }

// PostPolicy is the L flag, of Adj-RIB-In and Adj-RIB-Out (RFC 7854 §5, RFC 8671 §5).
func (p *BMPPeer) PostPolicy() bool { return p.Type != BMPPeerLocRIB && p.Flags&bmpFlagL != 0 }

// Peers is how many peers are up.
func (s *BMPSession) Peers() int { return len(s.peers) }

// Offset is how many octets were consumed: where the next record begins.
func (m *MRTReader) Offset() int64 { return m.offset }
