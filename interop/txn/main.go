// Replays transactions and ranges on etcd's own apply code and writes down the bytes it answers.
//
//	node interop/txn/histories.js | go run . > vectors.json
//
// The result is the judge of src/apply/twin.test.ts, which needs no Go.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"

	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/pkg/v3/traceutil"
	"go.etcd.io/etcd/server/v3/etcdserver/txn"
	"go.etcd.io/etcd/server/v3/lease"
	"go.etcd.io/etcd/server/v3/storage/backend"
	"go.etcd.io/etcd/server/v3/storage/mvcc"
)

// A Step is one encoded request and what came of it.
type Step struct {
	Txn     string `json:"txn,omitempty"`
	Range   string `json:"range,omitempty"`
	Compact int64  `json:"compact,omitempty"`
	Answer  string `json:"answer"`
	Error   string `json:"error,omitempty"`
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func decode(text string, into proto.Message) {
	bytes, err := base64.StdEncoding.DecodeString(text)
	must(err)
	must(proto.Unmarshal(bytes, into))
}

func run(steps []Step, dir string) {
	log := zap.NewNop()
	be := backend.NewDefaultBackend(log, filepath.Join(dir, "db"))
	defer be.Close()
	lessor := &lease.FakeLessor{LeaseSet: map[lease.LeaseID]struct{}{7: {}}}
	kv := mvcc.NewStore(log, be, lessor, mvcc.StoreConfig{})
	defer kv.Close()
	for i := range steps {
		step := &steps[i]
		var answer proto.Message
		var err error
		if step.Compact != 0 {
			var done <-chan struct{}
			if done, err = kv.Compact(traceutil.TODO(), step.Compact); err != nil {
				step.Error = err.Error()
			} else {
				<-done
			}
			continue
		} else if step.Txn != "" {
			request := &pb.TxnRequest{}
			decode(step.Txn, request)
			answer, _, err = txn.Txn(context.Background(), log, request, false, kv, lessor, false)
		} else {
			request := &pb.RangeRequest{}
			decode(step.Range, request)
			answer, _, err = txn.Range(context.Background(), log, kv, request, true)
		}
		if err != nil {
			step.Error = err.Error()
			continue
		}
		bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(answer)
		must(err)
		step.Answer = base64.StdEncoding.EncodeToString(bytes)
	}
}

func main() {
	var histories [][]Step
	must(json.NewDecoder(os.Stdin).Decode(&histories))
	for _, steps := range histories {
		dir, err := os.MkdirTemp("", "txn")
		must(err)
		run(steps, dir)
		must(os.RemoveAll(dir))
	}
	must(json.NewEncoder(os.Stdout).Encode(histories))
}
