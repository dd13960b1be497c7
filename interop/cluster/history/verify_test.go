package history

import (
	"strings"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Proves: a revision that no answer tells of is laid to a call whose answer was lost, if that call makes just its events; else to nobody.
func TestLostAnswers(t *testing.T) {
	first := &pb.PutRequest{Key: []byte("k"), Value: []byte("w1-1|v"), Lease: 7}
	again := &pb.PutRequest{Key: []byte("k"), IgnoreValue: true}
	other := &pb.PutRequest{Key: []byte("k"), Value: []byte("w1-2|v")}
	deletion := &pb.DeleteRangeRequest{Key: []byte("k")}
	elsewhere := &pb.DeleteRangeRequest{Key: []byte("l")}
	txn := &pb.TxnRequest{Success: []*pb.RequestOp{
		{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: deletion}},
		{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: []byte("m"), Value: []byte("w1-3|v")}}},
	}}
	for _, c := range []struct {
		name    string
		done    proto.Message
		asked   []proto.Message
		code    codes.Code
		floor   int64
		wrongly string
	}{
		{name: "a put", done: other, asked: []proto.Message{other}},
		{name: "a put that keeps the value", done: again, asked: []proto.Message{elsewhere, again}},
		{name: "a deletion", done: deletion, asked: []proto.Message{again, deletion}},
		{name: "a transaction", done: txn, asked: []proto.Message{deletion, txn}},
		{name: "not asked for", done: again, asked: []proto.Message{other, deletion, txn}, wrongly: "revision 3 was written by nobody"},
		{name: "another key's deletion", done: deletion, asked: []proto.Message{elsewhere}, wrongly: "ends a lease that nobody was granted"},
		{name: "refused", done: other, asked: []proto.Message{other}, code: codes.NotFound, wrongly: "revision 3 was written by nobody"},
		{name: "asked for later", done: other, asked: []proto.Message{other}, floor: 3, wrongly: "revision 3 was written by nobody"},
	} {
		state := NewState()
		answer, written := state.Do(first)
		_, unanswered := state.Do(c.done)
		log := &Log{Last: 3, revisions: map[int64][]*mvccpb.Event{2: written, 3: unanswered}}
		calls := []*Call{{Floor: 1, Request: first, Answer: answer}}
		code := codes.Unavailable
		if c.code != 0 {
			code = c.code
		}
		for _, request := range c.asked {
			calls = append(calls, &Call{Floor: max(c.floor, 2), Request: request, Err: status.Error(code, "lost")})
		}
		judged := Verify(calls, log, nil)
		said := strings.Join(judged.Wrongs, "\n")
		if (c.wrongly == "") != (said == "") || !strings.Contains(said, c.wrongly) {
			t.Errorf("%s: %q, and %q was due", c.name, said, c.wrongly)
		}
		if c.wrongly == "" && judged.Ambiguous != 1 {
			t.Errorf("%s: %d lost answers", c.name, judged.Ambiguous)
		}
	}
}
