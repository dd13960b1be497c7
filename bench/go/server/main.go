// A Go etcd 3.7.1 member through its embed package: what Quorate is measured against.
package main

import (
	"flag"
	"log"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"go.etcd.io/etcd/server/v3/embed"
)

func main() {
	dir := flag.String("data-dir", "", "data directory")
	client := flag.String("listen-client-urls", "http://127.0.0.1:2379", "client URL")
	peer := flag.String("listen-peer-urls", "http://127.0.0.1:2380", "peer URL to listen on")
	advertise := flag.String("initial-advertise-peer-urls", "", "peer URL that the member's id is made of; the listen URL when empty")
	name := flag.String("name", "default", "member name")
	quota := flag.Int64("quota-backend-bytes", 8<<30, "backend quota")
	snapshotCount := flag.Uint64("snapshot-count", 10000, "entries between snapshots")
	catchUp := flag.Uint64("snapshot-catchup-entries", 5000, "entries kept for slow followers")
	cluster := flag.String("initial-cluster", "", "first members; this one alone when empty")
	state := flag.String("initial-cluster-state", "new", "new | existing")
	flag.Parse()

	config := embed.NewConfig()
	config.Name = *name
	config.Dir = *dir
	config.LogLevel = "error"
	config.QuotaBackendBytes = *quota
	config.SnapshotCount = *snapshotCount
	config.SnapshotCatchUpEntries = *catchUp
	config.ClusterState = *state
	config.ListenClientUrls = []url.URL{parse(*client)}
	config.AdvertiseClientUrls = []url.URL{parse(*client)}
	config.ListenPeerUrls = []url.URL{parse(*peer)}
	if *advertise == "" {
		*advertise = *peer
	}
	config.AdvertisePeerUrls = []url.URL{parse(*advertise)}
	config.InitialCluster = *cluster
	if *cluster == "" {
		config.InitialCluster = config.InitialClusterFromName(config.Name)
	}

	etcd, err := embed.StartEtcd(config)
	if err != nil {
		log.Fatal(err)
	}
	// A member that waits for its cluster to form can be asked to end, too.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	select {
	case <-etcd.Server.ReadyNotify():
		println("ready")
		<-signals
	case <-signals:
	}
	etcd.Close()
}

func parse(text string) url.URL {
	u, err := url.Parse(text)
	if err != nil {
		log.Fatal(err)
	}
	return *u
}
