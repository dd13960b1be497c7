package main

import (
	"encoding/binary"
	"math/rand/v2"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// maker makes messages: whole ones, spoiled ones, some of odd fields, some of noise.
type maker struct{ *rand.Rand }

func (m maker) any() []byte {
	switch m.IntN(8) {
	case 0:
		return m.bytes(60)
	case 1:
		return m.bytes(8)
	case 2, 3:
		return m.fields(3)
	case 4:
		return m.spoiled(m.fields(3))
	case 5:
		return m.whole()
	default:
		return m.spoiled(m.whole())
	}
}

func (m maker) bytes(below int) []byte {
	made := make([]byte, m.IntN(below))
	for i := range made {
		made[i] = byte(m.Uint32())
	}
	return made
}

func (m maker) whole() []byte {
	made, err := proto.Marshal(m.message(2))
	if err != nil {
		panic(err)
	}
	return made
}

var edges = []uint64{0, 1 << 31, 1<<32 - 1, 1 << 32, 1<<53 - 1, 1 << 53, 1 << 63, 1<<64 - 1}

func (m maker) number() *uint64 {
	switch m.IntN(4) {
	case 0:
		return nil
	case 1:
		return &edges[m.IntN(len(edges))]
	default:
		return proto.Uint64(m.Uint64() >> m.IntN(64))
	}
}

func (m maker) numbers() []uint64 {
	var made []uint64
	for range m.IntN(4) {
		made = append(made, m.Uint64()>>m.IntN(64))
	}
	return made
}

func (m maker) message(depth int) *raftpb.Message {
	made := &raftpb.Message{
		To: m.number(), From: m.number(), Term: m.number(), LogTerm: m.number(), Index: m.number(), Commit: m.number(),
		Vote: m.number(), RejectHint: m.number(),
	}
	if m.IntN(3) > 0 {
		made.Type = raftpb.MessageType(m.IntN(26)).Enum()
	}
	if m.IntN(3) == 0 {
		made.Reject, made.Context = proto.Bool(m.IntN(2) == 0), m.bytes(10)
	}
	for range m.IntN(3) {
		entry := &raftpb.Entry{Term: m.number(), Index: m.number(), Data: m.bytes(20)}
		if m.IntN(2) == 0 {
			entry.Type = raftpb.EntryType(m.IntN(4)).Enum()
		}
		made.Entries = append(made.Entries, entry)
	}
	if m.IntN(3) == 0 {
		made.Snapshot = m.snapshot()
	}
	for range m.IntN(1 + depth) {
		made.Responses = append(made.Responses, m.message(depth-1))
	}
	return made
}

func (m maker) snapshot() *raftpb.Snapshot {
	made := &raftpb.Snapshot{Data: m.bytes(10)}
	if m.IntN(4) > 0 {
		made.Metadata = &raftpb.SnapshotMetadata{Index: m.number(), Term: m.number()}
	}
	if m.IntN(4) > 0 && made.Metadata != nil {
		made.Metadata.ConfState = &raftpb.ConfState{
			Voters: m.numbers(), Learners: m.numbers(), VotersOutgoing: m.numbers(), LearnersNext: m.numbers(), AutoLeave: proto.Bool(m.IntN(2) == 0),
		}
	}
	return made
}

// varint is longer now and then than it need be, and than it may be.
func (m maker) varint(n uint64) []byte {
	made := binary.AppendUvarint(nil, n)
	for more := m.IntN(11) * (m.IntN(8) / 7); more > 0; more-- {
		made[len(made)-1] |= 0x80
		made = append(made, 0)
	}
	if m.IntN(40) == 0 {
		made[len(made)-1] |= 0x80
		made = append(made, byte(m.Uint32()))
	}
	return made
}

var oddFields = []uint64{0, 1 << 28, 1<<29 - 1, 1 << 29, 1<<31 - 1, 1 << 31, 1 << 60, 1<<61 - 1}

// fields are of any number, known or not, and of any wire type, right or not.
func (m maker) fields(depth int) []byte {
	var made []byte
	for range m.IntN(6) {
		field, wire := uint64(1+m.IntN(15)), uint64(m.IntN(6))
		switch m.IntN(20) {
		case 0:
			field = oddFields[m.IntN(len(oddFields))]
		case 1:
			wire = uint64(m.IntN(8))
		}
		made = append(append(made, m.varint(field<<3|wire)...), m.content(field, wire, depth)...)
	}
	return made
}

func (m maker) content(field, wire uint64, depth int) []byte {
	switch wire {
	case 0:
		return m.varint(m.Uint64() >> m.IntN(64))
	case 1:
		return make([]byte, 8)
	case 2:
		content := m.bytes(6)
		if depth > 0 && m.IntN(3) > 0 {
			content = m.fields(depth - 1)
		}
		return append(m.varint(uint64(len(content))), content...)
	case 3:
		var content []byte
		if depth > 0 {
			content = m.fields(depth - 1)
		}
		if m.IntN(10) == 0 {
			field++
		}
		return append(content, m.varint(field<<3|4)...)
	case 5:
		return make([]byte, 4)
	}
	return nil
}

// spoiled has some bytes changed, cut off, left out, put in or said twice.
func (m maker) spoiled(bytes []byte) []byte {
	for range m.IntN(4) {
		if len(bytes) == 0 {
			return bytes
		}
		at := m.IntN(len(bytes))
		before, after := bytes[:at:at], bytes[at:]
		switch m.IntN(6) {
		case 0:
			bytes[at] = byte(m.Uint32())
		case 1:
			bytes[at] ^= 1 << m.IntN(8)
		case 2:
			bytes = before
		case 3:
			bytes = append(before, after[1:]...)
		case 4:
			bytes = append(append(before, m.bytes(5)...), after...)
		case 5:
			bytes = append(bytes, after[:m.IntN(len(after))]...)
		}
	}
	return bytes
}
