package main

import (
	"context"
	"log"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/client/v3"
)

// watch opens `clients` watchers on one key over the pool's connections, puts it at a steady pace and measures from the
// start of each put to each watcher's event.
func watch(pool []*clientv3.Client) result {
	const pace = 20 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var mutex sync.Mutex
	var all []time.Duration
	var pending sync.WaitGroup
	var ready atomic.Int64
	var current atomic.Int64 // unix nanoseconds at which the put under way began; puts never overlap
	for i := 0; i < *clients; i++ {
		events := pool[i%len(pool)].Watch(ctx, "watched", clientv3.WithCreatedNotify())
		go func() {
			for response := range events {
				if response.Created {
					ready.Add(1)
					continue
				}
				arrived := time.Now().UnixNano()
				for range response.Events {
					mutex.Lock()
					all = append(all, time.Duration(arrived-current.Load()))
					mutex.Unlock()
					pending.Done()
				}
			}
		}()
	}
	for ready.Load() < int64(*clients) {
		time.Sleep(10 * time.Millisecond)
	}
	value := randomValue(*valueSize)
	first, cpu, own := time.Now(), cpuSeconds(servers...), cpuSeconds(os.Getpid())
	for time.Since(first).Seconds() < *seconds {
		pending.Add(*clients)
		current.Store(time.Now().UnixNano())
		if _, err := pool[0].Put(ctx, "watched", value); err != nil {
			log.Fatal(err)
		}
		pending.Wait()
		time.Sleep(pace)
	}
	return summary(all, time.Since(first).Seconds(), cpuSeconds(servers...)-cpu, cpuSeconds(os.Getpid())-own, 0)
}
