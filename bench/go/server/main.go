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
	flag.Parse()

	config := embed.NewConfig()
	config.Name = *name
	config.Dir = *dir
	config.LogLevel = "error"
	config.QuotaBackendBytes = *quota
	config.SnapshotCount = *snapshotCount
	config.ListenClientUrls = []url.URL{parse(*client)}
	config.AdvertiseClientUrls = []url.URL{parse(*client)}
	config.ListenPeerUrls = []url.URL{parse(*peer)}
	if *advertise == "" {
		*advertise = *peer
	}
	config.AdvertisePeerUrls = []url.URL{parse(*advertise)}
	config.InitialCluster = config.InitialClusterFromName(config.Name)

	etcd, err := embed.StartEtcd(config)
	if err != nil {
		log.Fatal(err)
	}
	<-etcd.Server.ReadyNotify()
	println("ready")
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	<-signals
	etcd.Close()
}

func parse(text string) url.URL {
	u, err := url.Parse(text)
	if err != nil {
		log.Fatal(err)
	}
	return *u
}
