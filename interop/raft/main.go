// The Go half of the raft twin: runs seeded streams against go.etcd.io/raft/v3 and prints a hash of all that was seen.
//
//	twin FROM TO STEPS          one line a seed: seed, hash, panicked or not
//	twin SEED SEED STEPS show   every line that goes into the hash
//
// twin.js runs the same streams against Quorate's library. world.go and world.js must draw in the same order.
package main

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"os"
	"strconv"
)

func main() {
	number := func(at int) int {
		n, err := strconv.Atoi(os.Args[at])
		if err != nil {
			panic(err)
		}
		return n
	}
	rand.Reader = timeouts{}
	if len(os.Args) == 2 && os.Args[1] == "speed" {
		speed()
		return
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	show := len(os.Args) > 4
	for seed := number(1); seed <= number(2); seed++ {
		w := newWorld(seed, func(line string) {
			if show {
				fmt.Fprintln(out, line)
			}
		})
		w.run(number(3))
		if !show {
			fmt.Fprintf(out, "%d %08x %v\n", seed, w.hash, w.panicked)
		}
	}
}

// drawing is the node whose election timeout is being drawn: the library has one source for all.
var drawing *node

// timeouts stands in for crypto/rand: the library draws a number below ElectionTick from one byte.
type timeouts struct{}

func (timeouts) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 0
	}
	p[len(p)-1] = byte(drawing.timeouts.below(drawing.config.ElectionTick))
	return len(p), nil
}
