// A load generator on Go's clientv3: one kind of work, many clients, one line of JSON with rate, latencies and the server's CPU.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math/rand"
	"os"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/client/v3"
)

var (
	endpoint  = flag.String("endpoint", "127.0.0.1:2379", "server, or several with commas: connections take them in turn")
	work      = flag.String("work", "put", "put | get | txn | range | watch | fill")
	clients   = flag.Int("clients", 100, "concurrent callers")
	conns     = flag.Int("connections", 10, "connections they share")
	seconds   = flag.Float64("seconds", 5, "how long")
	total     = flag.Int64("total", 0, "stop after so many operations instead")
	keys      = flag.Int("keys", 100000, "key space")
	valueSize = flag.Int("value-bytes", 256, "size of a value")
	rangeKeys = flag.Int("range-keys", 1000, "keys a range answers")
	warmup    = flag.Float64("warmup", 1, "seconds that are not counted")
	pid       = flag.String("pid", "", "server process to read CPU and memory of, or several with commas: they are summed")
)

// servers are the processes that are measured.
var servers []int

type result struct {
	Work       string  `json:"work"`
	Operations int64   `json:"operations"`
	Seconds    float64 `json:"seconds"`
	Rate       float64 `json:"rate"`
	P50Ms      float64 `json:"p50Ms"`
	P99Ms      float64 `json:"p99Ms"`
	MaxMs      float64 `json:"maxMs"`
	CPUMicros  float64 `json:"serverCpuMicrosPerOperation"`
	OwnMicros  float64 `json:"clientCpuMicrosPerOperation"`
	RSSMiB     float64 `json:"serverRssMiB"`
	Errors     int64   `json:"errors"`
}

func main() {
	flag.Parse()
	servers = pids(*pid)
	endpoints := strings.Split(*endpoint, ",")
	pool := make([]*clientv3.Client, *conns)
	for i := range pool {
		one := endpoints[i%len(endpoints)]
		c, err := clientv3.New(clientv3.Config{Endpoints: []string{one}, DialTimeout: 10 * time.Second})
		if err != nil {
			log.Fatal(err)
		}
		pool[i] = c
		if _, err := c.Get(context.Background(), "connect"); err != nil {
			log.Fatal(err)
		}
	}
	if *work == "watch" {
		print(watch(pool))
		return
	}
	if *work == "range" {
		fillRange(pool[0])
	}
	print(drive(pool, operation()))
}

func print(r result) {
	line, _ := json.Marshal(r)
	fmt.Println(string(line))
}

func key(n int) string { return fmt.Sprintf("/registry/pods/default/%09d", n) }

func operation() func(c *clientv3.Client, r *rand.Rand, n int64) error {
	value := randomValue(*valueSize)
	ctx := context.Background()
	switch *work {
	case "put":
		return func(c *clientv3.Client, r *rand.Rand, _ int64) error {
			_, err := c.Put(ctx, key(r.Intn(*keys)), value)
			return err
		}
	case "fill":
		return func(c *clientv3.Client, _ *rand.Rand, n int64) error {
			_, err := c.Put(ctx, key(int(n)%*keys), value)
			return err
		}
	case "get":
		return func(c *clientv3.Client, r *rand.Rand, _ int64) error {
			_, err := c.Get(ctx, key(r.Intn(*keys)))
			return err
		}
	case "txn":
		return func(c *clientv3.Client, r *rand.Rand, _ int64) error {
			k := key(r.Intn(*keys))
			_, err := c.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(k), ">", -1)).Then(clientv3.OpPut(k, value), clientv3.OpGet(k)).Commit()
			return err
		}
	case "range":
		return func(c *clientv3.Client, _ *rand.Rand, _ int64) error {
			got, err := c.Get(ctx, "range/", clientv3.WithPrefix())
			if err == nil && len(got.Kvs) != *rangeKeys {
				return fmt.Errorf("%d keys", len(got.Kvs))
			}
			return err
		}
	}
	log.Fatalf("no such work: %s", *work)
	return nil
}

func randomValue(size int) string {
	bytes := make([]byte, size)
	rand.New(rand.NewSource(1)).Read(bytes)
	return string(bytes)
}

func fillRange(c *clientv3.Client) {
	value := randomValue(*valueSize)
	for i := 0; i < *rangeKeys; i++ {
		if _, err := c.Put(context.Background(), fmt.Sprintf("range/%06d", i), value); err != nil {
			log.Fatal(err)
		}
	}
}

func drive(pool []*clientv3.Client, op func(c *clientv3.Client, r *rand.Rand, n int64) error) result {
	var sequence, failed atomic.Int64
	var counting, stop atomic.Bool
	lists := make([][]time.Duration, *clients)
	var wait sync.WaitGroup
	for i := range lists {
		wait.Add(1)
		go func() {
			defer wait.Done()
			random := rand.New(rand.NewSource(int64(i)))
			c := pool[i%len(pool)]
			for !stop.Load() {
				n := sequence.Add(1) - 1
				if *total > 0 && n >= *total {
					return
				}
				began := time.Now()
				if err := op(c, random, n); err != nil {
					if failed.Add(1) < 5 {
						fmt.Fprintln(os.Stderr, err)
					}
				} else if counting.Load() {
					lists[i] = append(lists[i], time.Since(began))
				}
			}
		}()
	}
	if *total == 0 {
		time.Sleep(time.Duration(*warmup * float64(time.Second)))
	}
	began, cpu, own := time.Now(), cpuSeconds(servers...), cpuSeconds(os.Getpid())
	counting.Store(true)
	if *total == 0 {
		time.Sleep(time.Duration(*seconds * float64(time.Second)))
		counting.Store(false)
	} else {
		wait.Wait()
	}
	elapsed, cpu, own := time.Since(began).Seconds(), cpuSeconds(servers...)-cpu, cpuSeconds(os.Getpid())-own
	stop.Store(true)
	wait.Wait()
	var all []time.Duration
	for _, list := range lists {
		all = append(all, list...)
	}
	return summary(all, elapsed, cpu, own, failed.Load())
}

func summary(all []time.Duration, elapsed, cpu, own float64, failed int64) result {
	sort.Slice(all, func(a, b int) bool { return all[a] < all[b] })
	at := func(share float64) float64 {
		if len(all) == 0 {
			return 0
		}
		return float64(all[min(len(all)-1, int(share*float64(len(all))))].Microseconds()) / 1000
	}
	n := int64(len(all))
	return result{
		Work: *work, Operations: n, Seconds: elapsed, Rate: float64(n) / elapsed, P50Ms: at(0.5), P99Ms: at(0.99), MaxMs: at(1),
		CPUMicros: cpu / float64(max(n, 1)) * 1e6, OwnMicros: own / float64(max(n, 1)) * 1e6, RSSMiB: rssMiB(servers...), Errors: failed,
	}
}
