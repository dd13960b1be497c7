// Twin test: the same seeded requests go to a real etcd and to Quorate, and every answer must be equal, code and text included.
//
// Both servers must be empty and have the same name and advertised peer URL, so that their ids, and with them whole answers, are
// equal too. A difference is printed with its sequence's seed and both answers, and ends the run with exit code 1.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

var (
	judge     = flag.String("etcd", "127.0.0.1:2379", "the real etcd")
	candidate = flag.String("quorate", "127.0.0.1:12379", "the one to be judged")
	sequences = flag.Int("sequences", 2000, "how many sequences to send")
	seed      = flag.Int64("seed", 1, "seed of the first sequence; the n-th has seed+n")
	verbose   = flag.Bool("verbose", false, "print each request")
	keepGoing = flag.Bool("keep-going", false, "print every difference instead of ending at the first")
)

func main() {
	flag.Parse()
	pair := &twins{sides: [2]*side{dial(*judge), dial(*candidate)}}
	began := time.Now()
	for n := 0; n < *sequences; n++ {
		s := newSequence(pair, *seed+int64(n))
		s.run()
		if pair.differences > 0 && !*keepGoing {
			break
		}
		if pair.differences > 30 {
			break
		}
	}
	fmt.Printf("%d sequences, %d requests, %d watch events in %s\n", pair.sequences, pair.requests, pair.events, time.Since(began).Round(time.Millisecond))
	fmt.Printf("twin: %d passed, %d failed\n", pair.requests-pair.differences, pair.differences)
	if pair.differences > 0 {
		os.Exit(1)
	}
}

type twins struct {
	sides       [2]*side
	sequences   int
	requests    int
	events      int
	differences int
}

// side is one server: its connection.
type side struct {
	name string
	conn *grpc.ClientConn
}

func dial(address string) *side {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<30), grpc.MaxCallSendMsgSize(1<<30)))
	if err != nil {
		log.Fatal(err)
	}
	return &side{name: address, conn: conn}
}

func (t *twins) differ(s *sequence, what, a, b string) {
	t.differences++
	fmt.Printf("DIFFERENCE in sequence %d (replay with -seed %d -sequences 1 on fresh servers if it shows there)\n  %s\n  etcd:    %s\n  quorate: %s\n", s.seed, s.seed, what, a, b)
}
