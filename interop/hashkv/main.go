// Replays histories of operations on etcd's own store and writes down what HashKV answers.
//
//	node interop/hashkv/histories.js | go run . > vectors.json
//
// The result is the judge of src/mvcc/hash.test.ts, which needs no Go.
package main

import (
	"encoding/json"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"go.etcd.io/etcd/pkg/v3/traceutil"
	"go.etcd.io/etcd/server/v3/lease"
	"go.etcd.io/etcd/server/v3/storage/backend"
	"go.etcd.io/etcd/server/v3/storage/mvcc"
)

type Change struct {
	Key    string  `json:"key"`
	Value  string  `json:"value,omitempty"`
	Lease  int64   `json:"lease,omitempty"`
	Delete bool    `json:"delete,omitempty"`
	End    *string `json:"end,omitempty"`
}

type Answer struct {
	Hash            uint32 `json:"hash"`
	CompactRevision int64  `json:"compactRevision"`
	Revision        int64  `json:"revision"`
	Error           string `json:"error,omitempty"`
}

// A Step is one transaction, one compaction or one question for the hash; Answer is filled in.
type Step struct {
	Txn     []Change `json:"txn,omitempty"`
	Compact *int64   `json:"compact,omitempty"`
	Hash    *int64   `json:"hash,omitempty"`
	Answer  *Answer  `json:"answer,omitempty"`
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func run(steps []Step, dir string) {
	log := zap.NewNop()
	be := backend.NewDefaultBackend(log, filepath.Join(dir, "db"))
	defer be.Close()
	s := mvcc.NewStore(log, be, &lease.FakeLessor{}, mvcc.StoreConfig{})
	defer s.Close()
	for i := range steps {
		step := &steps[i]
		switch {
		case step.Compact != nil:
			done, err := s.Compact(traceutil.TODO(), *step.Compact)
			step.Answer = &Answer{}
			if err != nil {
				step.Answer.Error = err.Error()
			} else {
				<-done
			}
		case step.Hash != nil:
			hash, _, err := s.HashStorage().HashByRev(*step.Hash)
			step.Answer = &Answer{Hash: hash.Hash, CompactRevision: hash.CompactRevision, Revision: hash.Revision}
			if err != nil {
				step.Answer = &Answer{Error: err.Error()}
			}
		default:
			txn := s.Write(traceutil.TODO())
			for _, c := range step.Txn {
				if !c.Delete {
					txn.Put([]byte(c.Key), []byte(c.Value), lease.LeaseID(c.Lease))
				} else if c.End == nil {
					txn.DeleteRange([]byte(c.Key), nil)
				} else {
					txn.DeleteRange([]byte(c.Key), []byte(*c.End))
				}
			}
			txn.End()
		}
	}
}

func main() {
	var histories [][]Step
	must(json.NewDecoder(os.Stdin).Decode(&histories))
	for _, steps := range histories {
		dir, err := os.MkdirTemp("", "hashkv")
		must(err)
		run(steps, dir)
		must(os.RemoveAll(dir))
	}
	out := json.NewEncoder(os.Stdout)
	must(out.Encode(histories))
}
