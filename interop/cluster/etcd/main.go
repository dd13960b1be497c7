// Go etcd 3.7.1 itself, with all its flags and log lines: the member that ours must share a cluster with.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
