// Messages as nobody sends them, and what Go's raftpb reads in them.
//
//	codec SEED COUNT     a line each: the bytes in hex, a tab, and what they say, or "refused"
//
// codec.js reads the same bytes with Quorate's decoder, and writes the same of what it read.
package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

func main() {
	number := func(at int) uint64 {
		n, err := strconv.ParseUint(os.Args[at], 10, 64)
		if err != nil {
			panic(err)
		}
		return n
	}
	m := maker{rand.New(rand.NewPCG(number(1), 0))}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for range number(2) {
		bytes := m.any()
		var read raftpb.Message
		said := "refused"
		if err := proto.Unmarshal(bytes, &read); err == nil {
			said = show(&read)
		} else if !strings.HasSuffix(err.Error(), "cannot parse invalid wire-format data") {
			said = err.Error()
		}
		fmt.Fprintf(out, "%x\t%s\n", bytes, said)
	}
}

// safe is a number as ours reads it: none counts beyond what is exact in a double.
func safe(n uint64) uint64 { return min(n, 1<<53-1) }

// show tells all of a message; what is absent as what it then means.
func show(m *raftpb.Message) string {
	text := fmt.Sprint(
		"(", int32(m.GetType()), " ", m.GetTo(), " ", m.GetFrom(), " ", m.GetVote(), " ", safe(m.GetTerm()), " ", safe(m.GetLogTerm()),
		" ", safe(m.GetIndex()), " ", safe(m.GetCommit()), " ", safe(m.GetRejectHint()), " ", m.GetReject(),
	)
	if m.Context != nil {
		text += fmt.Sprintf(" context %x", m.Context)
	}
	for _, e := range m.Entries {
		text += fmt.Sprintf(" entry %d %d %d %x", int32(e.GetType()), safe(e.GetTerm()), safe(e.GetIndex()), e.GetData())
	}
	if s := m.Snapshot; s != nil {
		metadata := s.GetMetadata()
		c := metadata.GetConfState()
		text += fmt.Sprintf(" snapshot %x %d %d", s.GetData(), safe(metadata.GetIndex()), safe(metadata.GetTerm()))
		text += fmt.Sprint(c.GetVoters(), c.GetLearners(), c.GetVotersOutgoing(), c.GetLearnersNext(), c.GetAutoLeave())
	}
	for _, response := range m.Responses {
		text += show(response)
	}
	return text + ")"
}
