//go:build tools

// What run.js builds besides the programs here: etcd's own offline tool, at a version that does not move.
package tools

import _ "go.etcd.io/etcd/etcdutl/v3"
